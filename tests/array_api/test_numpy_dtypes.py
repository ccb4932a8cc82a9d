"""What the files by subject leave out, against NumPy: operands of different dtypes, numbers beside arrays, functions of dtypes the
standard does not ask for, every in-place and reflected operator, matrices and batches of no size. Bounds stand beside the checks."""
import operator
import sys

import numpy as np

import numc_xp as xp
from numc_xp import fft, linalg
from numpy_harness import (ALL, BOOLS, COMPLEX, FLOATS, INTEGERS, NUMBERS, PART, REALS, SIGNED, UNSIGNED, VIEWS, WIDE, both, case, close,
                           expect, main, ours, raises, same, theirs, values)

EPS = {name: float(np.finfo(PART[name]).eps) for name in FLOATS + COMPLEX}


def common(a, b):
    """The dtype of two arrays, by docs/array-api.md; None where there is none."""
    kinds = np.dtype(a).kind + np.dtype(b).kind
    if a == b:
        return a
    if kinds in ("bi", "bu", "bf", "bc"):
        return b
    if kinds in ("ib", "ub", "fb", "cb"):
        return a
    if kinds in ("iu", "ui") and "uint64" in (a, b):
        return None
    if kinds[0] in "iu" and kinds[1] in "fc":
        return b
    if kinds[1] in "iu" and kinds[0] in "fc":
        return a
    return np.promote_types(a, b).name


# ---- operands of different dtypes ------------------------------------------------------------------------------------

@case("arithmetic of arrays of different dtypes")
def mixed(rng):
    for first in ALL:
        for second in ALL:
            a, b = values(rng, first, (40,)), values(rng, second, (2, 40))
            dtype = common(first, second)
            if dtype is None:
                for name in ("add", "multiply", "equal", "less", "maximum", "atan2"):
                    raises(TypeError, getattr(xp, name), ours(a), ours(b))
                continue
            if dtype == first == second:
                continue
            x, y = ours(a), ours(b)
            p, q = a.astype(dtype), b.astype(dtype)
            same(xp.equal(x, y), np.equal(p, q), f"equal({first}, {second})")
            same(xp.not_equal(x, y), np.not_equal(p, q), f"not_equal({first}, {second})")
            for name in ("add", "subtract"):
                same(getattr(xp, name)(x, y), getattr(np, name)(p, q), f"{name}({first}, {second})")
            if dtype in COMPLEX:
                raises(TypeError, xp.less, x, y)
                continue
            same(xp.multiply(x, y), np.multiply(p, q), f"multiply({first}, {second})")
            for name in ("less", "less_equal", "greater", "greater_equal", "maximum", "minimum"):
                same(getattr(xp, name)(x, y), getattr(np, name)(p, q), f"{name}({first}, {second})")
            wide = dtype if dtype in FLOATS else "float64"
            same(xp.divide(x, y), np.divide(p.astype(wide), q.astype(wide)), f"divide({first}, {second})")
            if dtype in INTEGERS:
                same(xp.bitwise_xor(x, y), np.bitwise_xor(p, q), f"bitwise_xor({first}, {second})")
            joined = np.concatenate([p, q[0]])
            same(xp.concat([x, y[0]]), joined, f"concat({first}, {second})")


@case("arithmetic among bools is done in int64")
def bools(rng):
    for view in VIEWS:
        a, x = both(rng, "bool", view)
        b, y = both(rng, "bool", view)
        p, q = a.astype("int64"), b.astype("int64")
        for name in ("add", "subtract", "multiply"):
            same(getattr(xp, name)(x, y), getattr(np, name)(p, q), f"{name}(bool)")
        same(xp.negative(x), -p, "negative(bool)")
        same(xp.square(x), p, "square(bool)")
        same(xp.divide(x, y), np.divide(a.astype("float64"), b.astype("float64")), "divide(bool)")
        for name in ("maximum", "minimum", "less", "less_equal", "greater", "greater_equal"):
            same(getattr(xp, name)(x, y), getattr(np, name)(a, b), f"{name}(bool)")
        same(xp.exp(x), theirs(xp.exp(xp.astype(x, xp.float64))), "exp(bool)")


