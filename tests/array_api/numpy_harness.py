"""What the comparisons with NumPy share: cases counted in TAP, seeded values, views made on both sides, comparison in ULP.

A program makes cases with @case("name"), each a function of a generator, run --rounds times with seeds that depend on the
name and the round alone. No case draws new seeds, so a failure is always there again.
"""
import argparse
import sys
import zlib

import numpy as np

import numc_xp as xp
from numc_xp._array import to_bytes

BOOLS = ["bool"]
SIGNED = ["int8", "int16", "int32", "int64"]
UNSIGNED = ["uint8", "uint16", "uint32", "uint64"]
INTEGERS = SIGNED + UNSIGNED
FLOATS = ["float32", "float64"]
COMPLEX = ["complex64", "complex128"]
REALS = INTEGERS + FLOATS
NUMBERS = REALS + COMPLEX
ALL = BOOLS + NUMBERS

# The type a reference is computed in: with more digits than the dtype, where the machine has one.
WIDE = {"float32": np.float64, "float64": np.longdouble, "complex64": np.complex128, "complex128": np.clongdouble}
PART = {"float32": "float32", "float64": "float64", "complex64": "float32", "complex128": "float64"}

_cases = []


def case(name):
    def add(function):
        _cases.append((name, function))
        return function
    return add


class Mismatch(AssertionError):
    pass


# ---- values ----------------------------------------------------------------------------------------------------------

def reals(rng, dtype, size, finite):
    info = np.finfo(dtype)
    kind = rng.integers(0, 10, size)
    small = rng.integers(-9, 10, size).astype("float64")
    uniform = rng.uniform(-4, 4, size)
    exponent = rng.uniform(-20, 20, size)
    wide = np.sign(rng.uniform(-1, 1, size)) * np.exp2(exponent)
    special = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, float(info.tiny), float(info.eps)])
    if not finite:
        special = np.concatenate([special, [np.inf, -np.inf, np.nan, float(info.max), -float(info.max)]])
    values = np.where(kind < 2, small, np.where(kind < 6, uniform, np.where(kind < 8, wide, rng.choice(special, size))))
    return values.astype(dtype)


def values(rng, dtype, shape, finite=False):
    """Seeded values of a dtype: small ones, extremes, and, unless finite, NaN and infinities."""
    size = int(np.prod(shape, dtype=int))
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        data = rng.integers(0, 2, size).astype(bool)
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        small = rng.integers(0 if dtype.kind == "u" else -9, 10, size, dtype=dtype)
        any_ = rng.integers(info.min, info.max, size, dtype=dtype, endpoint=True)
        ends = rng.choice(np.array([info.min, info.max, 0, 1], dtype), size)
        kind = rng.integers(0, 10, size)
        data = np.where(kind < 5, small, np.where(kind < 8, any_, ends)).astype(dtype)
    elif dtype.kind == "f":
        data = reals(rng, dtype, size, finite)
    else:
        part = PART[dtype.name]
        data = np.empty(size, dtype)
        data.real, data.imag = reals(rng, part, size, finite), reals(rng, part, size, finite)
    return data.reshape(shape)


# ---- views -----------------------------------------------------------------------------------------------------------
# (shape of the base, view) pairs; a view takes the module (np or this adapter) and the base.

def permute(m, a, axes):
    return np.transpose(a, axes) if m is np else xp.permute_dims(a, axes)


VIEWS = [
    ((), lambda m, a: a),
    ((0,), lambda m, a: a),
    ((3, 0, 2), lambda m, a: a),
    ((1,), lambda m, a: a),
    ((7,), lambda m, a: a),
    ((1037,), lambda m, a: a),
    ((9,), lambda m, a: a[::-1]),
    ((13,), lambda m, a: a[1::3]),
    ((5, 4), lambda m, a: a),
    ((6, 5), lambda m, a: a[::-2, 1::2]),
    ((6, 4), lambda m, a: a[:, 2]),
    ((3, 4, 2), lambda m, a: permute(m, a, (2, 0, 1))),
    ((4, 3, 5), lambda m, a: permute(m, a[:, ::-1, 1:4], (1, 2, 0))),
    ((3, 1), lambda m, a: m.broadcast_to(a, (2, 3, 4))),
    ((8, 3), lambda m, a: a[2:, None, ::-1]),
]


def both(rng, dtype, view, finite=False, change=None):
    """The same view as a NumPy array and as an array of the library."""
    shape, function = view
    base = values(rng, dtype, shape, finite)
    if change is not None:
        base = np.asarray(change(base), base.dtype)
    return function(np, base), function(xp, xp.asarray(base))


