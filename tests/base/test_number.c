/* Numbers as text, against the C library in the C locale, whose printf and strtod round correctly. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "need.h"

static uint64_t random_state;

static uint64_t next_random(void) /* splitmix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int below(int bound)
{
    return (int)(next_random() % (unsigned)bound);
}

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits(double value)
{
    uint64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

/* All kinds of finite doubles: any bits, subnormals, near powers of two, short decimals, integers. */
static double next_double(void)
{
    double value;
    do {
        switch (below(8)) {
        case 0:
            value = from_bits(next_random() >> (12 + below(52))); /* subnormal */
            break;
        case 1:
            value = ldexp(1, below(2098) - 1074);
            value = from_bits(bits(value) + (uint64_t)below(3) - 1);
            break;
        case 2:
            value = (double)below(1000000) / pow(10, below(12));
            break;
        case 3:
            value = (double)(int64_t)(next_random() >> below(64));
            break;
        case 4:
            value = ldexp((double)(next_random() >> 11), -53 - below(20));
            break;
        default:
            value = from_bits(next_random());
            break;
        }
    } while (!isfinite(value));
    return below(2) ? value : -value;
}

static void assert_reads(const char *text, double expected)
{
    double value = 12345;
    size_t used = numc__read_double(text, strlen(text), &value);
    if (used != strlen(text) || bits(value) != bits(expected))
        fail_msg("\"%s\": read %a (%zu characters), expected %a", text, value, used, expected);
}

/* The digits of a text without sign, point, exponent and outer zeros. */
static int significant(const char *text, char digits[64])
{
    int count = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0'))
            digits[count++] = *text;
    }
    while (count > 0 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    return count;
}

/* printf pads exponents to two digits and signs them; we do not. */
static void plain_exponent(char *text)
{
    char *e = strchr(text, 'e');
    if (e == NULL)
        return;
    char *from = e + 1, *to = e + 1;
    if (*from == '-')
        *to++ = *from;
    from++;
    while (*from == '0' && from[1] != '\0')
        from++;
    memmove(to, from, strlen(from) + 1);
}

static void shortest_texts_read_back(void **state)
{
    (void)state;
    random_state = 1;
    for (int i = 0; i < 200000; i++) {
        double value = next_double();
        char text[NUMC_NUMBER_TEXT_SIZE], other[64];
        size_t length = numc__write_double(text, value);
        assert_int_equal(length, strlen(text));
        assert_true(length < 26);
        if (bits(strtod(text, NULL)) != bits(value))
            fail_msg("%a was written as %s", value, text);
        assert_reads(text, value);
        /* No shorter one: the number of digits is at most the first precision at which printf's text reads back ... */
        int precision = 1;
        do {
            snprintf(other, sizeof other, "%.*e", precision - 1, value);
        } while (strtod(other, NULL) != value && precision++ < 17);
        char ours[64], theirs[64];
        int count = significant(text, ours);
        assert_true(count <= precision);
        /* ... and of that many, the nearest. (Fewer are possible: at a power of two, where the gap below is half as wide, a
         * text above the value may read back though it is not the correctly rounded one.) */
        if (count == significant(other, theirs))
            assert_string_equal(ours, theirs);
    }
}

static void known_shortest_texts(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-5, "-5"},
        {0.1, "0.1"},
        {0.30000000000000004, "0.30000000000000004"},
        {100, "100"},
        {1e15, "1000000000000000"},
        {1e16, "1e16"},
        {1e22, "1e22"},
        {1e23, "1e23"},
        {0.0001, "0.0001"},
        {0.00001, "1e-5"},
        {123.456, "123.456"},
        {1e-300, "1e-300"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_MAX, "1.7976931348623157e308"},
        {0x1p53, "9007199254740992"},
        {0x1p-44, "5.684341886080802e-14"}, /* %.16e rounds it to one that reads differently: uneven gaps */
        {9.5e-5, "9.5e-5"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[NUMC_NUMBER_TEXT_SIZE];
        numc__write_double(text, rows[i].value);
        assert_string_equal(text, rows[i].text);
    }
}

