#!/usr/bin/env python3
"""Makes reference_tables.h, the values test_distributions.c compares with, by mpmath at 40 digits.

Run: python3 make_tables.py > reference_tables.h
Densities are written here as sums of terms from the distributions' definitions; the magnitude of a row is the sum of the
terms' absolute values, which is what a rounding error of the sum is measured against. Derivatives are differences at 40
digits. Quantiles solve cdf(x) = p for the double p; for counts they are the smallest k with cdf(k) >= p.
"""
from mpmath import mp, mpf, log, exp, sqrt, pi, loggamma, gammainc, betainc, erfc, erf, atan, atan2, inf, nan, diff, expm1, log1p
import mpmath as m

mp.dps = 40


def ndtr(z):
    return erfc(-z / sqrt(2)) / 2


def logbeta(a, b):
    return loggamma(a) + loggamma(b) - loggamma(a + b)


def P(a, x):
    return gammainc(a, 0, x, regularized=True)


def Q(a, x):
    return gammainc(a, x, inf, regularized=True)


def I(a, b, x):
    return betainc(a, b, 0, x, regularized=True)


def student_cdf(x, v, l, s):
    z = (x - l) / s
    beyond = I(v / 2, mpf(1) / 2, v / (v + z * z)) / 2
    return beyond if z < 0 else 1 - beyond


half = mpf(1) / 2
HL2P = log(2 * pi) / 2

# name: (parameter sets, points as function of parameters, terms, cdf or None, mean, variance)
D = {}
LS = [(0.0, 1.0), (1.5, 0.25), (-30.0, 7.0), (0.0, 1e-3)]


def around(l, s, zs=(-30, -3, -0.7, 0, 1e-3, 1.25, 8)):
    return [l + s * z for z in zs]


D["normal"] = (LS, around, lambda x, l, s: [-((x - l) / s) ** 2 / 2, -log(s), -HL2P],
               lambda x, l, s: ndtr((x - l) / s), lambda l, s: l, lambda l, s: s * s)
D["half_normal"] = ([(1.0,), (0.25,), (40.0,)], lambda s: [s * z for z in (1e-8, 0.1, 1, 2.5, 6)],
                    lambda x, s: [-(x / s) ** 2 / 2, -log(s), log(2) - HL2P], lambda x, s: erf(x / s / sqrt(2)),
                    lambda s: s * sqrt(2 / pi), lambda s: s * s * (1 - 2 / pi))
D["log_normal"] = (LS[:3], lambda l, s: [float(exp(mpf(l) + mpf(s) * z)) for z in (-8, -2, 0, 1, 4)],
                   lambda x, l, s: [-((log(x) - l) / s) ** 2 / 2, -log(s), -HL2P, -log(x)],
                   lambda x, l, s: ndtr((log(x) - l) / s), lambda l, s: exp(l + s * s / 2),
                   lambda l, s: expm1(s * s) * exp(2 * l + s * s))
CAUCHY = (-1e8, -30, -0.7, 0, 1e-3, 1.25, 1e6)
D["cauchy"] = (LS, lambda l, s: around(l, s, CAUCHY), lambda x, l, s: [-log1p(((x - l) / s) ** 2), -log(s), -log(pi)],
               lambda x, l, s: atan2(1, -(x - l) / s) / pi, None, None)
D["half_cauchy"] = ([(1.0,), (0.25,), (40.0,)], lambda s: [s * z for z in (1e-8, 0.1, 1, 30, 1e6)],
                    lambda x, s: [-log1p((x / s) ** 2), -log(s), log(2 / pi)], lambda x, s: 2 * atan(x / s) / pi, None, None)
D["student_t"] = ([(0.5, 0.0, 1.0), (2.0, 1.5, 0.25), (4.5, -30.0, 7.0), (300.0, 0.0, 1.0), (1e6, 0.0, 1.0)],
                  lambda v, l, s: around(l, s, (-40, -3, -0.7, 1e-3, 1.25, 8)),
                  lambda x, v, l, s: [-(v + 1) / 2 * log1p(((x - l) / s) ** 2 / v), -log(s), -log(v) / 2, -logbeta(v / 2, half)],
                  student_cdf, lambda v, l, s: l if v > 1 else nan,
                  lambda v, l, s: s * s * v / (v - 2) if v > 2 else (inf if v > 1 else nan))
