/* number.c - doubles and integers as text and back: shortest round trip, correct rounding, no locale, no libc conversions.
 *
 * Everything is exact arithmetic on big integers of fixed size. Reading: the decimal is a quotient of integers whose first 65
 * bits and remainder decide the rounding (a short decimal goes through one exact floating operation instead). Writing: digits of
 * R/S as in Steele and White, "How to print floating-point numbers accurately" (PLDI 1990), with the scaling of Burger and
 * Dybvig, "Printing floating-point numbers quickly and accurately" (PLDI 1996). */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <string.h>

_Static_assert(DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "binary64 is assumed");

/* ---- big integers ---- */

/* The largest value made here has about 2800 bits: 780 digits, or 5^1110, each shifted by up to 96 bits. */
#define WORDS 104

typedef struct big {
    int size; /* words in use; the top one is not 0 */
    uint32_t word[WORDS];
} big;

static void big_set(big *a, uint64_t value)
{
    a->word[0] = (uint32_t)value;
    a->word[1] = (uint32_t)(value >> 32);
    a->size = a->word[1] != 0 ? 2 : a->word[0] != 0 ? 1 : 0;
}

static void big_copy(big *a, const big *b)
{
    a->size = b->size;
    memcpy(a->word, b->word, (size_t)b->size * sizeof *b->word);
}

static int bit_length(uint64_t value)
{
    int length = 0;
    for (; value != 0; value >>= 1)
        length++;
    return length;
}

static int big_bits(const big *a)
{
    return a->size == 0 ? 0 : 32 * (a->size - 1) + bit_length(a->word[a->size - 1]);
}

static void big_multiply_add(big *a, uint32_t factor, uint32_t term)
{
    uint64_t carry = term;
    for (int i = 0; i < a->size; i++) {
        carry += (uint64_t)a->word[i] * factor;
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0)
        a->word[a->size++] = (uint32_t)carry;
}

static void big_times_power_of_5(big *a, int power)
{
    for (; power >= 13; power -= 13)
        big_multiply_add(a, 1220703125u, 0); /* 5^13 */
    uint32_t rest = 1;
    for (; power > 0; power--)
        rest *= 5;
    if (rest != 1)
        big_multiply_add(a, rest, 0);
}

static void big_shift(big *a, int bits)
{
    if (a->size == 0 || bits == 0)
        return;
    int words = bits / 32, rest = bits % 32;
    a->word[a->size] = 0;
    for (int i = a->size; i >= 0; i--) {
        uint32_t below = i > 0 && rest != 0 ? a->word[i - 1] >> (32 - rest) : 0;
        a->word[i + words] = a->word[i] << rest | below;
    }
    memset(a->word, 0, (size_t)words * sizeof *a->word);
    a->size += words + 1;
    if (a->word[a->size - 1] == 0)
        a->size--;
}

static int big_compare(const big *a, const big *b)
{
    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    for (int i = a->size - 1; i >= 0; i--) {
        if (a->word[i] != b->word[i])
            return a->word[i] < b->word[i] ? -1 : 1;
    }
    return 0;
}