static void rounded_texts_are_those_of_printf(void **state)
{
    (void)state;
    random_state = 2;
    for (int i = 0; i < 200000; i++) {
        double value = next_double();
        int digits = 1 + below(17);
        char text[NUMC_NUMBER_TEXT_SIZE], expected[64];
        numc__write_double_digits(text, value, digits);
        snprintf(expected, sizeof expected, "%.*g", digits, value);
        plain_exponent(expected);
        assert_string_equal(text, expected);
    }
    char text[NUMC_NUMBER_TEXT_SIZE];
    numc__write_double_digits(text, 2.5, 1); /* half to even */
    assert_string_equal(text, "2");
    numc__write_double_digits(text, 3.5, 1);
    assert_string_equal(text, "4");
    numc__write_double_digits(text, 9.5, 1);
    assert_string_equal(text, "1e1");
}

static void formats_of_doubles_are_those_of_printf(void **state)
{
    (void)state;
    random_state = 3;
    for (int i = 0; i < 100000; i++) {
        double value = below(2) ? next_double() : (double)(below(20001) - 10000) / 8 / pow(10, below(5));
        int precision = below(25), width = below(30);
        char text[512], expected[512];
        size_t length = numc__format(text, sizeof text, "%*.*f|%-*.*f", width, precision, value, width, precision, -value);
        assert_int_equal(length, snprintf(expected, sizeof expected, "%*.*f|%-*.*f", width, precision, value, width,
                                          precision, -value) < 512 ? strlen(expected) : length);
        if (length < sizeof text)
            assert_string_equal(text, expected);
        numc__format(text, sizeof text, "%.*e", precision, value);
        snprintf(expected, sizeof expected, "%.*e", precision, value);
        plain_exponent(expected);
        assert_string_equal(text, expected);
    }
}

static void hex_texts_are_those_of_printf(void **state)
{
    (void)state;
    random_state = 4;
    for (int i = 0; i < 50000; i++) {
        double value = next_double();
        char text[NUMC_NUMBER_TEXT_SIZE], expected[64];
        size_t length = numc__write_double_hex(text, value);
        assert_int_equal(length, strlen(text));
        assert_true(bits(strtod(text, NULL)) == bits(value));
#if defined(__GLIBC__)
        snprintf(expected, sizeof expected, "%a", value);
        assert_string_equal(text, expected);
#else
        (void)expected;
#endif
    }
}

static void decimals_are_read_as_strtod_reads_them(void **state)
{
    (void)state;
    random_state = 5;
    char text[1200];
    for (int i = 0; i < 200000; i++) {
        snprintf(text, sizeof text, "%.*e", below(25), next_double());
        assert_reads(text, strtod(text, NULL));
    }
    for (int i = 0; i < 100000; i++) { /* digits and exponents that come from no double */
        int length = 0, count = 1 + below(i % 100 == 0 ? 900 : 40), point = below(count + 1);
        for (int j = 0; j < count; j++) {
            if (j == point)
                text[length++] = '.';
            text[length++] = (char)('0' + below(10));
        }
        snprintf(text + length, sizeof text - (size_t)length, "e%d", below(800) - 400);
        assert_reads(text, strtod(text, NULL));
    }
}

/* Decimals that lie exactly between two doubles, and next to that. */
static void ties_go_to_even(void **state)
{
    (void)state;
    if (LDBL_MANT_DIG < 54) {
        SKIP("long double is no wider than double here: midpoints are not printed");
    }
    random_state = 6;
    static char text[1400];
    for (int i = 0; i < 20000; i++) {
        double low = fabs(next_double());
        double high = nextafter(low, INFINITY);
        if (high == INFINITY)
            continue;
        long double middle = ((long double)low + (long double)high) / 2;
        double even = (bits(low) & 1) == 0 ? low : high;
        snprintf(text, sizeof text, "%.1100Le", middle);
        assert_reads(text, even);
        char *e = strchr(text, 'e');
        e[-1] = '1'; /* the zeros before it were exact */
        assert_reads(text, high);
        snprintf(text, sizeof text, "%.1100Le", nextafterl(middle, 0));
        assert_reads(text, low);
    }
    assert_reads("1.7976931348623158079e308", DBL_MAX);
    assert_reads("1.7976931348623158080e308", INFINITY);
    assert_reads("2.4703282292062327208e-324", 0);
    assert_reads("2.4703282292062327209e-324", 5e-324);
    assert_reads("-1e999999999999999999999999", -INFINITY);
    assert_reads("-1e-999999999999999999999999", -0.0);
    assert_reads("0e999999999999999999999999", 0);
    assert_reads("0.0000000000000000000000000000000000000000000000000000000000001e61", 1);
}