@case("numbers beside arrays")
def numbers(rng):
    for dtype in ALL:
        a = values(rng, dtype, (5,), finite=True)
        x = ours(a)
        whole = a.astype(dtype if dtype in NUMBERS else "int64")
        same(x + 3, whole + np.asarray(3, whole.dtype), f"{dtype} + 3")
        same(x * True, whole, f"{dtype} * True")
        wide = dtype if dtype in FLOATS + COMPLEX else "float64"
        same(x + 0.5, a.astype(wide) + np.asarray(0.5, wide), f"{dtype} + 0.5")
        same(0.5 - x, np.asarray(0.5, wide) - a.astype(wide), f"0.5 - {dtype}")
        large = {"float32": "complex64", "complex64": "complex64"}.get(dtype, "complex128")
        same(x + 2j, a.astype(large) + np.asarray(2j, large), f"{dtype} + 2j")
        same(x == 2, whole == 2, f"{dtype} == 2")
        expect(xp.result_type(x, 2.5).name == wide and xp.result_type(x, 1j).name == large, f"result_type({dtype}, a number)")
        if dtype in INTEGERS:
            info = np.iinfo(dtype)
            same(xp.maximum(x, int(info.max)), np.full(5, info.max, dtype), f"maximum({dtype}, its greatest)")
            for beyond in (int(info.max) + 1, int(info.min) - 1):
                if not -2**63 <= beyond < 2**64:    # a number of C has one of its types
                    continue
                raises((OverflowError, TypeError, ValueError), operator.add, x, beyond)
    raises(TypeError, operator.matmul, xp.ones((2, 2)), 2)


# ---- dtypes the standard leaves open ---------------------------------------------------------------------------------

@case("logical functions take numbers for true where they are not 0")
def logical(rng):
    for dtype in ALL:
        for view in VIEWS:
            a, x = both(rng, dtype, view)
            b, y = both(rng, dtype, view)
            same(xp.logical_not(x), np.logical_not(a), f"logical_not({dtype})")
            for name in ("logical_and", "logical_or", "logical_xor"):
                same(getattr(xp, name)(x, y), getattr(np, name)(a, b), f"{name}({dtype})")


@case("mean, var and std of integers and bools")
def means_of_integers(rng):
    for dtype in BOOLS + INTEGERS:
        for view in VIEWS[3:]:
            a, x = both(rng, dtype, view, change=lambda v: v if v.dtype == bool else v % 50)
            wide = a.astype(np.longdouble)
            for axis in (None, 0, -1) if a.ndim else (None,):
                n = a.size if axis is None else a.shape[axis]
                scale = np.mean(np.abs(wide), axis)
                # whole numbers below 50: their sum is exact, the quotient rounded
                close(xp.mean(x, axis=axis), np.mean(wide, axis), 1, f"mean({dtype})", scale=scale)
                # n squares of differences from a rounded mean, added: as for floats
                close(xp.var(x, axis=axis), np.var(wide, axis), 2 * n + 8, f"var({dtype})", scale=np.mean(wide**2, axis))
                expect(xp.std(x, axis=axis).dtype is xp.float64, f"std({dtype}) is not float64")
                # the root of an error e of the mean square m is below sqrt(e m): (2 n + 8) eps / 2 of m
                error = np.abs(theirs(xp.std(x, axis=axis)) - np.std(wide, axis))
                expect(np.all(error <= np.sqrt((n + 4) * 2.0**-52 * np.mean(wide**2, axis))), f"std({dtype})")
    same(xp.sum(ours(np.array([True, True, False]))), np.asarray(2), "sum(bool)")
    same(xp.prod(ours(np.array([[True, False], [True, True]])), axis=1), np.array([0, 1]), "prod(bool)")


@case("scans and differences of complex numbers and bools")
def scans(rng):
    for dtype in COMPLEX:
        for view in VIEWS[1:]:
            a, x = both(rng, dtype, view, finite=True, change=lambda v: np.exp(1j * np.abs(np.real(v))))
            for axis in range(-a.ndim, a.ndim):
                n, wide = a.shape[axis], a.astype(WIDE[dtype])
                close(xp.cumulative_sum(x, axis=axis), np.cumsum(wide, axis), 2 * n + 1, f"cumulative_sum({dtype})",
                      scale=np.cumsum(np.abs(wide), axis))
                # numbers of size 1; a product of two is within 2 eps of it
                close(xp.cumulative_prod(x, axis=axis), np.cumprod(wide, axis), 4 * n + 2, f"cumulative_prod({dtype})")
                if n > 0:
                    same(xp.diff(x, axis=axis), np.diff(a, axis=axis), f"diff({dtype})")
    for view in VIEWS[4:]:
        a, x = both(rng, "bool", view)
        for axis in range(a.ndim):
            same(xp.diff(x, axis=axis), np.diff(a, axis=axis), "diff(bool)")
            same(xp.cumulative_sum(x, axis=axis), np.cumsum(a, axis, "int64"), "cumulative_sum(bool)")


