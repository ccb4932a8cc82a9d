/* format.c - snprintf without locale, allocation and %n, so that messages and files say the same everywhere. */
#include <math.h>
#include <string.h>

#include "base/number.h"

typedef struct sink {
    char *text;
    size_t size, length; /* length goes on counting past size */
} sink;

typedef struct arguments {
    va_list list;
} arguments;

typedef struct directive {
    bool left, plus, space, zero, alternate;
    int width, precision; /* precision -1: none */
    char length;          /* 0, 'H' for hh, 'h', 'l', 'L' for ll, 'z', 'j', 't' */
} directive;

static void put(sink *out, const char *text, size_t length)
{
    if (out->length < out->size) {
        size_t room = out->size - out->length;
        memcpy(out->text + out->length, text, length < room ? length : room);
    }
    out->length += length;
}

static void put_many(sink *out, char c, int count)
{
    for (; count > 0; count--)
        put(out, &c, 1);
}

/* sign, then body, padded to the width; zeros go between them. */
static void put_padded(sink *out, const directive *d, const char *sign, const char *body, size_t length, bool zeros)
{
    size_t taken = strlen(sign) + length;
    int padding = d->width > 0 && (size_t)d->width > taken ? d->width - (int)taken : 0;
    if (!d->left && !zeros)
        put_many(out, ' ', padding);
    put(out, sign, strlen(sign));
    if (!d->left && zeros)
        put_many(out, '0', padding);
    put(out, body, length);
    if (d->left)
        put_many(out, ' ', padding);
}

static int64_t take_signed(arguments *from, char length)
{
    switch (length) {
    case 'H':
        return (signed char)va_arg(from->list, int);
    case 'h':
        return (short)va_arg(from->list, int);
    case 'l':
        return va_arg(from->list, long);
    case 'L':
        return va_arg(from->list, long long);
    case 'j':
        return va_arg(from->list, intmax_t);
    case 'z':
    case 't':
        return va_arg(from->list, ptrdiff_t);
    default:
        return va_arg(from->list, int);
    }
}

static uint64_t take_unsigned(arguments *from, char length)
{
    switch (length) {
    case 'H':
        return (unsigned char)va_arg(from->list, int);
    case 'h':
        return (unsigned short)va_arg(from->list, int);
    case 'l':
        return va_arg(from->list, unsigned long);
    case 'L':
        return va_arg(from->list, unsigned long long);
    case 'j':
        return va_arg(from->list, uintmax_t);
    case 'z':
    case 't':
        return va_arg(from->list, size_t);
    default:
        return va_arg(from->list, unsigned);
    }
}

static void put_integer(sink *out, const directive *d, const char *sign, uint64_t magnitude, unsigned base, bool upper)
{
    char reversed[96], body[96];
    size_t count = 0;
    const char *letters = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (; magnitude != 0; magnitude /= base)
        reversed[count++] = letters[magnitude % base];
    int least = d->precision < 0 ? 1 : d->precision > 64 ? 64 : d->precision;
    while (count < (size_t)least)
        reversed[count++] = '0';
    for (size_t i = 0; i < count; i++)
        body[i] = reversed[count - 1 - i];
    put_padded(out, d, sign, body, count, d->zero && d->precision < 0);
}

static const char *sign_of(const directive *d, bool negative)
{
    return negative ? "-" : d->plus ? "+" : d->space ? " " : "";
}

/* d.ddd e exponent, or ddd.ddd, from digits that are there; missing ones are 0. */
static size_t lay_out_fixed(char *body, const numc_digits *digits, int decimals)
{
    size_t length = 0;
    int whole = digits->count == 0 || digits->point < 1 ? 0 : digits->point;
    if (whole == 0)
        body[length++] = '0';
    for (int i = 0; i < whole; i++)
        body[length++] = i < digits->count ? digits->digit[i] : '0';
    if (decimals > 0)
        body[length++] = '.';
    for (int place = 0; place < decimals; place++) {
        int i = place + digits->point;
        body[length++] = i >= 0 && i < digits->count ? digits->digit[i] : '0';
    }
    return length;
}

static size_t lay_out_scientific(char *body, const numc_digits *digits, int decimals)
{
    size_t length = 0;
    for (int i = 0; i <= decimals; i++) {
        if (i == 1)
            body[length++] = '.';
        body[length++] = i < digits->count ? digits->digit[i] : '0';
    }
    body[length++] = 'e';
    return length + numc__write_integer(body + length, digits->count == 0 ? 0 : digits->point - 1);
}

