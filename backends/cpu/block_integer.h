/* block_integer.h - internal to the cpu backend: every integer operation at one dtype. Included once for each, with T (the C
 * type), U (an unsigned type no narrower than unsigned int, in which wrapping arithmetic is done), SIGNED (1 or 0),
 * SUFFIX and DTYPE defined. Definitions as in the reference: two's complement, division by zero gives 0, shifts by a
 * count outside [0, width) give 0 or, to the right, the sign. */
#define WIDTH (8 * sizeof(T))

#if SIGNED
static inline T NAME(floor_quotient)(T x, T y)
{
    if (y == 0)
        return 0;
    if (y == -1)
        return (T)(0 - (U)x);
    T quotient = (T)(x / y);
    return (T)(quotient - (x % y != 0 && (x < 0) != (y < 0)));
}
static inline T NAME(floor_rest)(T x, T y)
{
    if (y == 0 || y == -1)
        return 0;
    T rest = (T)(x % y);
    return (T)(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
}
#else
static inline T NAME(floor_quotient)(T x, T y)
{
    return (T)(y == 0 ? 0 : x / y);
}
static inline T NAME(floor_rest)(T x, T y)
{
    return (T)(y == 0 ? 0 : x % y);
}
#endif

static inline T NAME(power)(T x, T y)
{
#if SIGNED
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (T)(y % 2 != 0 ? -1 : 1) : 0;
#endif
    U result = 1, base = (U)x;
    for (uint64_t exponent = (uint64_t)y; exponent != 0; exponent >>= 1) {
        if (exponent & 1)
            result *= base;
        base *= base;
    }
    return (T)result;
}

#if SIGNED
DEFINE_UNARY(NAME(abs), T, T, x < 0 ? 0 - (U)x : (U)x)
DEFINE_UNARY(NAME(sign), T, T, (x > 0) - (x < 0))
DEFINE_BINARY(NAME(shift_right), T, T, (uint64_t)y < WIDTH ? x >> y : -(x < 0))
#else
DEFINE_UNARY(NAME(abs), T, T, x)
DEFINE_UNARY(NAME(sign), T, T, x > 0)
DEFINE_BINARY(NAME(shift_right), T, T, (uint64_t)y < WIDTH ? x >> y : 0)
#endif
DEFINE_UNARY(NAME(negative), T, T, 0 - (U)x)
DEFINE_UNARY(NAME(square), T, T, (U)x *(U)x)
DEFINE_UNARY(NAME(invert), T, T, ~x)
DEFINE_BINARY(NAME(add), T, T, (U)x + (U)y)
DEFINE_BINARY(NAME(subtract), T, T, (U)x - (U)y)
DEFINE_BINARY(NAME(multiply), T, T, (U)x *(U)y)
DEFINE_BINARY_LONG(NAME(floor_divide), T, T, NAME(floor_quotient)(x, y))
DEFINE_BINARY_LONG(NAME(remainder), T, T, NAME(floor_rest)(x, y))
DEFINE_BINARY_LONG(NAME(pow), T, T, NAME(power)(x, y))
DEFINE_BINARY(NAME(maximum), T, T, x > y ? x : y)
DEFINE_BINARY(NAME(minimum), T, T, x < y ? x : y)
DEFINE_BINARY(NAME(and), T, T, x & y)
DEFINE_BINARY(NAME(or), T, T, x | y)
DEFINE_BINARY(NAME(xor), T, T, x ^ y)
DEFINE_BINARY(NAME(shift_left), T, T, (uint64_t)y < WIDTH ? (U)x << y : 0)
DEFINE_BINARY(NAME(equal), T, uint8_t, x == y)
DEFINE_BINARY(NAME(not_equal), T, uint8_t, x != y)
DEFINE_BINARY(NAME(less), T, uint8_t, x < y)
DEFINE_BINARY(NAME(less_equal), T, uint8_t, x <= y)
DEFINE_BINARY(NAME(greater), T, uint8_t, x > y)
DEFINE_BINARY(NAME(greater_equal), T, uint8_t, x >= y)
DEFINE_WHERE(NAME(where), T)

static const numc_block_row NAME(rows)[] = {
    ROW_2(ADD, NAME(add)),
    ROW_2(SUBTRACT, NAME(subtract)),
    ROW_2(MULTIPLY, NAME(multiply)),
    ROW_1(NEGATIVE, NAME(negative)),
    ROW_1(ABS, NAME(abs)),
    ROW_1(SIGN, NAME(sign)),
    ROW_1(SQUARE, NAME(square)),
    ROW_1(BITWISE_INVERT, NAME(invert)),
    ROW_1(FLOOR_DIVIDE, NAME(floor_divide)),
    ROW_1(REMAINDER, NAME(remainder)),
    ROW_1(POW, NAME(pow)),
    ROW_2(MAXIMUM, NAME(maximum)),
    ROW_2(MINIMUM, NAME(minimum)),
    ROW_2(BITWISE_AND, NAME(and)),
    ROW_2(BITWISE_OR, NAME(or)),
    ROW_2(BITWISE_XOR, NAME(xor)),
    ROW_2(BITWISE_LEFT_SHIFT, NAME(shift_left)),
    ROW_2(BITWISE_RIGHT_SHIFT, NAME(shift_right)),
    ROW_2(EQUAL, NAME(equal)),
    ROW_2(NOT_EQUAL, NAME(not_equal)),
    ROW_2(LESS, NAME(less)),
    ROW_2(LESS_EQUAL, NAME(less_equal)),
    ROW_2(GREATER, NAME(greater)),
    ROW_2(GREATER_EQUAL, NAME(greater_equal)),
    ROW_WHERE(NAME(where)),
};

#undef WIDTH
#undef T
#undef U
#undef SIGNED
#undef SUFFIX
#undef DTYPE
