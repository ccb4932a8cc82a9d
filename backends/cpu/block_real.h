/* block_real.h - internal to the cpu backend: the operations on one real dtype that are exact or rounded once by the machine.
 * Included once for float32 and once for float64, with T, SUFFIX, DTYPE, BITS (the unsigned type of T's size),
 * SIGN_BIT and F(name) (the libm function of T) defined. */

/* The standard's floor division: an infinite dividend or a zero divisor as true division; else the exact remainder
 * decides, so that the quotient is a whole number although x / y was rounded. Computed in double, rounded once. */
static inline double NAME(floor_quotient)(double x, double y)
{
    if (y == 0.0 || !isfinite(x) || !isfinite(y))
        return x / y;
    double rest = fmod(x, y);
    double quotient = (x - rest) / y;
    if (rest != 0.0 && (rest < 0.0) != (y < 0.0))
        quotient -= 1.0;
    if (quotient == 0.0)
        return copysign(0.0, x / y);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

static inline double NAME(floor_rest)(double x, double y)
{
    double rest = fmod(x, y);
    if (rest == 0.0)
        return copysign(0.0, y);
    return (rest < 0.0) != (y < 0.0) ? rest + y : rest;
}

static inline int NAME(has_sign)(T x)
{
    BITS bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & SIGN_BIT) != 0;
}

DEFINE_UNARY(NAME(negative), T, T, -x)
DEFINE_UNARY(NAME(abs), T, T, F(fabs)(x))
DEFINE_UNARY(NAME(sign), T, T, x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x)
DEFINE_UNARY(NAME(floor), T, T, F(floor)(x))
DEFINE_UNARY(NAME(ceil), T, T, F(ceil)(x))
DEFINE_UNARY(NAME(trunc), T, T, F(trunc)(x))
DEFINE_UNARY(NAME(round), T, T, F(rint)(x))
DEFINE_UNARY(NAME(sqrt), T, T, F(sqrt)(x))
DEFINE_UNARY(NAME(square), T, T, x *x)
DEFINE_UNARY(NAME(reciprocal), T, T, 1 / x)
DEFINE_UNARY(NAME(isnan), T, uint8_t, x != x)
DEFINE_UNARY(NAME(isinf), T, uint8_t, (x - x != x - x) & (x == x))
DEFINE_UNARY(NAME(isfinite), T, uint8_t, x - x == x - x)
DEFINE_UNARY(NAME(signbit), T, uint8_t, NAME(has_sign)(x))
DEFINE_BINARY(NAME(add), T, T, x + y)
DEFINE_BINARY(NAME(subtract), T, T, x - y)
DEFINE_BINARY(NAME(multiply), T, T, x *y)
DEFINE_BINARY(NAME(divide), T, T, x / y)
DEFINE_BINARY_LONG(NAME(floor_divide), T, T, NAME(floor_quotient)((double)x, (double)y))
DEFINE_BINARY_LONG(NAME(remainder), T, T, NAME(floor_rest)((double)x, (double)y))
DEFINE_BINARY(NAME(maximum), T, T, ((x > y) | (x != x)) ? x : y)
DEFINE_BINARY(NAME(minimum), T, T, ((x < y) | (x != x)) ? x : y)
DEFINE_BINARY(NAME(copysign), T, T, F(copysign)(x, y))
DEFINE_BINARY_LONG(NAME(nextafter), T, T, F(nextafter)(x, y))
DEFINE_BINARY(NAME(equal), T, uint8_t, x == y)
DEFINE_BINARY(NAME(not_equal), T, uint8_t, x != y)
DEFINE_BINARY(NAME(less), T, uint8_t, x < y)
DEFINE_BINARY(NAME(less_equal), T, uint8_t, x <= y)
DEFINE_BINARY(NAME(greater), T, uint8_t, x > y)
DEFINE_BINARY(NAME(greater_equal), T, uint8_t, x >= y)
DEFINE_WHERE(NAME(where), T)
DEFINE_TERNARY_LONG(NAME(fma), T, T, F(fma)(x, y, z))

static const numc_block_row NAME(rows)[] = {
    ROW_2(ADD, NAME(add)),
    ROW_2(SUBTRACT, NAME(subtract)),
    ROW_2(MULTIPLY, NAME(multiply)),
    ROW_2(DIVIDE, NAME(divide)),
    ROW_1(NEGATIVE, NAME(negative)),
    ROW_1(ABS, NAME(abs)),
    ROW_1(SIGN, NAME(sign)),
    ROW_1(FLOOR, NAME(floor)),
    ROW_1(CEIL, NAME(ceil)),
    ROW_1(TRUNC, NAME(trunc)),
    ROW_1(ROUND, NAME(round)),
    ROW_1(SQRT, NAME(sqrt)),
    ROW_1(SQUARE, NAME(square)),
    ROW_1(RECIPROCAL, NAME(reciprocal)),
    ROW_1(ISNAN, NAME(isnan)),
    ROW_1(ISINF, NAME(isinf)),
    ROW_1(ISFINITE, NAME(isfinite)),
    ROW_1(SIGNBIT, NAME(signbit)),
    ROW_1(FLOOR_DIVIDE, NAME(floor_divide)),
    ROW_1(REMAINDER, NAME(remainder)),
    ROW_2(MAXIMUM, NAME(maximum)),
    ROW_2(MINIMUM, NAME(minimum)),
    ROW_2(COPYSIGN, NAME(copysign)),
    ROW_1(NEXTAFTER, NAME(nextafter)),
    ROW_2(EQUAL, NAME(equal)),
    ROW_2(NOT_EQUAL, NAME(not_equal)),
    ROW_2(LESS, NAME(less)),
    ROW_2(LESS_EQUAL, NAME(less_equal)),
    ROW_2(GREATER, NAME(greater)),
    ROW_2(GREATER_EQUAL, NAME(greater_equal)),
    ROW_WHERE(NAME(where)),
    ROW_1(FMA, NAME(fma)),
};

#undef T
#undef SUFFIX
#undef DTYPE
#undef BITS
#undef SIGN_BIT
#undef F