static void put_double(sink *out, const directive *d, char kind, double value)
{
    char body[NUMC_DIGITS_MAX + 64];
    size_t length;
    double magnitude = fabs(value);
    bool finite = isfinite(value);
    int decimals = d->precision < 0 ? 6 : d->precision > NUMC_DECIMALS_MAX ? NUMC_DECIMALS_MAX : d->precision;
    numc_digits digits;
    if (!finite || kind == 'a') {
        length = numc__write_double_hex(body, magnitude);
    } else if (kind == 'f') {
        numc__digits_fixed(&digits, magnitude, decimals);
        length = lay_out_fixed(body, &digits, decimals);
    } else if (kind == 'e') {
        numc__digits_significant(&digits, magnitude, decimals + 1);
        length = lay_out_scientific(body, &digits, decimals);
    } else if (d->precision < 0) {
        length = numc__write_double(body, magnitude);
    } else {
        length = numc__write_double_digits(body, magnitude, d->precision);
    }
    const char *sign = isnan(value) ? "" : sign_of(d, signbit(value) != 0);
    put_padded(out, d, sign, body, length, d->zero && finite);
}

static const char *read_directive(directive *d, const char *format, arguments *from)
{
    *d = (directive){.precision = -1};
    for (;; format++) {
        if (*format == '-')
            d->left = true;
        else if (*format == '+')
            d->plus = true;
        else if (*format == ' ')
            d->space = true;
        else if (*format == '0')
            d->zero = true;
        else if (*format == '#')
            d->alternate = true;
        else
            break;
    }
    if (*format == '*') {
        d->width = va_arg(from->list, int);
        if (d->width < 0) {
            d->left = true;
            d->width = d->width == INT32_MIN ? 0 : -d->width;
        }
        format++;
    }
    for (; *format >= '0' && *format <= '9'; format++)
        d->width = d->width < 100000 ? d->width * 10 + (*format - '0') : d->width;
    if (*format == '.') {
        d->precision = 0;
        if (*++format == '*') {
            d->precision = va_arg(from->list, int);
            if (d->precision < 0)
                d->precision = -1;
            format++;
        }
        for (; *format >= '0' && *format <= '9'; format++)
            d->precision = d->precision < 100000 ? d->precision * 10 + (*format - '0') : d->precision;
    }
    if (format[0] == 'h' || format[0] == 'l') {
        bool twice = format[1] == format[0];
        d->length = twice ? (format[0] == 'h' ? 'H' : 'L') : format[0];
        format += twice ? 2 : 1;
    } else if (*format == 'z' || *format == 'j' || *format == 't') {
        d->length = *format++;
    }
    return format;
}

static void put_directive(sink *out, const directive *d, char kind, arguments *from)
{
    switch (kind) {
    case 'd':
    case 'i': {
        int64_t value = take_signed(from, d->length);
        put_integer(out, d, sign_of(d, value < 0), value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false);
        return;
    }
    case 'u':
        put_integer(out, d, "", take_unsigned(from, d->length), 10, false);
        return;
    case 'o':
        put_integer(out, d, d->alternate ? "0" : "", take_unsigned(from, d->length), 8, false);
        return;
    case 'x':
    case 'X': {
        uint64_t value = take_unsigned(from, d->length);
        const char *prefix = !d->alternate || value == 0 ? "" : kind == 'x' ? "0x" : "0X";
        put_integer(out, d, prefix, value, 16, kind == 'X');
        return;
    }
    case 'p':
        put_integer(out, d, "0x", (uintptr_t)va_arg(from->list, void *), 16, false);
        return;
    case 'c': {
        char c = (char)va_arg(from->list, int);
        put_padded(out, d, "", &c, 1, false);
        return;
    }
    case 's': {
        const char *text = va_arg(from->list, const char *);
        if (text == NULL)
            text = "(null)";
        size_t length = d->precision < 0 ? strlen(text) : strnlen(text, (size_t)d->precision);
        put_padded(out, d, "", text, length, false);
        return;
    }
    default:
        put_double(out, d, (char)(kind | 0x20), va_arg(from->list, double));
        return;
    }
}

size_t numc__format_list(char *text, size_t size, const char *format, va_list list)
{
    sink out = {.text = text, .size = size - 1};
    arguments from;
    va_copy(from.list, list);
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");
        put(&out, format, plain);
        format += plain;
        if (*format == '\0')
            break;
        const char *start = format++;
        directive d;
        format = read_directive(&d, format, &from);
        if (*format == '%') {
            put(&out, format++, 1);
        } else if (*format != '\0' && strchr("diuoxXpcsaAeEfFgG", *format) != NULL) {
            put_directive(&out, &d, *format++, &from);
        } else { /* not one of ours: what the rest of the list holds is unknown, so the format is shown as it is */
            put(&out, start, strlen(start));
            break;
        }
    }
    va_end(from.list);
    out.text[out.length < out.size ? out.length : out.size] = '\0';
    return out.length;
}

size_t numc__format(char *text, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    size_t length = numc__format_list(text, size, format, list);
    va_end(list);
    return length;
}