static void what_is_no_number_is_not_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t used;
        double value;
    } rows[] = {
        {"", 0, 0},          {"-", 0, 0},           {"+", 0, 0},         {".", 0, 0},        {"-.", 0, 0},
        {"e5", 0, 0},        {" 1", 0, 0},          {"x", 0, 0},         {"in", 0, 0},       {",5", 0, 0},
        {"1,5", 1, 1},       {"1e", 1, 1},          {"1e+", 1, 1},       {"1e-x", 1, 1},     {"1.", 2, 1},
        {".5", 2, 0.5},      {"1.5.5", 3, 1.5},     {"+2", 2, 2},        {"0x10", 1, 0},     {"1e5e5", 3, 1e5},
        {"1.E2", 4, 100},    {"inf", 3, INFINITY},  {"-INF", 4, -INFINITY}, {"infinit", 3, INFINITY},
        {"Infinity", 8, INFINITY}, {"00012", 5, 12}, {"1_000", 1, 1},    {"--1", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 77;
        assert_int_equal(numc__read_double(rows[i].text, strlen(rows[i].text), &value), rows[i].used);
        assert_true(value == (rows[i].used == 0 ? 77 : rows[i].value));
    }
    double value = 0;
    assert_int_equal(numc__read_double("NaN", 3, &value), 3);
    assert_true(isnan(value));
    assert_int_equal(numc__read_double("123", 2, &value), 2); /* never past the size */
    assert_true(value == 12);
    assert_int_equal(numc__read_double("1e55", 3, &value), 3);
    assert_true(value == 1e5);
    assert_int_equal(numc__read_double("nan", 2, &value), 0);
}

static void integers(void **state)
{
    (void)state;
    random_state = 7;
    char text[NUMC_NUMBER_TEXT_SIZE], expected[64];
    for (int i = 0; i < 50000; i++) {
        int64_t value = (int64_t)(next_random() >> below(64)), read = 0;
        if (i < 6)
            value = (int64_t[]){0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1}[i];
        size_t length = numc__write_integer(text, value);
        snprintf(expected, sizeof expected, "%lld", (long long)value);
        assert_string_equal(text, expected);
        assert_int_equal(numc__read_integer(text, length, &read), length);
        assert_true(read == value);
    }
    int64_t value = 5;
    assert_int_equal(numc__read_integer("9223372036854775808", 19, &value), 0);
    assert_int_equal(numc__read_integer("-9223372036854775809", 20, &value), 0);
    assert_int_equal(numc__read_integer("99999999999999999999", 20, &value), 0);
    assert_int_equal(numc__read_integer("", 0, &value), 0);
    assert_int_equal(numc__read_integer("-", 1, &value), 0);
    assert_int_equal(value, 5);
    assert_int_equal(numc__read_integer("+0012x", 6, &value), 5);
    assert_int_equal(value, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shortest_texts_read_back),
        cmocka_unit_test(known_shortest_texts),
        cmocka_unit_test(rounded_texts_are_those_of_printf),
        cmocka_unit_test(formats_of_doubles_are_those_of_printf),
        cmocka_unit_test(hex_texts_are_those_of_printf),
        cmocka_unit_test(decimals_are_read_as_strtod_reads_them),
        cmocka_unit_test(ties_go_to_even),
        cmocka_unit_test(what_is_no_number_is_not_read),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
