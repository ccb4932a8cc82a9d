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
/* Shortest text that reads back to the same double ("0.1", "5", "-0", "1e-300", "nan", "inf", "-inf"); returns its length. */
size_t numc__write_double(char text[NUMC_NUMBER_TEXT_SIZE], double value);
/* `digits` significant digits (1..17), rounded correctly, half to even; zeros at the end are left out, as %.Ng does. */
size_t numc__write_double_digits(char text[NUMC_NUMBER_TEXT_SIZE], double value, int digits);
size_t numc__write_integer(char text[NUMC_NUMBER_TEXT_SIZE], int64_t value);
/* C hex float ("0x1.8p+1"), exact. */
size_t numc__write_double_hex(char text[NUMC_NUMBER_TEXT_SIZE], double value);
/* Reads a decimal ("-1.5e3", ".5", "1.", "inf", "infinity", "nan" in any case), correctly rounded, whatever the locale; beyond
 * the range it is infinity or 0. No space is skipped. Returns the number of characters used, 0 if there is no number. */
size_t numc__read_double(const char *text, size_t size, double *value);
/* As above for [+-]digits; 0 also when the number does not fit. */
size_t numc__read_integer(const char *text, size_t size, int64_t *value);

/* As snprintf with %d %i %u %x %X %o %c %s %p %% and the lengths hh h l ll j z t, flags, width and precision; no %n, no wide
 * characters. No locale is looked at. %g without precision is the shortest text that reads back; %.Ng, %.Ne and %.Nf are as in
 * the C locale, but the exponent has no padding ("1e-5"). Returns the length the whole text has; size is at least 1. */
size_t numc__format(char *text, size_t size, const char *format, ...) NUMC_FORMAT(3, 4);
size_t numc__format_list(char *text, size_t size, const char *format, va_list list) NUMC_FORMAT(3, 0);

void numc__text_begin(numc_text *text, numc_core *core);
void numc__text_add(numc_text *text, const char *format, ...) NUMC_FORMAT(2, 3); /* formats of numc__format */
void numc__text_add_bytes(numc_text *text, const char *bytes, size_t count);
void numc__text_add_double(numc_text *text, double value); /* shortest round trip */
void numc__text_end(numc_text *text); /* frees */

#endif