def ours(a):
    """A NumPy array as an array of the library."""
    a = np.asarray(a)
    return xp.asarray(np.ascontiguousarray(a)) if a.ndim else xp.reshape(xp.asarray(a.reshape(1)), ())


def theirs(x):
    """An array of the library as a NumPy array."""
    return np.frombuffer(to_bytes(x), np.dtype(x.dtype.name)).reshape(x.shape)


# ---- comparison ------------------------------------------------------------------------------------------------------

def show(a):
    text = np.array2string(np.asarray(a), threshold=20, precision=17)
    return " ".join(text.split())


def expect(condition, message):
    if not condition:
        raise Mismatch(message)


def match_form(actual, dtype, shape, what):
    expect(actual.dtype.name == str(dtype), f"{what}: dtype {actual.dtype.name}, expected {dtype}")
    expect(actual.shape == tuple(shape), f"{what}: shape {actual.shape}, expected {tuple(shape)}")


def same(actual, expected, what, zeros=False):
    """Bit for bit, but for NaN's bits and, unless zeros, the sign of zeros."""
    expected = np.asarray(expected)
    match_form(actual, expected.dtype.name, expected.shape, what)
    found = theirs(actual)
    if expected.dtype.kind in "fc":
        equal = (found == expected) | ((found != found) & (expected != expected))
        if zeros:
            for part in ("real", "imag") if expected.dtype.kind == "c" else ("real",):
                a, b = getattr(found, part), getattr(expected, part)
                equal &= (np.signbit(a) == np.signbit(b)) | (a != 0) | (b != 0)
    else:
        equal = found == expected
    if not np.all(equal):
        where = np.argmin(np.ravel(equal))
        raise Mismatch(f"{what}: {np.ravel(found)[where]!r}, expected {np.ravel(expected)[where]!r} at {where} of "
                       f"{show(found)}")


def close(actual, reference, ulps, what, scale=None):
    """Within `ulps` units in the last place of actual's dtype from a reference with more digits; NaN and infinities exactly. A
    complex number's unit is that of its absolute value. scale: a larger number whose unit counts instead."""
    found = theirs(actual)
    reference = np.asarray(reference)
    expect(found.shape == reference.shape, f"{what}: shape {found.shape}, expected {reference.shape}")
    part = PART[found.dtype.name]
    with np.errstate(all="ignore"):
        rounded = reference.astype(found.dtype)
        finite = np.isfinite(rounded) & np.isfinite(found)
        equal = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
        size = np.abs(reference if scale is None else np.maximum(np.abs(reference), scale)).astype(part)
        unit = np.spacing(np.minimum(size, np.finfo(part).max).astype(part)).astype(WIDE[part])
        error = np.abs(found.astype(reference.dtype) - reference) / unit
        # at the edge of overflow either side of it is right
        edge = (np.abs(reference) > np.finfo(part).max * (1 - 4 * np.finfo(part).eps)) & ~np.isnan(found)
        good = equal | edge | (finite & (error <= ulps))
    if not np.all(good):
        where = np.argmin(np.ravel(good))
        raise Mismatch(f"{what}: {np.ravel(found)[where]!r}, expected {np.ravel(reference)[where]!r} at {where}: "
                       f"{np.ravel(error)[where]:.3g} ULP, {ulps} allowed")
    if _measure is not None and np.any(finite):
        _measure[_current[0]] = max(_measure.get(_current[0], 0), float(np.max(np.where(finite & ~edge & ~equal, error, 0))))


_measure, _current = None, [None]


def raises(kinds, function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except kinds:
        return
    except Exception as error:
        raise Mismatch(f"{function.__name__}{arguments}: {type(error).__name__} {error}, expected {kinds}") from error
    raise Mismatch(f"{function.__name__}{arguments}: no exception, expected {kinds}")


def main():
    global _measure
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--measure", action="store_true", help="print the largest error of each case in ULP")
    options = arguments.parse_args()
    _measure = {} if options.measure else None
    chosen = [(name, function) for name, function in _cases if options.only in name]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, (name, function) in enumerate(chosen, 1):
        _current[0] = name
        try:
            for turn in range(options.rounds):
                with np.errstate(all="ignore"):
                    function(np.random.default_rng([zlib.crc32(name.encode()), turn]))
        except Exception as error:      # whatever it is, it is this case's failure
            failed += 1
            print(f"not ok {number} - {name}\n# round {turn}: {type(error).__name__}: " + str(error).replace("\n", " "))
        else:
            print(f"ok {number} - {name}")
        sys.stdout.flush()
    for name, ulps in (_measure or {}).items():
        print(f"# {name}: {ulps:.2f} ULP")
    return 1 if failed or not chosen else 0