/* sign(a + b - c) */
static int big_compare_sum(const big *a, const big *b, const big *c)
{
    big sum;
    const big *longer = a->size > b->size ? a : b;
    const big *shorter = a->size > b->size ? b : a;
    if (longer->size + 1 < c->size)
        return -1;
    uint64_t carry = 0;
    for (int i = 0; i < longer->size; i++) {
        carry += (uint64_t)longer->word[i] + (i < shorter->size ? shorter->word[i] : 0);
        sum.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    sum.size = longer->size;
    if (carry != 0)
        sum.word[sum.size++] = (uint32_t)carry;
    return big_compare(&sum, c);
}

/* Makes a the remainder of a / b and returns the quotient. Needs a < b 2^32 and the top bit of b's top word; then the
 * estimate from the leading words is too large by at most 2 (Knuth, volume 2, 4.3.1, theorem B). */
static uint32_t big_divide(big *a, const big *b)
{
    int size = b->size;
    if (a->size < size)
        return 0;
    uint64_t top = a->size > size ? a->word[size] : 0;
    uint64_t quotient = (top << 32 | a->word[size - 1]) / b->word[size - 1];
    if (quotient > UINT32_MAX)
        quotient = UINT32_MAX;
    uint64_t carry = 0, borrow = 0;
    for (int i = 0; i < size; i++) {
        carry += quotient * b->word[i];
        uint64_t difference = (uint64_t)a->word[i] - (uint32_t)carry - borrow;
        a->word[i] = (uint32_t)difference;
        borrow = difference >> 63;
        carry >>= 32;
    }
    uint64_t high = top - carry - borrow;
    while (high != 0) { /* went below zero: the estimate was too large */
        quotient--;
        uint64_t sum = 0;
        for (int i = 0; i < size; i++) {
            sum += (uint64_t)a->word[i] + b->word[i];
            a->word[i] = (uint32_t)sum;
            sum >>= 32;
        }
        high += sum;
    }
    a->size = size;
    while (a->size > 0 && a->word[a->size - 1] == 0)
        a->size--;
    return (uint32_t)quotient;
}

/* ---- reading ---- */

#define DIGITS_READ 780 /* 767 digits decide every rounding; of those beyond only "some are not 0" matters */

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The double nearest to (high + something in [0, 1) that is not 0 when `more`) 2^exponent; high has its top bit. */
static double round_to_double(uint64_t high, bool more, int exponent)
{
    int top = exponent + 63; /* 2^top <= value < 2^(top + 1) */
    if (top > 1023)
        return (double)INFINITY;
    int precision = top >= -1022 ? 53 : 53 - (-1022 - top);
    if (precision < 0)
        return 0;
    int dropped = 64 - precision; /* 11 .. 64 */
    uint64_t kept = dropped == 64 ? 0 : high >> dropped;
    uint64_t half = (uint64_t)1 << (dropped - 1);
    uint64_t rest = dropped == 64 ? high : high & (2 * half - 1);
    if (rest > half || (rest == half && (more || (kept & 1) != 0)))
        kept++;
    /* A carry out of the fraction lands in the exponent, as it should: up to the next binade, or to infinity. */
    return double_of(top >= -1022 ? ((uint64_t)(top + 1022) << 52) + kept : kept);
}

/* 0.d1 d2 ... 10^point, by exact division. */
static double read_exactly(const unsigned char *digits, int count, int point)
{
    big n, m;
    big_set(&n, 0);
    for (int i = 0; i < count;) {
        uint32_t part = 0, scale = 1;
        for (; i < count && scale < 1000000000u; i++, scale *= 10)
            part = part * 10 + digits[i];
        big_multiply_add(&n, scale, part);
    }
    int exponent = point - count; /* of ten, and so of two and five */
    big_set(&m, 1);
    big_times_power_of_5(exponent >= 0 ? &n : &m, exponent >= 0 ? exponent : -exponent);
    /* n/m 2^exponent. Bring n/m between 1/2 and 2, then m's top bit to the top of a word. */
    int lead = big_bits(&m) - big_bits(&n);
    if (lead > 0)
        big_shift(&n, lead);
    else
        big_shift(&m, -lead);
    exponent -= lead;
    int align = (32 - big_bits(&m) % 32) % 32;
    big_shift(&n, align);
    big_shift(&m, align);
    uint64_t above = big_divide(&n, &m);
    big_shift(&n, 32);
    uint64_t high = (uint64_t)big_divide(&n, &m) << 32;
    big_shift(&n, 32);
    high |= big_divide(&n, &m);
    bool more = n.size > 0;
    exponent -= 64;
    if (above != 0) {
        more = more || (high & 1) != 0;
        high = high >> 1 | (uint64_t)1 << 63;
        exponent++;
    }
    return round_to_double(high, more, exponent);
}

static size_t match_word(const char *text, size_t size, const char *word)
{
    size_t i = 0;
    for (; word[i] != '\0'; i++) {
        if (i >= size || (text[i] | 0x20) != word[i])
            return 0;
    }
    return i;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

size_t numc__read_double(const char *text, size_t size, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    size_t i = 0;
    bool negative = false;
    if (size > 0 && (text[0] == '-' || text[0] == '+'))
        negative = text[i++] == '-';
    size_t used = match_word(text + i, size - i, "infinity");
    if (used == 0)
        used = match_word(text + i, size - i, "inf");
    if (used != 0) {
        *value = negative ? -(double)INFINITY : (double)INFINITY;
        return i + used;
    }
    used = match_word(text + i, size - i, "nan");
    if (used != 0) {
        *value = (double)NAN;
        return i + used;
    }

    unsigned char digits[DIGITS_READ + 1];
    int count = 0;
    int64_t point = 0; /* the value is 0.digits 10^point */
    bool any = false, dropped = false, after_point = false;
    for (; i < size; i++) {
        if (text[i] == '.' && !after_point) {
            /* A lone point is no number, and a point without digits after it belongs to the number: "1." */
            after_point = true;
            continue;
        }
        if (!is_digit(text[i]))
            break;
        any = true;
        int digit = text[i] - '0';
        if (count == 0 && digit == 0) {
            point -= after_point;
            continue;
        }
        if (count < DIGITS_READ)
            digits[count++] = (unsigned char)digit;
        else
            dropped = dropped || digit != 0;
        point += !after_point;
    }
    if (!any)
        return 0;
    if (i < size && (text[i] | 0x20) == 'e') {
        size_t j = i + 1;
        bool minus = false;
        if (j < size && (text[j] == '-' || text[j] == '+'))
            minus = text[j++] == '-';
        if (j < size && is_digit(text[j])) {
            int64_t exponent = 0;
            for (; j < size && is_digit(text[j]); j++) {
                if (exponent < INT64_MAX / 100)
                    exponent = exponent * 10 + (text[j] - '0');
            }
            point += minus ? -exponent : exponent;
            i = j;
        }
    }

    while (count > 0 && !dropped && digits[count - 1] == 0)
        count--;
    if (dropped)
        digits[count++] = 1;
    double result;
    int64_t exponent = point - count;
    if (count == 0 || point < -330) {
        result = 0;
    } else if (point > 310) {
        result = (double)INFINITY;
    } else if (FLT_EVAL_METHOD == 0 && count <= 15 && exponent >= -22 && exponent <= 22) {
        /* Both operands are exact, so the one operation rounds correctly. */
        int64_t whole = 0;
        for (int k = 0; k < count; k++)
            whole = whole * 10 + digits[k];
        result = exponent < 0 ? (double)whole / powers[-exponent] : (double)whole * powers[exponent];
    } else {
        result = read_exactly(digits, count, (int)point);
    }
    *value = negative ? -result : result;
    return i;
}

size_t numc__read_integer(const char *text, size_t size, int64_t *value)
{
    size_t i = 0;
    bool negative = false;
    if (size > 0 && (text[0] == '-' || text[0] == '+'))
        negative = text[i++] == '-';
    uint64_t magnitude = 0, limit = (uint64_t)INT64_MAX + negative;
    size_t first = i;
    for (; i < size && is_digit(text[i]); i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (magnitude > (limit - digit) / 10)
            return 0;
        magnitude = magnitude * 10 + digit;
    }
    if (i == first)
        return 0;
    *value = !negative ? (int64_t)magnitude : magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    return i;
}

/* ---- writing ---- */

/* value = fraction 2^exponent, finite, positive */
static void split(double value, uint64_t *fraction, int *exponent)
{
    uint64_t bits = bits_of(value);
    int biased = (int)(bits >> 52 & 0x7ff);
    *fraction = bits & (((uint64_t)1 << 52) - 1);
    if (biased == 0) {
        *exponent = -1074;
    } else {
        *fraction |= (uint64_t)1 << 52;
        *exponent = biased - 1075;
    }
}

/* value = r/s 10^point, and point is the right one or one too small: the ceiling of a lower bound of log10(value).
 * `extra` powers of two are put into both r and s. */
static int scale(uint64_t fraction, int exponent, int extra, big *r, big *s)
{
    int point = (int)ceil((exponent + bit_length(fraction) - 1) * 0.30102999566398120 - 1e-10);
    big_set(r, fraction);
    big_set(s, 1);
    int twos = exponent - point; /* r/s = fraction 2^(exponent - point) 5^-point */
    big_times_power_of_5(point >= 0 ? s : r, point >= 0 ? point : -point);
    big_shift(r, extra + (twos > 0 ? twos : 0));
    big_shift(s, extra + (twos < 0 ? -twos : 0));
    return point;
}

static void digits_shortest(numc_digits *result, double value)
{
    uint64_t fraction;
    int exponent;
    result->count = 0;
    result->point = 0;
    if (value == 0)
        return;
    split(value, &fraction, &exponent);
    /* Below the first double of a binade the gap is half as wide. All distances are in units of a quarter of the gap above,
     * so r and s carry two more factors of 2. */
    bool uneven = fraction == (uint64_t)1 << 52 && exponent > -1074;
    bool inclusive = (fraction & 1) == 0; /* a tie is read as the even neighbour: then the ends belong to us */
    big r, s, up, down;
    int point = scale(fraction, exponent, 2, &r, &s);
    int twos = exponent - point;
    big_set(&up, 1);
    if (point < 0)
        big_times_power_of_5(&up, -point);
    if (twos > 0)
        big_shift(&up, twos);
    big_copy(&down, &up);
    big_shift(&up, 1);
    big_shift(&down, uneven ? 0 : 1);
    /* up = down = half a gap in the scale of r (r counts quarters) */
    int align = (32 - big_bits(&s) % 32) % 32;
    big_shift(&r, align);
    big_shift(&s, align);
    big_shift(&up, align);
    big_shift(&down, align);

    int reach = big_compare_sum(&r, &up, &s);
    if (reach > 0 || (reach == 0 && inclusive)) {
        point++; /* the estimate was one too small: what would be multiplied by 10 below is right as it is */
    } else {
        big_multiply_add(&r, 10, 0);
        big_multiply_add(&up, 10, 0);
        big_multiply_add(&down, 10, 0);
    }
    result->point = point;
    for (;;) {
        int digit = (int)big_divide(&r, &s);
        int low = big_compare(&r, &down), high = big_compare_sum(&r, &up, &s);
        bool stop_down = low < 0 || (low == 0 && inclusive);
        bool stop_up = high > 0 || (high == 0 && inclusive);
        if (stop_down && stop_up) {
            int half = big_compare_sum(&r, &r, &s);
            digit += half > 0 || (half == 0 && (digit & 1) != 0);
        } else if (stop_up) {
            digit++;
        }
        result->digit[result->count++] = (char)('0' + digit);
        if (stop_down || stop_up)
            return;
        big_multiply_add(&r, 10, 0);
        big_multiply_add(&up, 10, 0);
        big_multiply_add(&down, 10, 0);
    }
}

/* Exact digits; `wanted` of them, or as many as reach the place `decimals` when by_place. Half goes to even. */
static void digits_rounded(numc_digits *result, double value, int wanted, int decimals, bool by_place)
{
    uint64_t fraction;
    int exponent;
    result->count = 0;
    result->point = 0;
    if (value == 0)
        return;
    split(value, &fraction, &exponent);
    big r, s;
    int point = scale(fraction, exponent, 0, &r, &s);
    int align = (32 - big_bits(&s) % 32) % 32;
    big_shift(&r, align);
    big_shift(&s, align);
    bool first_ready = big_compare(&r, &s) >= 0; /* r/s is already d1.d2..., not 0.d1 d2 ... */
    if (first_ready)
        point++;
    int count = by_place ? point + decimals : wanted;
    if (count < 0)
        return;
    if (count > NUMC_DIGITS_MAX)
        count = NUMC_DIGITS_MAX;
    if (count == 0 && first_ready)
        big_multiply_add(&s, 10, 0); /* to compare 0.d1 d2 ... with a half; nothing is divided any more */
    for (int i = 0; i < count; i++) {
        if (i > 0 || !first_ready)
            big_multiply_add(&r, 10, 0);
        result->digit[i] = (char)('0' + (int)big_divide(&r, &s));
    }
    int half = big_compare_sum(&r, &r, &s);
    bool up = half > 0 || (half == 0 && count > 0 && (result->digit[count - 1] & 1) != 0);
    result->count = count;
    result->point = point;
    if (!up)
        return;
    int i = count - 1;
    for (; i >= 0 && result->digit[i] == '9'; i--)
        result->digit[i] = '0';
    if (i >= 0) {
        result->digit[i]++;
    } else { /* 99..9 became 100..0: one place more in front */
        result->point++;
        result->digit[0] = '1';
        if (by_place) {
            if (count > 0)
                result->digit[count] = '0';
            result->count = count + 1;
        }
    }
}

void numc__digits_significant(numc_digits *result, double value, int count)
{
    digits_rounded(result, value, count, 0, false);
}

void numc__digits_fixed(numc_digits *result, double value, int decimals)
{
    digits_rounded(result, value, 0, decimals, true);
}

size_t numc__write_integer(char text[NUMC_NUMBER_TEXT_SIZE], int64_t value)
{
    char reversed[24];
    size_t count = 0, length = 0;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        reversed[count++] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0)
        text[length++] = '-';
    while (count > 0)
        text[length++] = reversed[--count];
    text[length] = '\0';
    return length;
}

/* "nan", "inf", "0" and their signs; 0 for every other value. */
static size_t write_special(char *text, double value)
{
    const char *word = isnan(value) ? "nan" : isinf(value) ? (value < 0 ? "-inf" : "inf") : NULL;
    if (word == NULL)
        return 0;
    size_t length = strlen(word);
    memcpy(text, word, length + 1);
    return length;
}

/* Plain where the decimal exponent is in -4 .. most - 1, else d.ddde-7. Zeros at the end are left out. */
static size_t write_general(char *text, const numc_digits *digits, bool negative, int most)
{
    size_t length = 0;
    int count = digits->count, point = digits->point;
    while (count > 0 && digits->digit[count - 1] == '0')
        count--;
    if (negative)
        text[length++] = '-';
    if (count == 0) {
        text[length++] = '0';
        text[length] = '\0';
        return length;
    }
    bool plain = point - 1 >= -4 && point - 1 < most;
    int whole = plain ? point : 1; /* digits before the decimal point */
    if (whole <= 0) {
        text[length++] = '0';
        text[length++] = '.';
        for (int i = whole; i < 0; i++)
            text[length++] = '0';
    }
    for (int i = 0; i < count || i < whole; i++) {
        if (i == whole && whole > 0)
            text[length++] = '.';
        text[length++] = i < count ? digits->digit[i] : '0';
    }
    if (!plain) {
        text[length++] = 'e';
        return length + numc__write_integer(text + length, point - 1);
    }
    text[length] = '\0';
    return length;
}

size_t numc__write_double(char text[NUMC_NUMBER_TEXT_SIZE], double value)
{
    size_t special = write_special(text, value);
    if (special != 0)
        return special;
    if (fabs(value) < 1e15 && value == floor(value) && value != 0)
        return numc__write_integer(text, (int64_t)value);
    numc_digits digits;
    digits_shortest(&digits, fabs(value));
    return write_general(text, &digits, signbit(value) != 0, 16);
}

size_t numc__write_double_digits(char text[NUMC_NUMBER_TEXT_SIZE], double value, int digits)
{
    size_t special = write_special(text, value);
    if (special != 0)
        return special;
    int count = digits < 1 ? 1 : digits > 17 ? 17 : digits;
    numc_digits exact;
    numc__digits_significant(&exact, fabs(value), count);
    return write_general(text, &exact, signbit(value) != 0, count);
}

size_t numc__write_double_hex(char text[NUMC_NUMBER_TEXT_SIZE], double value)
{
    size_t length = write_special(text, value);
    if (length != 0)
        return length;
    uint64_t bits = bits_of(value), fraction = bits & (((uint64_t)1 << 52) - 1);
    int biased = (int)(bits >> 52 & 0x7ff);
    if (bits >> 63 != 0)
        text[length++] = '-';
    text[length++] = '0';
    text[length++] = 'x';
    text[length++] = biased == 0 ? '0' : '1';
    if (fraction != 0)
        text[length++] = '.';
    for (int shift = 48; fraction != 0; shift -= 4) {
        text[length++] = "0123456789abcdef"[fraction >> shift & 15];
        fraction &= ((uint64_t)1 << shift) - 1;
    }
    text[length++] = 'p';
    int exponent = biased != 0 ? biased - 1023 : bits << 1 == 0 ? 0 : -1022;
    if (exponent >= 0)
        text[length++] = '+';
    return length + numc__write_integer(text + length, exponent);
}
