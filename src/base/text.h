/* text.h - internal: numbers as text without locale (shortest round trip), and a growing text buffer. */
#ifndef NUMC_BASE_TEXT_H
#define NUMC_BASE_TEXT_H

#include "base/context.h"

typedef struct numc_text {
    numc_core *core;
    char *data; /* always terminated once anything was written */
    size_t size, capacity;
    bool failed; /* out of memory: further writes are ignored */
} numc_text;

#define NUMC_NUMBER_TEXT_SIZE 40
/* Shortest text that reads back to the same double ("0.1", "1e-300", "nan", "inf", "-inf"); returns its length. */
size_t numc__write_double(char text[NUMC_NUMBER_TEXT_SIZE], double value);
/* `digits` significant digits (1..17), rounded correctly. */
size_t numc__write_double_digits(char text[NUMC_NUMBER_TEXT_SIZE], double value, int digits);
size_t numc__write_integer(char text[NUMC_NUMBER_TEXT_SIZE], int64_t value);
/* C hex float ("0x1.8p+1"), exact. */
size_t numc__write_double_hex(char text[NUMC_NUMBER_TEXT_SIZE], double value);
/* Reads a decimal, correctly rounded, whatever the locale. Returns the number of characters used, 0 if none. */
size_t numc__read_double(const char *text, size_t size, double *value);
size_t numc__read_integer(const char *text, size_t size, int64_t *value);

void numc__text_begin(numc_text *text, numc_core *core);
void numc__text_add(numc_text *text, const char *format, ...) NUMC_FORMAT(2, 3); /* %s %d %zu ... but no %g %f %e */
void numc__text_add_double(numc_text *text, double value);
void numc__text_end(numc_text *text); /* frees */

#endif
