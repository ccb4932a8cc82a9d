#!/usr/bin/env python3
"""Makes reference_tables.h, the values test_accuracy.c compares the scalar kernel with, by mpmath at 60 digits.

Run: python3 make_tables.py > reference_tables.h     (python3 make_tables.py 400 for a denser table)
Each row holds the arguments, the nearest double to the value, and what is left of the value, so errors are measured
below one unit in the last place.
"""
import random
import sys
from mpmath import mp, mpf, exp, log, sqrt, pi
import mpmath as m

mp.dps = 60
COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 40
source = random.Random(20261122)
TINY, HUGE = 2.2250738585072014e-308, 1.7976931348623157e308


def spread(*ranges):
    """Points uniform or (geometric=True) log-uniform in each (low, high, geometric) range; negative mirrored."""
    points = []
    for r in ranges:
        low, high = r[0], r[1]
        n = max(2, COUNT // len(ranges))
        for _ in range(n):
            if len(r) > 2 and r[2] == "log":
                points.append(mp.mpf(10) ** (source.uniform(float(m.log10(mpf(low))), float(m.log10(mpf(high))))))
            elif len(r) > 2 and r[2] == "-log":
                points.append(-mp.mpf(10) ** (source.uniform(float(m.log10(mpf(low))), float(m.log10(mpf(high))))))
            else:
                points.append(source.uniform(low, high))
    return [float(p) for p in points]


def around(*centres):
    """Points close to each centre on both sides."""
    points = []
    for c in centres:
        for k in (4, 10, 20, 30, 40, 50):
            d = 2.0 ** -k * source.uniform(1, 2)
            points += [c + d * max(abs(c), 2.0 ** -k), c - d * max(abs(c), 2.0 ** -k)]
    return points


def hexf(x):
    return x.hex()


def row(arguments, value):
    y = float(value)
    if y != y or abs(y) == float("inf") or (y == 0 and value != 0) or (y != 0 and abs(y) < TINY):
        return None
    rest = float(value - mpf(y))
    return "    {" + ", ".join(hexf(float(a)) for a in arguments) + ", " + hexf(y) + ", " + hexf(rest) + "},"


def emit(name, arity, rows):
    rows = [r for r in rows if r is not None]
    print(f"static const double table_{name}[][{arity + 2}] = {{")
    print("\n".join(rows))
    print("};")


def unary(name, f, points):
    emit(name, 1, [row((x,), f(mpf(x))) for x in points])


def binary(name, f, points):
    emit(name, 2, [row((x, y), f(mpf(x), mpf(y))) for x, y in points])


def ternary(name, f, points):
    emit(name, 3, [row((x, y, z), f(mpf(x), mpf(y), mpf(z))) for x, y, z in points])


def erfc(x):
    return m.erfc(x)


def erfcx(x):
    if x > 1e4:
        s = t = mpf(1)
        for k in range(1, 20):
            t *= -(2 * k - 1) / (2 * x * x)
            s += t
        return s / (x * sqrt(pi))
    with mp.workdps(60 + max(0, int(x * x / 2)) if x < 30 else 60):
        return exp(x * x) * m.erfc(x)


def ndtr(x):
    return m.erfc(-x / sqrt(mpf(2))) / 2


def log_ndtr(x):
    if x > 5:
        return m.log1p(-ndtr(-x))
    if x < -1e4:
        z = -x                                      # ln(phi(z)/z) + ln(1 - 1/z^2 + 3/z^4 ...)
        s = t = mpf(1)
        for k in range(1, 20):
            t *= -(2 * k - 1) / (z * z)
            s += t
        return -z * z / 2 - log(z * sqrt(2 * pi)) + log(s)
    return log(ndtr(x))


def newton(log_tail, slope, x, target):
    for _ in range(200):
        step = (log_tail(x) - target) / slope(x)
        x -= step
        if abs(step) < abs(x) * mpf(10) ** -50:
            return x
    raise SystemExit("no convergence")


def erfcinv(q):
    if q > 1:
        return -erfcinv(2 - q)
    if q > mpf("0.1"):
        return m.erfinv(1 - q)
    return newton(lambda x: log(m.erfc(x)), lambda x: -2 / sqrt(pi) * exp(-x * x) / m.erfc(x),
                  sqrt(-log(q)), log(q))


def ndtri(p):
    return -sqrt(mpf(2)) * erfcinv(2 * p)


def elementary():
    unary("exp", exp, spread((-1, 1), (-700, 700), (1e-300, 1e-3, "log"), (709, 709.78), (-708.3, -700)))
    unary("exp2", lambda x: mpf(2) ** x, spread((-1, 1), (-1022, 1023.99), (1e-300, 1e-3, "log")) + [-3.0, 10.0])
    unary("expm1", m.expm1, spread((-1, 1), (-40, 709.7), (1e-300, 1e-3, "log"), (1e-17, 1e-3, "-log"), (-2, 2)) + around(0.3466, -0.3466))
    unary("log", log, spread((0.5, 2), (TINY, HUGE, "log"), (0.7, 1.42), (1e-320, 1e-300, "log")) + around(1.0))
    unary("log1p", m.log1p, spread((-0.5, 1), (-0.999999, -0.5), (1e-300, 1e300, "log"), (1e-18, 0.99, "-log"), (-0.3, 0.5))
          + around(0.41421356, -0.29289))
    unary("log2", lambda x: log(x) / log(mpf(2)), spread((0.5, 2), (TINY, HUGE, "log"), (0.7, 1.42)) + around(1.0) + [8.0, 0.125])
    unary("log10", lambda x: log(x) / log(mpf(10)), spread((0.5, 2), (TINY, HUGE, "log"), (0.7, 1.42)) + around(1.0) + [1000.0])
    unary("sinh", m.sinh, spread((-1, 1), (-710, 710), (1e-300, 1e-3, "log")) + [710.3, -710.2])
    unary("cosh", m.cosh, spread((-1, 1), (-710, 710)) + [710.3])
    unary("tanh", m.tanh, spread((-1, 1), (-20, 20), (1e-300, 1e-3, "log")))
    unary("asinh", m.asinh, spread((-1, 1), (-1e3, 1e3), (1e-300, 1e300, "log")) + around(2.0 ** 28))
    unary("acosh", m.acosh, spread((1, 2), (1, 1e4), (2, 1e300, "log"), (1.0, 1.0001)) + around(2.0 ** 28))
    unary("atanh", m.atanh, spread((-1, 1), (0.9, 1), (1e-300, 1e-3, "log")))
    unary("sin", m.sin, spread((-3, 3), (-1e6, 1e6), (1e-300, 1e-3, "log"), (1e6, 1e300, "log"), (1e300, HUGE, "log")) +
          [float(k * pi / 2) for k in (1, 2, 3, 100, 65535)] + [6381956970095103.0 * 2.0 ** 797])
    unary("cos", m.cos, spread((-3, 3), (-1e6, 1e6), (1e6, 1e300, "log"), (1e300, HUGE, "log")) +
          [float(k * pi / 2) for k in (1, 2, 3, 100, 65535)] + [6381956970095103.0 * 2.0 ** 797])
    unary("tan", m.tan, spread((-3, 3), (-1e6, 1e6), (1e-300, 1e-3, "log"), (1e6, 1e300, "log")) +
          [float(k * pi / 2) for k in (1, 2, 3, 100, 65535)])
    unary("asin", m.asin, spread((-1, 1), (0.45, 0.55), (0.9, 1), (1e-300, 1e-3, "log")))
    unary("acos", m.acos, spread((-1, 1), (0.45, 0.55), (-0.55, -0.45), (0.99, 1)) + [x for x in around(-1.0, 0.5) if x >= -1])
    unary("atan", m.atan, spread((-1, 1), (-10, 10), (1e-300, 1e300, "log")) + around(0.41421356, 2.41421356))
    binary("atan2", m.atan2, list(zip(spread((-3, 3), (-1e-300, 1e-300), (1e-300, 1e300, "log"), (1e307, HUGE)),
                                      spread((-3, 3), (-1e-300, 1e-300), (1e-300, 1e300, "log"), (1e307, HUGE)))))
    binary("hypot", m.hypot, list(zip(spread((-3, 3), (1e-320, 1e-300), (1e-300, 1e300, "log"), (1e307, 1e308)),
                                      spread((-3, 3), (1e-320, 1e-300), (1e-300, 1e300, "log"), (1e307, 1e308)))))
    bases = spread((0.5, 2), (TINY, HUGE, "log"), (0.999, 1.001), (0, 100), (1e-320, 1e-310, "log"))
    powers = []
    for i, x in enumerate(bases):
        most = 700 / abs(float(log(mpf(x)))) if x != 1 else 10
        powers.append(source.uniform(-most, most) if i % 3 else float(round(source.uniform(-min(most, 40), min(most, 40)))))
    binary("pow", lambda x, y: m.power(x, y), list(zip(bases, powers)) + [(-x, p) for x, p in zip(bases, powers) if p == round(p)])
    unary("sinpi", lambda x: m.sinpi(x), spread((-1, 1), (-100, 100), (1e-300, 1e-3, "log")) + around(0.25, 1.0, 7.0, 0.75))
    unary("cospi", lambda x: m.cospi(x), spread((-1, 1), (-100, 100)) + around(0.25, 0.5, 7.5, 0.75))
    unary("tanpi", lambda x: m.sinpi(x) / m.cospi(x), spread((-1, 1), (-100, 100), (1e-300, 1e-3, "log")) + around(0.25, 0.5, 7.5, 0.75, 1.0))


def gamma_family():
    positive = [(0.5, 3), (3, 13), (1e-300, 0.5, "log"), (13, 1e4, "log"), (1e4, 1e300, "log"), (0.9, 2.1)]
    unary("lgamma", lambda x: log(abs(m.gamma(x))) if abs(x) < 3 else m.re(m.loggamma(x)), spread(*positive) + around(1.0, 2.0, 12.0))
    negative = [x for x in spread((-20, 0), (-200, 0), (1e-300, 0.5, "-log")) if x != int(x)]
    unary("lgamma_negative", lambda x: log(abs(m.gamma(x))), negative)
    unary("digamma", m.digamma, spread(*positive) + around(1.4616321449683623, 1.0, 12.0))
    unary("digamma_negative", m.digamma, negative)
    unary("trigamma", lambda x: m.psi(1, x), spread(*positive[:5]) + negative[:: 2])
    orders = [1, 2, 3, 4, 5, 8, 15]
    for name, ranges in [("polygamma", [(0.01, 3), (3, 30), (30, 1e6, "log")]), ("polygamma_negative", [(-6, 0)])]:
        binary(name, lambda n, x: m.psi(int(n), x), [(orders[i % len(orders)], x) for i, x in enumerate(spread(*ranges))])
    pairs = list(zip(spread((0.01, 3), (3, 30), (1e-5, 1e7, "log"), (8, 100)), spread((0.01, 3), (3, 30), (1e-5, 1e7, "log"), (1e4, 1e8))))

    def betaln(a, b):
        with mp.workdps(100):
            return m.loggamma(a) + m.loggamma(b) - m.loggamma(a + b)
    binary("betaln", betaln, pairs)


def error_family():
    unary("erf", m.erf, spread((-1, 1), (-6, 6), (1e-300, 1e-3, "log"), (0.7, 0.8)))
    unary("erfc", erfc, spread((-1, 1), (-6, 6), (0.4, 3), (3, 26.5), (1e-300, 1e-3, "log")) + around(0.5, 1.0, 7.0))
    unary("erfcx", erfcx, spread((-1, 1), (-26, 3), (3, 30), (30, 1e300, "log")))
    unary("erfinv", m.erfinv, spread((-1, 1), (0.8, 0.9), (1e-300, 1e-3, "log")) + [float(1 - mpf(2) ** -k) for k in range(2, 53, 3)])
    unary("erfcinv", erfcinv, spread((0, 2), (0.1, 0.2), (1e-307, 0.1, "log"), (1e-16, 0.2, "log")))
    unary("ndtr", ndtr, spread((-1, 1), (-6, 6), (-37, -1), (1e-300, 1e-3, "log"), (1e-20, 1e-3, "-log")))
    unary("log_ndtr", log_ndtr, spread((-3, 3), (-40, 0), (0, 37), (40, 1e4, "-log"), (1e4, 1e150, "-log")))
    unary("ndtri", ndtri, spread((0, 1), (0.05, 0.1), (1e-307, 0.1, "log"), (1e-16, 0.2, "log")) + around(0.5))


def logistic_family():
    unary("expit", lambda x: 1 / (1 + exp(-x)), spread((-3, 3), (-700, 40)))
    unary("logit", lambda p: log(p) - m.log1p(-p), spread((0, 1), (1e-300, 0.1, "log"), (0.2, 0.8)) + around(0.5))
    unary("softplus", lambda x: m.log1p(exp(x)), spread((-3, 3), (-700, 800)))
    unary("log_expit", lambda x: -m.log1p(exp(-x)), spread((-3, 3), (-800, 700)))
    unary("log1mexp", lambda x: log(-m.expm1(-x)) if x < 1 else m.log1p(-exp(-x)), spread((0, 2), (1e-300, 1, "log"), (0, 40), (40, 700)))
    binary("logaddexp", lambda x, y: log(exp(x) + exp(y)), list(zip(spread((-3, 3), (-700, 700)), spread((-3, 3), (-700, 700)))))
    binary("xlogy", lambda x, y: x * log(y), list(zip(spread((-3, 3), (0, 1e4)), spread((0, 3), (0, 1e4)))))
    binary("xlog1py", lambda x, y: x * m.log1p(y), list(zip(spread((-3, 3), (0, 1e4)), spread((-1, 3), (-1e-5, 1e-5)))))


def lower_gamma(a, x):
    """P(a, x) by its series of positive terms."""
    s = t = 1 / a
    n = a
    while t > s * mpf(10) ** -mp.dps:
        n += 1
        t *= x / n
        s += t
    return s * exp(a * log(x) - x - m.loggamma(a))


def gamma_digits(a, x):
    """Digits lost where Q is small: its exponent."""
    return int(max(0, x - a - a * log(x / a)) / 2.3) + 10 if x > a else 10


def upper_gamma(a, x):
    with mp.workdps(70 + gamma_digits(a, x)):
        return 1 - lower_gamma(a, x)


def gamma_slope(a, x):
    with mp.workdps(130 + gamma_digits(a, x)):
        h = a * mpf(10) ** -(40 + gamma_digits(a, x) // 2)
        return (lower_gamma(a + h, x) - lower_gamma(a - h, x)) / (2 * h)


def beta_series(a, b, x):
    """I_x(a, b) = x^a y^b / (a B) sum (a+b)_n / (a+1)_n x^n, positive terms."""
    s = t = mpf(1)
    n = mpf(0)
    while True:
        t *= (a + b + n) / (a + 1 + n) * x
        s += t
        n += 1
        if t < s * mpf(10) ** -mp.dps and (a + b + n) * x < (a + 1 + n):
            break
    return s * exp(a * log(x) + b * m.log1p(-x) - (m.loggamma(a) + m.loggamma(b) - m.loggamma(a + b))) / a


def lower_beta(a, b, x):
    if x <= a / (a + b):
        return beta_series(a, b, x)
    return 1 - beta_series(b, a, 1 - x)


def beta_slope(a, b, x, da, db):
    with mp.workdps(110):
        h = mpf(10) ** -35
        return (lower_beta(a + da * h * a, b + db * h * b, x) - lower_beta(a - da * h * a, b - db * h * b, x)) / \
            (2 * h * (da * a + db * b))


def incomplete():
    bodies, tails = [], []
    shapes = spread((1e-3, 1, "log"), (1, 10), (10, 60), (60, 1e4, "log"), (1e3, 1e4))
    for a in shapes:
        for k in range(2):
            z = source.uniform(-4, 4)
            w = 1 - 1 / (9 * a) + z / (3 * a ** 0.5)
            x = a * w ** 3 if w > 0.05 else (source.uniform(0.001, 3) if a < 3 else a * source.uniform(0.1, 0.5))
            bodies.append((a, x))
        tails.append((a, a * source.uniform(0.001, 0.8) if a < 500 else a * source.uniform(0.75, 0.95)))
        tails.append((a, (a + 1) * source.uniform(1.3, 3) + source.uniform(0, 300) if a < 500 else a * source.uniform(1.03, 1.3)))
    bodies = bodies[:: max(1, len(bodies) // (3 * COUNT))]
    tails = tails[:: max(1, len(tails) // (3 * COUNT))]
    binary("gammainc", lower_gamma, bodies)
    binary("gammaincc", upper_gamma, bodies)
    binary("gammainc_tail", lower_gamma, [t for t in tails if t[1] < t[0]])
    binary("gammaincc_tail", upper_gamma, [t for t in tails if t[1] > t[0]])
    binary("gammaincc_small", upper_gamma, [(a, x) for a, x in zip(spread((1e-12, 0.9, "log")), spread((1e-12, 5, "log")))])
    binary("gammainc_da", gamma_slope, bodies[::2] + tails[::2])

    bodies, tails = [], []
    pairs = list(zip(spread((0.05, 1), (0.05, 1), (1, 10), (1, 300), (10, 1e4, "log"), (1e3, 1e4)),
                     spread((0.05, 1), (1, 300), (1, 10), (0.05, 1), (10, 1e4, "log"), (1e3, 1e4))))
    for a, b in pairs:
        mean = a / (a + b)
        sd = (mean * (1 - mean) / (a + b + 1)) ** 0.5
        for k in range(2):
            x = mean + source.uniform(-4, 4) * sd
            bodies.append((a, b, x if 0 < x < 1 else source.uniform(0, 1)))
        x = mean - source.uniform(5, 20) * sd
        tails.append((a, b, x if x > 0 else mean * source.uniform(0, 1) ** 4))
    pick = max(1, len(bodies) // (3 * COUNT))
    points = [(p, lower_beta(*map(mpf, p))) for p in bodies[::pick] + tails[::pick]]
    emit("betainc", 3, [row(p, v) for p, v in points if v >= 1e-8])
    emit("betainc_tail", 3, [row(p, v) for p, v in points if v < 1e-8])
    with mp.workdps(90):
        small = [(a, b, x) for a, b, x in zip(spread((0.1, 3)), spread((1e-12, 0.2, "log")), spread((0.05, 0.9999)))]
        ternary("betainc_small", lower_beta, small)
    chosen = (bodies[::2] + tails)[::pick]
    ternary("betainc_da", lambda a, b, x: beta_slope(a, b, x, 1, 0), chosen)
    ternary("betainc_db", lambda a, b, x: beta_slope(a, b, x, 0, 1), chosen)


def main():
    print("/* Generated by tests/kernel/make_tables.py: arguments, nearest double, rest of the value. */")
    print("/* clang-format off */")
    elementary()
    gamma_family()
    error_family()
    logistic_family()
    incomplete()


main()