@case("sets of complex numbers")
def complex_sets(rng):
    for dtype in COMPLEX:
        for view in VIEWS:
            a, x = both(rng, dtype, view, finite=True, change=lambda v: np.round(np.clip(v.real, -2, 2)) + 1j * np.round(np.clip(v.imag, -2, 2)))
            v, i, inverse, counts = np.unique(a, return_index=True, return_inverse=True, return_counts=True)
            found = xp.unique_all(x)
            same(found.values, v, f"unique_all({dtype}).values")
            same(found.indices, i.astype("int64"), f"unique_all({dtype}).indices")
            same(found.inverse_indices, inverse.reshape(a.shape).astype("int64"), f"unique_all({dtype}).inverse_indices")
            same(found.counts, counts.astype("int64"), f"unique_all({dtype}).counts")
            b = np.array([0, 1 + 1j, -2], dtype)
            same(xp.isin(x, ours(b)), np.isin(a, b), f"isin({dtype})")


@case("matrices of integers and bools: triangles, diagonals, traces, grids")
def whole_matrices(rng):
    for dtype in BOOLS + INTEGERS:
        d = getattr(xp, dtype)
        a, x = both(rng, dtype, ((2, 6, 5), lambda m, a: a[:, ::-2, 1:]))
        for k in (-9, -1, 0, 2, 9):
            same(xp.eye(3, 4, k=k, dtype=d), np.eye(3, 4, k, dtype), f"eye({dtype})")
            same(xp.tril(x, k=k), np.tril(a, k), f"tril({dtype})")
            same(xp.triu(x, k=k), np.triu(a, k), f"triu({dtype})")
            same(linalg.diagonal(x, offset=k), np.diagonal(a, k, -2, -1), f"diagonal({dtype})")
            sums = "uint64" if dtype in UNSIGNED else "int64"
            same(linalg.trace(x, offset=k), np.trace(a, k, -2, -1, sums), f"trace({dtype})")
        same(xp.matrix_transpose(x), np.swapaxes(a, -1, -2), f"matrix_transpose({dtype})")
        for found, expected in zip(xp.meshgrid(x[0, 0, :], x[1, :, 0]), np.meshgrid(a[0, 0], a[1, :, 0])):
            same(found, expected, f"meshgrid({dtype})")


@case("searchsorted: strided, infinite, another dtype, NaN above all")
def searches(rng):
    for dtype in REALS:
        a = np.sort(values(rng, dtype, (60,)))
        v = values(rng, dtype, (5, 8))
        for side in ("left", "right"):
            same(xp.searchsorted(ours(a[::-1].copy())[::-1][::3], ours(v)[:, ::-2], side=side),
                 np.searchsorted(a[::3], v[:, ::-2], side).astype("int64"), f"searchsorted({dtype}, {side})")
    same(xp.searchsorted(ours(np.array([1, 3, 5], "int8")), ours(np.array([0.5, 3.0, 9.0], "float32"))), np.array([0, 1, 3]), "promoted")


# ---- operators ---------------------------------------------------------------------------------------------------------