D["laplace"] = (LS, around, lambda x, l, s: [-abs(x - l) / s, -log(s), -log(2)],
                lambda x, l, s: exp((x - l) / s) / 2 if x < l else 1 - exp(-(x - l) / s) / 2, lambda l, s: l,
                lambda l, s: 2 * s * s)
D["logistic"] = (LS, around, lambda x, l, s: [(x - l) / s, -2 * log1p(exp((x - l) / s)), -log(s)],
                 lambda x, l, s: 1 / (1 + exp(-(x - l) / s)), lambda l, s: l, lambda l, s: s * s * pi * pi / 3)
D["exponential"] = ([(1.0,), (0.02,), (50.0,)], lambda b: [z / b for z in (1e-8, 0.1, 1, 10, 200)],
                    lambda x, b: [log(b), -b * x], lambda x, b: -expm1(-b * x), lambda b: 1 / b, lambda b: 1 / b / b)
GAMMA = [(0.1, 1.0), (1.0, 3.0), (2.5, 0.2), (150.0, 10.0)]
D["gamma"] = (GAMMA, lambda a, b: [a / b * z for z in (1e-3, 0.3, 0.9, 1.2, 4)],
              lambda x, a, b: [(a - 1) * log(x), -b * x, a * log(b), -loggamma(a)], lambda x, a, b: P(a, b * x),
              lambda a, b: a / b, lambda a, b: a / b / b)
D["inverse_gamma"] = (GAMMA, lambda a, b: [b / a * z for z in (0.2, 0.8, 1.1, 3, 1e3)],
                      lambda x, a, b: [-(a + 1) * log(x), -b / x, a * log(b), -loggamma(a)], lambda x, a, b: Q(a, b / x),
                      lambda a, b: b / (a - 1) if a > 1 else inf,
                      lambda a, b: (b / (a - 1)) ** 2 / (a - 2) if a > 2 else inf)
D["beta"] = ([(0.5, 0.5), (1.0, 3.0), (2.5, 0.2), (40.0, 60.0)], lambda a, b: [1e-5, 0.1, 0.4, 0.7, 0.999],
             lambda x, a, b: [(a - 1) * log(x), (b - 1) * log1p(-x), -logbeta(a, b)], lambda x, a, b: I(a, b, x),
             lambda a, b: a / (a + b), lambda a, b: a * b / (a + b) ** 2 / (a + b + 1))
D["uniform"] = ([(0.0, 1.0), (-3.5, 12.25)], lambda a, b: [a, a + 0.3 * (b - a), b], lambda x, a, b: [-log(b - a)],
                lambda x, a, b: (x - a) / (b - a), lambda a, b: (a + b) / 2, lambda a, b: (b - a) ** 2 / 12)

N = {}  # discrete: the same without derivatives in x
N["bernoulli"] = ([(0.5,), (1e-9,), (0.97,)], lambda p: [0.0, 1.0], lambda k, p: [log(p) if k == 1 else log1p(-p)],
                  lambda k, p: 1 - p if k < 1 else mpf(1), lambda p: p, lambda p: p * (1 - p))
N["bernoulli_logits"] = ([(0.0,), (-20.0,), (3.0,)], lambda l: [0.0, 1.0], lambda k, l: [-log1p(exp(l if k == 0 else -l))],
                         lambda k, l: 1 / (1 + exp(l)) if k < 1 else mpf(1), lambda l: 1 / (1 + exp(-l)),
                         lambda l: exp(l) / (1 + exp(l)) ** 2)


def choose(n, k):
    return loggamma(n + 1) - loggamma(k + 1) - loggamma(n - k + 1)


def binomial_cdf(k, n, p):
    return mpf(1) if k >= n else sum(m.binomial(n, j) * p ** j * (1 - p) ** (n - j) for j in range(int(k) + 1))


N["binomial"] = ([(1.0, 0.3), (20.0, 0.5), (400.0, 0.01), (400.0, 0.8)], lambda n, p: [0.0, 1.0, float(int(n * p)), n - 1, n],
                 lambda k, n, p: [k * log(p), (n - k) * log1p(-p), choose(n, k)], binomial_cdf,
                 lambda n, p: n * p, lambda n, p: n * p * (1 - p))
