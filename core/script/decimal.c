/*
 * decimal: see decimal.h. Two published algorithms over one table of powers of ten.
 *
 * Writing: R. Giulietti, "The Schubfach way to render doubles" (2020). Reading: D. Lemire, "Number
 * parsing at a gigabyte per second" (2021), after W. Clinger's shortcut for short numbers. Both
 * multiply by a 128-bit approximation of a power of ten and prove that it is enough. The table is
 * computed with long arithmetic on first use (less than a tenth of a millisecond), so that there
 * are no constants to take on trust.
 */
#include "core/script/decimal.h"

#include <assert.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles are computed as doubles");

__extension__ typedef unsigned __int128 u128;

/* ---- powers of ten ------------------------------------------------------------------------ */

#define POWER_MIN (-342) /* below, every 64-bit number times it is zero */
#define POWER_MAX 324    /* the inverse of the smallest double */
#define LIMBS     33     /* 32-bit digits of the long numbers: 1056 bits */
#define BITS_MAX  1023   /* the exponent of the two that is divided by powers of five */

/* The leading 128 bits of 10^e, the topmost bit set: cut off for e >= 0, rounded up for e < 0. */
struct power {
    uint64_t hi, lo;
};

static struct power powers[POWER_MAX - POWER_MIN + 1];
static locale_t plain_locale; /* where a decimal point is a point; 0 when there is no memory */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct power leading_bits(const uint32_t limb[LIMBS]) {
    int top = LIMBS - 1;
    while (limb[top] == 0)
        top--;
    u128 bits = 0;
    for (int i = 0; i < 4; i++)
        bits = bits << 32 | (top - i >= 0 ? limb[top - i] : 0);
    int shift = __builtin_clz(limb[top]);
    if (shift > 0) {
        uint32_t next = top >= 4 ? limb[top - 4] : 0;
        bits = bits << shift | next >> (32 - shift);
    }
    return (struct power){(uint64_t)(bits >> 64), (uint64_t)bits};
}

static void times_five(uint32_t limb[LIMBS]) {
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)limb[i] * 5;
        limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void divide_by_five(uint32_t limb[LIMBS]) {
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | limb[i];
        limb[i] = (uint32_t)(rest / 5);
        rest %= 5;
    }
}

/* 10^e and 5^e have the same leading bits. Dividing step by step and cutting each time is the same
 * as dividing once and cutting. */