@case("every operator: plain, reflected, in place")
def operators(rng):
    rows = (("add", np.add, REALS), ("sub", np.subtract, REALS), ("mul", np.multiply, REALS), ("truediv", np.divide, FLOATS),
            ("floordiv", np.floor_divide, INTEGERS), ("mod", np.remainder, REALS), ("pow", np.power, INTEGERS),
            ("and_", np.bitwise_and, BOOLS + INTEGERS), ("or_", np.bitwise_or, BOOLS + INTEGERS), ("xor", np.bitwise_xor, BOOLS + INTEGERS),
            ("lshift", np.left_shift, INTEGERS), ("rshift", np.right_shift, INTEGERS))
    for symbol, function, dtypes in rows:
        inplace, name = "i" + symbol.strip("_"), "__r" + symbol.strip("_") + "__"
        for dtype in dtypes:
            for view in VIEWS:
                a, x = both(rng, dtype, view, finite=True)
                b, y = both(rng, dtype, view, finite=True, change=lambda v: v if v.dtype == bool else np.abs(v.astype("float64")) % 7 + 1)
                expected = np.asarray(function(a, b))
                same(getattr(operator, symbol)(x, y), expected, f"{symbol}({dtype})")
                number = b.dtype.type(1) if b.dtype == bool else b.dtype.type(2)
                same(getattr(operator, symbol)(number.item(), y), np.asarray(function(number, b)), f"{name}({dtype})")
                before = x[...]
                z = getattr(operator, inplace)(x, y)
                expect(z is x, f"{inplace} made another object")
                same(z, expected, f"{inplace}({dtype})")
                same(before, a, f"{inplace}({dtype}) was seen elsewhere")
    for dtype in INTEGERS + FLOATS + COMPLEX:
        a, x = both(rng, dtype, ((4, 4), lambda m, a: a[::-1, ::-1]), finite=True, change=lambda v: np.sign(np.real(v)))
        x @= x[...]
        same(x, a @ a, f"imatmul({dtype})")
    for dtype in INTEGERS:
        a, x = both(rng, dtype, VIEWS[9])
        same(~x, ~a, f"~{dtype}")


# ---- of no size, of rank 0 -----------------------------------------------------------------------------------------------

@case("linear algebra of nothing")
def empty_matrices(rng):
    for dtype in FLOATS + COMPLEX:
        d, part = getattr(xp, dtype), PART[dtype]
        for batch in ((), (2,), (0,), (3, 0)):
            for m, n in ((0, 0), (0, 3), (3, 0)) + (((2, 2),) if 0 in batch else ()):
                x, k = xp.zeros((*batch, m, n), dtype=d), min(m, n)
                for order in ("fro", "nuc", 1, 2, float("inf")):
                    same(linalg.matrix_norm(x, ord=order), np.zeros(batch, part), f"matrix_norm({order}) of {(*batch, m, n)}")
                expect(linalg.svdvals(x).shape == (*batch, k) and linalg.pinv(x).shape == (*batch, n, m), "svdvals, pinv of nothing")
                same(linalg.matrix_rank(x), np.zeros(batch, "int64"), "matrix_rank of nothing")
                same(linalg.trace(x), np.zeros(batch, dtype), "trace of nothing")
                same(xp.matmul(x, xp.matrix_transpose(x)), np.zeros((*batch, m, m), dtype), "matmul of nothing")
                if m == n:
                    same(linalg.det(x), np.ones(batch, dtype), "det of nothing")
                    same(linalg.slogdet(x).logabsdet, np.zeros(batch, part), "slogdet of nothing")
                    same(linalg.inv(x), np.zeros((*batch, m, m), dtype), "inv of nothing")
                    same(linalg.matrix_power(x, 0), np.zeros((*batch, m, m), dtype), "matrix_power of nothing")
                    same(linalg.solve(x, xp.zeros((*batch, m, 2), dtype=d)), np.zeros((*batch, m, 2), dtype), "solve of nothing")
        for order in (0, 1, 2, 3.5, float("inf")):
            same(linalg.vector_norm(xp.zeros((0,), dtype=d), ord=order), np.asarray(0, part), f"vector_norm({order}) of nothing")
            same(linalg.vector_norm(xp.zeros((2, 0), dtype=d), ord=order, axis=-1), np.zeros(2, part), f"vector_norm({order}) of nothing")
        same(linalg.vector_norm(xp.asarray(-3, dtype=d)), np.asarray(3, part), "vector_norm of rank 0")
        same(xp.vecdot(xp.zeros((2, 0), dtype=d), xp.zeros((2, 0), dtype=d)), np.zeros(2, dtype), "vecdot of nothing")