N["binomial_logits"] = ([(1.0, -1.0), (20.0, 0.0), (400.0, -5.0), (400.0, 2.0)], lambda n, l: [0.0, 1.0, float(int(n / 2)), n - 1, n],
                        lambda k, n, l: [k * l, -n * log1p(exp(l)), choose(n, k)],
                        lambda k, n, l: binomial_cdf(k, n, 1 / (1 + exp(-l))), lambda n, l: n / (1 + exp(-l)),
                        lambda n, l: n * exp(l) / (1 + exp(l)) ** 2)
N["poisson"] = ([(0.2,), (1.0,), (30.5,), (5000.0,)], lambda r: [0.0, 1.0, float(int(r)), float(int(1.2 * r + 4))],
                lambda k, r: [k * log(r), -r, -loggamma(k + 1)], lambda k, r: Q(k + 1, r), lambda r: r, lambda r: r)
N["poisson_log"] = ([(-2.0,), (0.0,), (3.5,)], lambda l: [0.0, 1.0, float(int(exp(l))), float(int(1.2 * exp(l) + 4))],
                    lambda k, l: [k * l, -exp(l), -loggamma(k + 1)], lambda k, l: Q(k + 1, exp(l)), lambda l: exp(l), lambda l: exp(l))


def hexf(x):
    x = float(x)
    return "NAN" if x != x else ("INFINITY" if x == float("inf") else ("-INFINITY" if x == -float("inf") else x.hex()))


def row(*values):
    """A list among the values is an array of three, filled up with NAN."""
    texts = ["{" + ", ".join(hexf(u) for u in (v + [nan] * 3)[:3]) + "}" if isinstance(v, list) else hexf(v) for v in values]
    return "    {" + ", ".join(texts) + "},"


print("/* Made by make_tables.py with mpmath: do not edit. NAN marks what a row does not have. */")
print("#include <math.h>")
print("typedef struct { double parameters[3], x, log_prob, magnitude, cdf, dx, dp[3]; } reference_row;")
print("typedef struct { double parameters[3], p, x; } quantile_row;")
print("typedef struct { double parameters[3], mean, variance; } moment_row;")
for table, discrete in ((D, False), (N, True)):
    for name, (sets, points, terms, cdf, mean, variance) in table.items():
        rows, quantiles, moments = [], [], []
        for parameters in sets:
            exact = [mpf(p) for p in parameters]
            for x in points(*parameters):
                x = float(x)
                density = lambda *a: sum(terms(*a))
                t = terms(mpf(x), *exact)
                n = 1 + len(exact)
                slopes = []
                for k in range(n):
                    fixed = (discrete and k == 0) or (name.startswith("binomial") and k == 1)
                    kink = name == "laplace" and x == parameters[0]
                    edge = name == "uniform" and k == 0
                    if fixed or kink:
                        slopes.append(nan)
                    elif edge:
                        slopes.append(mpf(0))
                    else:
                        slopes.append(diff(density, [mpf(x)] + exact, tuple(int(j == k) for j in range(n))))
                F = cdf(mpf(x), *exact)
                rows.append(row(list(parameters), x, sum(t), sum(abs(u) for u in t), F, slopes[0], slopes[1:]))
                p = float(F)
                if not discrete and 1e-200 < p < 0.999:
                    y = mpf(x)
                    for _ in range(4):
                        y = y - (cdf(y, *exact) - p) / exp(density(y, *exact))
                    quantiles.append(row(list(parameters), p, y))
            if discrete:
                for p in (1e-300, 1e-12, 0.01, 0.3, 0.5, 0.9, 1 - 1e-10):
                    low, high = 0, 1  # F(low - 1) < p <= F(high)
                    while cdf(mpf(high), *exact) < p:
                        low, high = high + 1, 2 * high
                    while low < high:
                        middle = (low + high) // 2
                        low, high = (low, middle) if cdf(mpf(middle), *exact) >= p else (middle + 1, high)
                    quantiles.append(row(list(parameters), p, high))
            if mean is not None:
                moments.append(row(list(parameters), mean(*exact), variance(*exact)))
        for kind, lines in (("reference", rows), ("quantile", quantiles), ("moment", moments)):
            if lines:
                print(f"static const {kind}_row {kind}_{name}[] = {{")
                print("\n".join(lines))
                print("};")