static void make_powers(void) {
    uint32_t limb[LIMBS] = {1};
    for (int e = 0; e <= POWER_MAX; e++) {
        powers[e - POWER_MIN] = leading_bits(limb);
        times_five(limb);
    }
    memset(limb, 0, sizeof limb);
    limb[BITS_MAX / 32] = UINT32_C(1) << BITS_MAX % 32;
    for (int e = -1; e >= POWER_MIN; e--) {
        divide_by_five(limb);
        struct power p = leading_bits(limb);
        p.lo++;
        p.hi += p.lo == 0;
        powers[e - POWER_MIN] = p;
    }
    plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static const struct power *power_of_ten(int64_t e) {
    pthread_once(&once, make_powers);
    assert(e >= POWER_MIN && e <= POWER_MAX);
    return &powers[e - POWER_MIN];
}

/* floor(log2(10^e)) for every e of the table. */
static int64_t log2_of_power(int64_t e) {
    return (e * 1741647) >> 19;
}

/* ---- digits ------------------------------------------------------------------------------- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static size_t count_digits(uint64_t v) {
    size_t n = 1;
    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

static size_t write_digits(uint64_t v, char *out) {
    size_t n = count_digits(v);
    char *at = out + n;
    for (; v >= 100; v /= 100) {
        at -= 2;
        memcpy(at, pairs + v % 100 * 2, 2);
    }
    if (v >= 10)
        memcpy(out, pairs + v * 2, 2);
    else
        *out = (char)('0' + v);
    return n;
}

size_t decimal_int(int64_t v, char *out) {
    if (v >= 0) return write_digits((uint64_t)v, out);
    *out = '-';
    return 1 + write_digits(0 - (uint64_t)v, out + 1);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* digits × 10^exponent. */
struct decimal {
    uint64_t digits;
    int64_t exponent;
};

/* floor(g × c / 2^128), with the lowest bit set when that is not exact ("round to odd"). */
static uint64_t scaled(struct power g, uint64_t c) {
    u128 low = (u128)g.lo * c, high = (u128)g.hi * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* The shortest decimal inside the rounding interval of c × 2^q, of those the nearest. The names
 * follow the paper: everything is scaled by 4 × 10^-k. */
static struct decimal shortest(uint64_t c, int64_t q, bool lower_is_closer) {
    bool odd = c & 1;
    int64_t k = lower_is_closer ? (q * 1262611 - 524031) >> 22 : (q * 1262611) >> 22;
    int64_t h = q + log2_of_power(-k) + 1;
    struct power g = *power_of_ten(-k);
    /* The paper rounds every inexact power up; up to 10^55 they are exact. */
    if (-k > 55 && ++g.lo == 0) g.hi++;
    uint64_t left = scaled(g, (4 * c - (lower_is_closer ? 1 : 2)) << h) + odd;
    uint64_t value = scaled(g, (4 * c) << h);
    uint64_t right = scaled(g, (4 * c + 2) << h) - odd;
    uint64_t s = value / 4;
    if (s >= 10) { /* one digit less? */
        uint64_t t = s / 10;
        bool down = left <= 40 * t, up = 40 * t + 40 <= right;
        if (down != up) return (struct decimal){t + up, k + 1};
    }
    bool down = left <= 4 * s, up = 4 * s + 4 <= right;
    if (down != up) return (struct decimal){s + up, k};
    uint64_t middle = 4 * s + 2;
    return (struct decimal){s + (value > middle || (value == middle && (s & 1))), k};
}

/* Numbers below 1e9 with at most six decimals need no search: fifteen digits name one double, so
 * if v is the double nearest to n/10^6 then n/10^6 is its shortest name. */
static bool few_decimals(double v, struct decimal *d) {
    if (v >= 1e9) return false;
    uint64_t n = (uint64_t)(v * 1e6);
    if ((double)n / 1e6 != v) return false;
    *d = (struct decimal){n, -6};
    return true;
}

static struct decimal to_decimal(double v) {
    struct decimal d;
    if (!few_decimals(v, &d)) {
        uint64_t bits;
        memcpy(&bits, &v, sizeof bits);
        uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
        int64_t exponent = (int64_t)(bits >> 52);
        if (exponent == 0)
            d = shortest(fraction, -1074, false);
        else
            d = shortest(fraction | UINT64_C(1) << 52, exponent - 1075,
                         fraction == 0 && exponent > 1);
    }
    if (d.digits % 100000000 == 0) {
        d.digits /= 100000000;
        d.exponent += 8;
    }
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    return d;
}

static char *fill(char *out, char c, int64_t n) {
    if (n > 0) memset(out, c, (size_t)n);
    return n > 0 ? out + n : out;
}

/* Digits with a point before the digit at `point`, which may lie outside of them. */
static char *write_plain(char *out, const char *digits, int64_t n, int64_t point) {
    if (point <= 0) {
        *out++ = '0';
        *out++ = '.';
        out = fill(out, '0', -point);
        memcpy(out, digits, (size_t)n);
        return out + n;
    }
    int64_t whole = point < n ? point : n;
    memcpy(out, digits, (size_t)whole);
    out = fill(out + whole, '0', point - n);
    *out++ = '.';
    if (whole == n) {
        *out++ = '0';
        return out;
    }
    memcpy(out, digits + whole, (size_t)(n - whole));
    return out + (n - whole);
}

static char *write_exponent(char *out, const char *digits, int64_t n, int64_t point) {
    *out++ = digits[0];
    if (n > 1) {
        *out++ = '.';
        memcpy(out, digits + 1, (size_t)(n - 1));
        out += n - 1;
    }
    *out++ = 'e';
    return out + decimal_int(point - 1, out);
}

size_t decimal_write(double v, char *out) {
    assert(isfinite(v));
    char *start = out, digits[20];
    if (signbit(v)) {
        *out++ = '-';
        v = -v;
    }
    if (v == 0) {
        memcpy(out, "0.0", 3);
        return (size_t)(out + 3 - start);
    }
    struct decimal d = to_decimal(v);
    int64_t n = (int64_t)write_digits(d.digits, digits), point = n + d.exponent;
    if (point > -5 && point <= 17)
        out = write_plain(out, digits, n, point);
    else
        out = write_exponent(out, digits, n, point);
    return (size_t)(out - start);
}

/* ---- reading ------------------------------------------------------------------------------ */

/* What is left when nothing else is certain. Digits beyond `text` must have been accounted for. */
static double ask_library(const char *text) {
    return plain_locale ? strtod_l(text, NULL, plain_locale) : strtod(text, NULL);
}

static double from_bits(uint64_t fraction, int64_t exponent) {
    uint64_t bits = (fraction & ((UINT64_C(1) << 52) - 1)) | (uint64_t)exponent << 52;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The nearest double to m × 10^e, m > 0, e inside the table. */
static double nearest(uint64_t m, int64_t e) {
    const struct power *p = power_of_ten(e);
    int zeros = __builtin_clzll(m);
    uint64_t c = m << zeros;
    u128 product = (u128)c * p->hi;
    uint64_t hi = (uint64_t)(product >> 64), lo = (uint64_t)product;
    if ((hi & 0x1ff) == 0x1ff) { /* a carry from the lower half could reach the digits */
        uint64_t more = (uint64_t)((u128)c * p->lo >> 64);
        lo += more;
        hi += lo < more;
    }
    if (lo == UINT64_MAX && (e < -27 || e > 55)) {
        char text[48];
        snprintf(text, sizeof text, "%llue%lld", (unsigned long long)m, (long long)e);
        return ask_library(text);
    }
    int top = (int)(hi >> 63);
    uint64_t fraction = hi >> (top + 9); /* 53 bits and one for rounding */
    int64_t exponent = log2_of_power(e) + 63 + top - zeros + 1023;
    if (exponent <= 0) { /* subnormal: fewer bits */
        if (exponent <= -63) return 0;
        fraction >>= 1 - exponent;
        fraction = (fraction + (fraction & 1)) >> 1;
        return from_bits(fraction, fraction >> 52 ? 1 : 0);
    }
    /* Exactly between two doubles: to the even one. */
    if (lo <= 1 && e >= -4 && e <= 23 && (fraction & 3) == 1 && fraction << (top + 9) == hi)
        fraction--;
    fraction = (fraction + (fraction & 1)) >> 1;
    if (fraction >> 53) {
        fraction >>= 1;
        exponent++;
    }
    return exponent >= 2047 ? HUGE_VAL : from_bits(fraction, exponent);
}

double decimal_make(uint64_t m, int64_t e) {
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (m <= UINT64_C(1) << 53 && e >= -22 && e <= 22)
        return e < 0 ? (double)m / exact[-e] : (double)m * exact[e];
    if (m == 0 || e < POWER_MIN) return 0;
    if (e > 308) return HUGE_VAL;
    return nearest(m, e);
}

/* Digits that can decide between two doubles; a last one stands for all that follow. */
#define DIGITS_MAX 800
#define FAR        1000000 /* an exponent that no number of bounded length brings back */

/* Digits of the number without leading zeros, as `text`, and the power of ten of the last one. */
static void read_digits(struct str number, char text[DIGITS_MAX + 1], size_t *n, int64_t *e) {
    const char *p = number.p, *end = p + number.n;
    bool point = false, rest = false;
    *n = 0;
    *e = 0;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (*p == '-') continue;
        if (*n == 0 && *p == '0') {
            *e -= point;
        } else if (*n < DIGITS_MAX) {
            text[(*n)++] = *p;
            *e -= point;
        } else {
            rest |= *p != '0';
            *e += !point;
        }
    }
    if (rest) {
        text[(*n)++] = '1';
        (*e)--;
    }
    if (p == end) return;
    bool negative = *++p == '-';
    if (*p == '-' || *p == '+') p++;
    int64_t written = 0;
    for (; p < end; p++)
        written = written < FAR ? written * 10 + (*p - '0') : written;
    *e += negative ? -written : written;
}

double decimal_parse(struct str number) {
    char text[DIGITS_MAX + 1 + 24];
    size_t n;
    int64_t e;
    read_digits(number, text, &n, &e);
    uint64_t m = 0;
    size_t used = n < 19 ? n : 19;
    for (size_t i = 0; i < used; i++)
        m = m * 10 + (uint64_t)(text[i] - '0');
    int64_t cut = (int64_t)(n - used);
    double v = decimal_make(m, e + cut);
    if (cut > 0 && v != decimal_make(m + 1, e + cut)) {
        snprintf(text + n, sizeof text - n, "e%lld", (long long)e);
        v = ask_library(text);
    }
    return number.n > 0 && number.p[0] == '-' ? -v : v;
}
