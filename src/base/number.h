/* number.h - internal to src/base: decimal digits of a double, as number.c makes them and format.c lays them out. */
#ifndef NUMC_BASE_NUMBER_H
#define NUMC_BASE_NUMBER_H

#include "base/text.h"

#define NUMC_DECIMALS_MAX 60                       /* decimals a fixed format can have */
#define NUMC_DIGITS_MAX (310 + NUMC_DECIMALS_MAX) /* DBL_MAX has 309 digits before the point */

/* 0.d1 d2 ... 10^point; no digits for 0. */
typedef struct numc_digits {
    int count, point;
    char digit[NUMC_DIGITS_MAX + 2];
} numc_digits;

/* The value is finite and not negative. Exact; half goes to even. */
void numc__digits_significant(numc_digits *result, double value, int count); /* 1 .. NUMC_DIGITS_MAX */
void numc__digits_fixed(numc_digits *result, double value, int decimals);    /* 0 .. NUMC_DECIMALS_MAX */

#endif
