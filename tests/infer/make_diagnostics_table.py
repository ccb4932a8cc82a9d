"""Computes the reference values of tests/infer/diagnostics_table.h with numpy and scipy, straight from the formulas of
Vehtari et al. (2021) and independently of the C code:  python3 make_diagnostics_table.py > diagnostics_table.h

The draws are not stored: a xorshift generator and plain IEEE arithmetic give the same bits here and in the C test."""
import numpy as np
from scipy import stats

MASK = (1 << 64) - 1


def draws_of(chains, draws, phi, shift, stretch, shape, seed):
    state = seed
    out = np.empty((chains, draws))
    for c in range(chains):
        v = 0.0
        for i in range(draws):
            z = -6.0
            for _ in range(12):
                state ^= state >> 12
                state = (state ^ (state << 25)) & MASK
                state ^= state >> 27
                z += (((state * 2685821657736338717) & MASK) >> 11) * 2.0 ** -53
            v = phi * v + z
            x = v * (1 + stretch * c) + shift * c
            out[c, i] = x if shape == 0 else x * x * x if shape == 1 else np.floor(x)
    return out


def split(x):
    half = x.shape[1] // 2
    return np.concatenate([x[:, :half], x[:, x.shape[1] - half:]])


def scores(x):
    ranks = stats.rankdata(x, method="average").reshape(x.shape)
    return stats.norm.ppf((ranks - 0.375) / (x.size + 0.25))


def autocovariance(x):
    n = len(x)
    size = 1 << (2 * n).bit_length()
    f = np.fft.rfft(x - x.mean(), size)
    return np.fft.irfft(f * np.conj(f), size)[:n] / n


def ess(x):
    m, n = x.shape
    covariance = np.array([autocovariance(row) for row in x])
    means = x.mean(axis=1)
    within = covariance[:, 0].mean() * n / (n - 1)
    plus = within * (n - 1) / n + means.var(ddof=1)
    rho = 1 - (within - covariance.mean(axis=0)) / plus
    rho[0] = 1
    # Geyer: pairs (t, t + 1) while their sum is positive, then made monotone
    t = 0
    while t < n - 4 and rho[t] + rho[t + 1] > 0:
        t += 2
    kept = rho[:t].copy()
    for k in range(2, t - 1, 2):
        if kept[k] + kept[k + 1] > kept[k - 2] + kept[k - 1]:
            kept[k:k + 2] = (kept[k - 2] + kept[k - 1]) / 2
    tau = max(-1 + 2 * kept.sum() + max(rho[t], 0), 1 / np.log10(m * n))
    return m * n / tau


def rhat(x):
    m, n = x.shape
    between = n * x.mean(axis=1).var(ddof=1)
    within = x.var(axis=1, ddof=1).mean()
    return np.sqrt((between / within + n - 1) / n)


def ess_quantile(x, p):
    return ess(split((x <= np.quantile(x, p)).astype(float)))


def mcse_quantile(x, p):
    e = ess_quantile(x, p)
    a = stats.beta.ppf(stats.norm.cdf([-1, 1]), e * p + 1, e * (1 - p) + 1)
    flat = np.sort(x.ravel())
    low = max(int(np.floor(a[0] * flat.size)), 1)
    high = min(int(np.ceil(a[1] * flat.size)), flat.size)
    return (flat[high - 1] - flat[low - 1]) / 2


def mcse_sd(x):
    d = (x - x.mean()) ** 2
    return np.sqrt(((d ** 2).mean() - d.mean() ** 2) / ess(split(d)) / d.mean() / 4)


CASES = [  # chains, draws, phi, shift, stretch, shape, seed
    (4, 1000, 0.0, 0.0, 0.0, 0, 11),
    (4, 1000, 0.9, 0.0, 0.0, 0, 12),
    (4, 1000, 0.0, 0.3, 0.0, 0, 13),
    (4, 1000, 0.3, 0.0, 0.4, 0, 14),
    (4, 1000, -0.5, 0.0, 0.0, 0, 15),
    (4, 1000, 0.5, 0.0, 0.0, 1, 16),
    (4, 1000, 0.5, 0.0, 0.0, 2, 17),
    (4, 101, 0.2, 0.0, 0.0, 0, 18),
    (1, 400, 0.6, 0.0, 0.0, 0, 19),
    (2, 20, 0.1, 0.0, 0.0, 0, 20),
    (3, 12, 0.0, 0.0, 0.0, 0, 21),
    (2, 6000, 0.99, 0.0, 0.0, 0, 22),
    (4, 3001, 0.995, 1.0, 0.0, 0, 23),
    (2, 500, 0.0, 5.0, 0.0, 0, 24),
]

print("/* Reference values made by make_diagnostics_table.py (numpy %s). Columns as in struct expected of the test. */"
      % np.__version__)
for case in CASES:
    x = draws_of(*case)
    folded = np.abs(x - np.median(x))
    row = [x.mean(), x.std(ddof=1) / np.sqrt(ess(split(x))), x.std(ddof=1), *np.quantile(x, [0.05, 0.5, 0.95]),
           ess(scores(split(x))), min(ess_quantile(x, 0.05), ess_quantile(x, 0.95)),
           max(rhat(scores(split(x))), rhat(scores(split(folded)))),
           ess(split(x)), mcse_sd(x), ess_quantile(x, 0.1), mcse_quantile(x, 0.1)]
    print("{%s,\n {%s}}," % (", ".join(repr(v) for v in case), ",\n  ".join(
        ", ".join(repr(float(v)) for v in row[i:i + 4]) for i in range(0, len(row), 4))))