@case("Fourier transforms of integers, of views, of nothing")
def transforms(rng):
    for dtype in BOOLS + INTEGERS:
        a, x = both(rng, dtype, ((6, 14), lambda m, a: a[::-2, 1::2]), change=lambda v: v if v.dtype == bool else v % 50)
        for name in ("fft", "rfft", "ihfft"):
            expected = getattr(np.fft, name)(a)
            found = getattr(fft, name)(x)
            # eps log n times the line's norm, at most 50 sqrt 7, with 20 for both sides' constants
            expect(found.dtype is xp.complex128 and np.max(np.abs(theirs(found) - expected)) <= 20 * 3 * 2.0**-52 * 50 * 7, f"{name}({dtype})")
        for axes in (None, 0, (1, 0)):
            same(fft.fftshift(x, axes=axes), np.fft.fftshift(a, axes), f"fftshift({dtype})")
            same(fft.ifftshift(x, axes=axes), np.fft.ifftshift(a, axes), f"ifftshift({dtype})")
    for shape in ((0, 5), (2, 0, 5)):
        z, r = xp.zeros(shape, dtype=xp.complex64), xp.zeros(shape, dtype=xp.float32)
        for name in ("fft", "ifft"):
            expect(getattr(fft, name)(z).shape == shape, f"{name} of nothing")
        for name in ("irfft", "hfft"):
            found = getattr(fft, name)(z)
            expect(found.shape == (*shape[:-1], 8) and found.dtype is xp.float32, f"{name} of nothing")
        for name in ("rfft", "ihfft"):
            found = getattr(fft, name)(r)
            expect(found.shape == (*shape[:-1], 3) and found.dtype is xp.complex64, f"{name} of nothing")
        for name, x, last in (("fftn", z, 5), ("ifftn", z, 5), ("rfftn", r, 3), ("irfftn", z, 8)):
            expect(getattr(fft, name)(x, axes=(-1,)).shape == (*shape[:-1], last), f"{name} of nothing")
        raises(ValueError, fft.fft, z, axis=len(shape) - 2)
    raises((TypeError, ValueError), fft.rfft, xp.zeros(4, dtype=xp.complex64))


@case("assignment of another dtype, and what is refused")
def assignments(rng):
    for first in ALL:
        for second in ALL:
            a, b = values(rng, first, (4, 6)), values(rng, second, (3,), finite=True)
            x = ours(a)
            if second in COMPLEX and first not in COMPLEX:
                raises(TypeError, operator.setitem, x, (slice(None, 3), 1), ours(b))
                same(x, a, f"{first} after a refused {second}", zeros=True)
                continue
            x[:3, 1] = ours(b)      # converted as by astype
            a[:3, 1] = theirs(xp.astype(ours(b), getattr(xp, first)))
            same(x, a, f"{first}[:3, 1] = {second}", zeros=True)
            raises(ValueError, operator.setitem, x, (slice(None), 1), ours(b))
    for dtype in INTEGERS:
        x = xp.ones(3, dtype=getattr(xp, dtype))
        for number in (2.5, float("nan"), int(np.iinfo(dtype).max) + 1, int(np.iinfo(dtype).min) - 1):
            raises((ValueError, OverflowError, TypeError), operator.setitem, x, 0, number)
        raises(TypeError, operator.setitem, x, 0, 1j)
        same(x, np.ones(3, dtype), f"{dtype} after refused numbers")
    for function in (xp.concat, xp.stack):
        raises(ValueError, function, [])


@case("rank 32, and no further")
def high_ranks(rng):
    for dtype in ALL:
        a = values(rng, dtype, (2, 3, 4), finite=True)
        shape = (2, *(1,) * 14, 3, *(1,) * 15, 4)
        x = xp.reshape(ours(a), shape)
        same(x[..., ::-1], a.reshape(shape)[..., ::-1], f"a view ({dtype})", zeros=True)
        same(xp.permute_dims(x, tuple(range(31, -1, -1))), a.reshape(shape).transpose(), f"permute_dims({dtype})", zeros=True)
        same(xp.any(x, axis=(15, 31)), np.any(a.reshape(shape), (15, 31)), f"any({dtype})")
        same(xp.equal(x, x), np.equal(a, a).reshape(shape), f"equal({dtype})")
        if dtype in REALS:
            same(xp.sort(x, axis=0), np.sort(a.reshape(shape), 0), f"sort({dtype})")
            same(xp.max(x, axis=31), np.max(a.reshape(shape), 31), f"max({dtype})")
        raises(ValueError, xp.expand_dims, x, 0)


if __name__ == "__main__":
    sys.exit(main())
