/* effort.h - for tests: how much of a repetition a build does. Instrumented code is 3 to 40 times as slow and looks for mistakes in memory
 * and between threads, which the same code on another thousand numbers does not make: there, what only statistics need is left out
 * (INSTRUMENTED), and repetitions are a part of a plain build's (PART_OF). On a backend that compiles each case when it meets it, one case
 * of NUMC_TEST_PART is looked at (left_out, part_of). */
#ifndef NUMC_TESTS_EFFORT_H
#define NUMC_TESTS_EFFORT_H

#include <stdbool.h>
#include <stdlib.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
enum { INSTRUMENTED = 1, EFFORT_DIVISOR = 10 };
#elif defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { INSTRUMENTED = 1, EFFORT_DIVISOR = 4 };
#else
enum { INSTRUMENTED = 0, EFFORT_DIVISOR = 1 };
#endif

#define PART_OF(count) ((count) / EFFORT_DIVISOR)

static inline long effort_part(void)
{
    const char *text = getenv("NUMC_TEST_PART");
    long part = text != NULL ? strtol(text, NULL, 10) : 1;
    return part > 1 ? part : 1;
}

/* Whether case `number` of a table is left out. */
static inline bool left_out(long number)
{
    return number % effort_part() != 0;
}

static inline long part_of(long count)
{
    long part = PART_OF(count) / effort_part();
    return part > 1 ? part : 1;
}

/* The first words of a test that is about statistics. Include after cmocka.h. */
#define STATISTICS()                                                                               \
    do {                                                                                           \
        if (INSTRUMENTED) {                                                                        \
            print_message("skipped: statistics, and this build is instrumented\n");                \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
