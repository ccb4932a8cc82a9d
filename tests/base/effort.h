/* effort.h - for tests: how much of a repetition a build does. Instrumented code is 3 to 40 times as slow and looks for mistakes in memory
 * and between threads, which the same code on another thousand numbers does not make: there, what only statistics need is left out
 * (INSTRUMENTED), and repetitions are a part of a plain build's (PART_OF). */
#ifndef NUMC_TESTS_EFFORT_H
#define NUMC_TESTS_EFFORT_H

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

/* The first words of a test that is about statistics. Include after cmocka.h. */
#define STATISTICS()                                                                               \
    do {                                                                                           \
        if (INSTRUMENTED) {                                                                        \
            print_message("skipped: statistics, and this build is instrumented\n");                \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

#endif
