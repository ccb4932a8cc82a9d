"""Creation, indexing, manipulation, reductions, scans, order, sets and interchange against NumPy: values exact but where sums
are rounded, whose bounds stand beside them."""
import ctypes
import gc
import itertools
import math
import os
import sys

import numpy as np

import numc_xp as xp
from numc_xp._array import address_of_elements
from numc_xp._library import C, Statistics, context
from numpy_harness import (ALL, BOOLS, COMPLEX, FLOATS, INTEGERS, NUMBERS, PART, REALS, SIGNED, UNSIGNED, VIEWS, WIDE, both, case,
                           close, expect, main, ours, raises, same, theirs, values)

DTYPES = {name: getattr(xp, name) for name in ALL}

# ---- creation --------------------------------------------------------------------------------------------------------


@case("zeros, ones, empty, full and their kin")
def constants(rng):
    for dtype in ALL:
        for shape in ((), (0,), (3,), (2, 0, 3), (2, 3, 4)):
            number = values(rng, dtype, (1,))[0].item()
            d = DTYPES[dtype]
            same(xp.zeros(shape, dtype=d), np.zeros(shape, dtype), "zeros")
            same(xp.ones(shape, dtype=d), np.ones(shape, dtype), "ones")
            same(xp.full(shape, number, dtype=d), np.full(shape, number, dtype), "full")
            like = xp.empty(shape, dtype=d)
            expect(like.shape == shape and like.dtype is d, "empty")
            same(xp.zeros_like(like), np.zeros(shape, dtype), "zeros_like")
            same(xp.ones_like(like, dtype=xp.int16), np.ones(shape, "int16"), "ones_like")
            same(xp.full_like(like, number), np.full(shape, number, dtype), "full_like")
            expect(xp.empty_like(like, dtype=xp.uint8).dtype is xp.uint8, "empty_like")
    expect(xp.full(2, True).dtype is xp.bool and xp.full(2, 1).dtype is xp.int64 and xp.full(2, 1.0).dtype is xp.float64, "full")


@case("arange")
def arange(rng):
    for dtype in REALS:
        for _ in range(20):
            integer = dtype in INTEGERS
            start, stop = (int(v) for v in rng.integers(0 if dtype in UNSIGNED else -100, 100, 2))
            step = int(rng.integers(1, 9)) * (-1 if start > stop and dtype not in UNSIGNED else 1)
            if not integer:
                start, step = start + 0.25, step * 0.5
            count = max(0, math.ceil((stop - start) / step))
            expected = np.array([start + i * step for i in range(count)], dtype)     # multiples of 1/4: no rounding
            same(xp.arange(start, stop, step, dtype=DTYPES[dtype]), expected, f"arange({start}, {stop}, {step}, {dtype})")
    big = 2**62 + 1     # beyond what a double holds
    same(xp.arange(big, big + 5, 2), np.array([big, big + 2, big + 4], "int64"), "arange of big integers")
    same(xp.arange(5), np.arange(5, dtype="int64"), "arange(5)")
    same(xp.arange(3.0), np.arange(3.0), "arange(3.0)")


@case("linspace")
def linspace(rng):
    for dtype in FLOATS:
        for _ in range(20):
            start, stop = rng.uniform(-100, 100, 2)
            count = int(rng.integers(0, 40))
            for endpoint in (True, False):
                wide = np.linspace(np.longdouble(start), np.longdouble(stop), count, endpoint=endpoint)
                # stop - start, a quotient and a product of up to twice the ends' size, each rounded, and the sum: 3.5
                close(xp.linspace(float(start), float(stop), count, dtype=DTYPES[dtype], endpoint=endpoint),
                      wide.astype(WIDE[dtype]), 3.5, f"linspace({dtype})", scale=max(abs(start), abs(stop)))


    for dtype in COMPLEX:
        start, stop = complex(1, -2), complex(-3, 5)
        for count in (0, 1, 2, 7, 20):
            close(xp.linspace(start, stop, count, dtype=DTYPES[dtype]), np.linspace(start, stop, count, dtype=np.clongdouble), 7,
                  f"linspace({dtype})", scale=abs(stop))


@case("dtypes, limits and what there is")
def inspection(rng):
    info = xp.__array_namespace_info__()
    expect(set(info.dtypes()) == set(ALL), "dtypes")
    expect(set(info.dtypes(kind="integral")) == set(INTEGERS) and set(info.dtypes(kind=("bool", "complex floating")))
           == {"bool", *COMPLEX}, "dtypes of a kind")
    expect(info.default_device() in info.devices() and xp.ones(1).device == info.default_device(), "devices")
    expect(xp.ones(1).to_device(info.default_device()).shape == (1,), "to_device")
    raises(ValueError, xp.ones, 1, device="elsewhere")
    for dtype in INTEGERS:
        found, expected = xp.iinfo(DTYPES[dtype]), np.iinfo(dtype)
        expect((found.bits, found.min, found.max) == (expected.bits, expected.min, expected.max), f"iinfo({dtype})")
    for dtype in FLOATS + COMPLEX:
        found, expected = xp.finfo(DTYPES[dtype]), np.finfo(dtype)
        expect((found.bits, found.eps, found.min, found.max, found.smallest_normal) == (
            expected.bits, float(expected.eps), float(expected.min), float(expected.max), float(expected.tiny)), f"finfo({dtype})")
        expect(found.dtype.name == PART[dtype], f"finfo({dtype}).dtype")
    for a, b in itertools.product(ALL, repeat=2):
        same_kind = {np.dtype(a).kind, np.dtype(b).kind} <= {"i", "u"} or {np.dtype(a).kind, np.dtype(b).kind} <= {"f", "c"}
        expect(xp.can_cast(DTYPES[a], DTYPES[b]) == (a == b or same_kind and np.can_cast(a, b)), f"can_cast({a}, {b})")
    for dtype in ALL:
        for kind, members in (("bool", BOOLS), ("signed integer", SIGNED), ("unsigned integer", UNSIGNED), ("integral", INTEGERS),
                              ("real floating", FLOATS), ("complex floating", COMPLEX), ("numeric", NUMBERS)):
            expect(xp.isdtype(DTYPES[dtype], kind) == (dtype in members), f"isdtype({dtype}, {kind!r})")
    expect((xp.e, xp.pi, xp.newaxis) == (math.e, math.pi, None) and math.isnan(xp.nan) and xp.inf == math.inf, "constants")


@case("copies")
def copies(rng):
    for dtype in ALL:
        a, x = both(rng, dtype, ((3, 4), lambda m, a: a))
        number = values(rng, dtype, (1,))[0].item()
        alias, copy, other = xp.asarray(x, copy=False), xp.asarray(x, copy=True), xp.astype(x, DTYPES[dtype], copy=False)
        b = a.copy()
        x[1, 2] = b[1, 2] = number
        expect(alias is x and other is x, "copy=False made a copy")
        same(copy, a, "a copy", zeros=True)
        same(alias, b, "an alias", zeros=True)
    raises(ValueError, xp.asarray, [1, 2], copy=False)
    raises(ValueError, xp.asarray, x, dtype=xp.int8, copy=False)
    wide = ours(np.arange(12.0).reshape(3, 4))
    same(xp.reshape(wide, (4, 3), copy=False), np.arange(12.0).reshape(4, 3), "reshape without a copy")
    if address_of_elements(wide) is not None:  # memory of a device's own shows no addresses, by which the adapter sees copies
        raises(ValueError, xp.reshape, wide.T, (12,), copy=False)
    same(xp.reshape(wide.T, (12,), copy=True), np.arange(12.0).reshape(3, 4).T.reshape(12), "reshape with a copy")


@case("eye, tril, triu")
def triangles(rng):
    for dtype in NUMBERS:
        for rows, columns, k in ((3, 3, 0), (2, 5, 1), (4, 2, -1), (0, 3, 0), (3, 4, 9), (3, 4, -9)):
            same(xp.eye(rows, columns, k=k, dtype=DTYPES[dtype]), np.eye(rows, columns, k, dtype), "eye")
            a, x = both(rng, dtype, ((2, columns, rows), lambda m, a: (np.swapaxes(a, 1, 2) if m is np else a.mT)))
            same(xp.tril(x, k=k), np.tril(a, k), "tril")
            same(xp.triu(x, k=k), np.triu(a, k), "triu")


@case("asarray of sequences and buffers")
def from_python(rng):
    same(xp.asarray([[1, 2], [3, 4]]), np.array([[1, 2], [3, 4]], "int64"), "asarray")
    same(xp.asarray([True, 2]), np.array([1, 2], "int64"), "asarray of bool and int")
    same(xp.asarray([1, 2.5]), np.array([1, 2.5]), "asarray of int and float")
    same(xp.asarray([[], []]), np.zeros((2, 0)), "asarray of nothing")
    raises(ValueError, xp.asarray, [[1, 2], [3]])
    raises(OverflowError, xp.asarray, [300], dtype=xp.uint8)
    for dtype in ALL:
        for view in VIEWS[4:9]:
            a, x = both(rng, dtype, view)
            same(xp.asarray(a), a, f"asarray of a {dtype} buffer", zeros=True)
            same(xp.asarray(a.tolist(), dtype=DTYPES[dtype]), a, f"asarray of a list as {dtype}", zeros=True)
            expect([bool(v == v) for v in a.ravel()] == [bool(v == v) for v in np.ravel(theirs(x))], "both")


@case("meshgrid")
def meshgrid(rng):
    for dtype in NUMBERS:
        parts = [values(rng, dtype, (n,)) for n in (3, 0 if dtype == "int8" else 2, 4)]
        for indexing in ("xy", "ij"):
            for found, expected in zip(xp.meshgrid(*map(ours, parts), indexing=indexing), np.meshgrid(*parts, indexing=indexing)):
                same(found, expected, f"meshgrid({dtype})", zeros=True)


# ---- indexing --------------------------------------------------------------------------------------------------------

def random_key(rng, shape):
    key = []
    for n in shape:
        kind = rng.integers(0, 5)
        if kind == 0 and n > 0:
            key.append(int(rng.integers(-n, n)))
        elif kind == 1:
            start, stop = (int(v) for v in rng.integers(-n - 2, n + 3, 2))
            key.append(slice(start, stop, int(rng.choice([-3, -2, -1, 1, 2, 3]))))
        elif kind == 2:
            key.append(slice(None, None, int(rng.choice([-2, -1, 1, 2]))))
        else:
            key.append(slice(None))
        if rng.integers(0, 6) == 0:
            key.append(None)
    if rng.integers(0, 3) == 0:
        cut = int(rng.integers(0, len(key) + 1))
        key = key[:cut] + [Ellipsis]        # the axes after it are taken whole
    return tuple(key)


@case("basic indexing")
def basic_indexing(rng):
    for dtype in ALL:
        for _ in range(30):
            shape = tuple(int(n) for n in rng.integers(0, 5, rng.integers(0, 5)))
            a = values(rng, dtype, shape)
            key = random_key(rng, shape)
            same(ours(a)[key], np.asarray(a[key]), f"x[{key}] of {shape}", zeros=True)


@case("indexing by arrays and masks")
def advanced_indexing(rng):
    for dtype in ALL:
        a, x = both(rng, dtype, ((4, 3, 5), lambda m, a: a[::-1, :, ::2]))
        i, j, k = (rng.integers(-n, n, s) for n, s in ((4, (2, 1)), (3, (6,)), (3, (2, 6))))
        same(x[ours(i), ours(j), ours(k)], a[i, j, k], "x[i, j, k]", zeros=True)
        mask = values(rng, "bool", (4, 3))
        same(x[ours(mask)], a[mask], "x[mask]", zeros=True)
        whole = values(rng, "bool", a.shape)
        same(x[ours(whole)], a[whole], "x[whole mask]", zeros=True)
        none = np.zeros(a.shape, bool)
        same(x[ours(none)], a[none], "x[no element]")
    raises(IndexError, lambda: xp.ones(3)[3])
    raises(IndexError, lambda: xp.ones(3)[0, 0])
    raises(IndexError, lambda: xp.ones((3, 4))[..., 0, ...])


@case("assignment")
def assignment(rng):
    for dtype in ALL:
        for _ in range(20):
            shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
            a = values(rng, dtype, shape)
            x, key = ours(a), tuple(k for k in random_key(rng, shape) if k is not None)
            old, view = x + 0 if dtype in REALS else xp.asarray(x, copy=True), x[...]
            before, target = a.copy(), a[key]
            value = values(rng, dtype, np.shape(target))
            a[key] = value
            x[key] = ours(value)
            same(x, a, f"x[{key}] = of {shape}", zeros=True)
            same(old, before, "a copy")
            same(view, before, "an array made before the assignment")
            number = values(rng, dtype, (1,))[0].item()
            a[key], x[key] = number, number
            same(x, a, f"x[{key}] = number", zeros=True)
        mask = values(rng, "bool", a.shape)
        a[mask], x[ours(mask)] = number, number
        same(x, a, "x[mask] = number", zeros=True)


@case("take and take_along_axis")
def take(rng):
    for dtype in ALL:
        a, x = both(rng, dtype, ((4, 5, 3), lambda m, a: a[:, ::-1]))
        for axis in (-3, -2, -1, 0, 1, 2):
            indices = rng.integers(-a.shape[axis], a.shape[axis], 7)
            same(xp.take(x, ours(indices), axis=axis), np.take(a, indices, axis), "take", zeros=True)
            order = np.argsort(values(rng, "float64", a.shape, finite=True), axis)
            same(xp.take_along_axis(x, ours(order), axis=axis), np.take_along_axis(a, order, axis), "take_along_axis")
        same(xp.take(xp.asarray(a[0, 0]), ours(np.array([2, 0]))), a[0, 0][[2, 0]], "take of a vector")


# ---- manipulation ----------------------------------------------------------------------------------------------------

@case("reshape, permute_dims, moveaxis, expand_dims, squeeze")
def shapes(rng):
    for dtype in ALL:
        a, x = both(rng, dtype, ((4, 3, 2), lambda m, a: a[::-1, :, ::-1]))
        for shape in ((24,), (2, -1), (3, 8), (1, 24, 1), (-1,)):
            same(xp.reshape(x, shape), a.reshape(shape), f"reshape to {shape}", zeros=True)
        for axes in itertools.permutations(range(3)):
            same(xp.permute_dims(x, axes), a.transpose(axes), f"permute_dims{axes}", zeros=True)
            negative = tuple(n - 3 for n in axes)
            same(xp.permute_dims(x, negative), a.transpose(axes), f"permute_dims{negative}", zeros=True)
        for source, destination in itertools.product(range(-3, 3), repeat=2):
            same(xp.moveaxis(x, source, destination), np.moveaxis(a, source, destination), "moveaxis")
        same(xp.moveaxis(x, (0, -1), (1, 0)), np.moveaxis(a, (0, -1), (1, 0)), "moveaxis")
        for axis in (0, 1, 3, -1, -4, (0, 2), (-1, 1)):
            b = np.expand_dims(a, axis)
            same(xp.expand_dims(x, axis), b, f"expand_dims({axis})")
            same(xp.squeeze(xp.expand_dims(x, axis), axis), a, f"squeeze({axis})")
    raises(ValueError, xp.squeeze, x, 0)
    raises(ValueError, xp.reshape, x, (5, 5))
    raises(IndexError, xp.expand_dims, x, 9)
    same(xp.zeros((0, 3)).mT, np.zeros((3, 0)), "mT")


@case("flip and roll")
def flips(rng):
    for dtype in ALL:
        for view in VIEWS:
            a, x = both(rng, dtype, view)
            same(xp.flip(x), np.flip(a), "flip", zeros=True)
            same(xp.roll(x, 3), np.roll(a, 3), "roll", zeros=True)
            for axis in range(-a.ndim, a.ndim):
                same(xp.flip(x, axis=axis), np.flip(a, axis), "flip", zeros=True)
                for shift in (-7, -1, 0, 2):
                    same(xp.roll(x, shift, axis=axis), np.roll(a, shift, axis), "roll", zeros=True)
            if a.ndim > 1:
                same(xp.roll(x, (1, -2), axis=(0, 1)), np.roll(a, (1, -2), (0, 1)), "roll by a tuple")
                same(xp.flip(x, axis=(0, 1)), np.flip(a, (0, 1)), "flip along a tuple")


@case("concat, stack, unstack")
def joins(rng):
    for dtype in ALL:
        a, x = both(rng, dtype, ((2, 3, 4), lambda m, a: a[::-1]))
        b, y = both(rng, dtype, ((2, 3, 8), lambda m, a: a[..., ::2]))
        for axis in range(-3, 3):
            same(xp.concat([x, y, x], axis=axis), np.concatenate([a, b, a], axis), "concat", zeros=True)
            parts = xp.unstack(x, axis=axis)
            expect(isinstance(parts, tuple) and len(parts) == a.shape[axis], "unstack")
            for i, part in enumerate(parts):
                same(part, np.take(a, i, axis), "unstack")
        for axis in range(-4, 4):
            same(xp.stack([x, y], axis=axis), np.stack([a, b], axis), "stack", zeros=True)
        same(xp.concat([x, y], axis=None), np.concatenate([a, b], None), "concat of the flattened")
        empty = np.zeros((0, 3, 4), dtype)
        same(xp.concat([ours(empty), x]), a, "concat with nothing")
    same(xp.concat([xp.ones(2, dtype=xp.int8), xp.ones(2, dtype=xp.uint8)]), np.ones(4, "int16"), "concat promotes")


@case("tile and repeat")
def repeats(rng):
    for dtype in ALL:
        for view in VIEWS[3:]:
            a, x = both(rng, dtype, view)
            for repetitions in ((2,), (1, 3), (2, 1, 2, 1), (0,), ()):
                same(xp.tile(x, repetitions), np.tile(a, repetitions), f"tile{repetitions}", zeros=True)
            same(xp.repeat(x, 3), np.repeat(a, 3), "repeat", zeros=True)
            for axis in range(a.ndim):
                counts = rng.integers(0, 4, a.shape[axis])
                same(xp.repeat(x, 2, axis=axis), np.repeat(a, 2, axis), "repeat", zeros=True)
                same(xp.repeat(x, ours(counts), axis=axis), np.repeat(a, counts, axis), "repeat by an array", zeros=True)


@case("broadcasting")
def broadcasting(rng):
    for dtype in ALL:
        parts = [values(rng, dtype, s) for s in ((3, 1), (4,), (), (2, 1, 1))]
        for found, expected in zip(xp.broadcast_arrays(*map(ours, parts)), np.broadcast_arrays(*parts)):
            same(found, expected, "broadcast_arrays", zeros=True)
    expect(xp.broadcast_shapes((3, 1), (4,), ()) == (3, 4) and xp.broadcast_shapes() == (), "broadcast_shapes")
    raises(ValueError, xp.broadcast_shapes, (2,), (3,))
    raises(ValueError, xp.broadcast_to, xp.ones(3), (2,))


@case("diff")
def diff(rng):
    for dtype in REALS:
        for view in VIEWS[4:]:
            a, x = both(rng, dtype, view, finite=True)
            for axis in range(-a.ndim, a.ndim):
                for n in (0, 1, 2):
                    same(xp.diff(x, axis=axis, n=n), np.diff(a, n, axis), f"diff({dtype})")
        b = values(rng, dtype, (2,), finite=True)
        a = values(rng, dtype, (5,), finite=True)
        same(xp.diff(ours(a), prepend=ours(b), append=ours(b)), np.diff(a, prepend=b, append=b), "diff between")


# ---- reductions ------------------------------------------------------------------------------------------------------

def axes_of(rank):
    yield None
    for count in range(1, rank + 1):
        yield from itertools.combinations(range(rank), count)
    yield from range(-rank, 0)


def reductions(rng, dtype, finite=False, change=None):
    """(NumPy's array, ours, axis, keepdims) over views and axes."""
    for view in VIEWS:
        a, x = both(rng, dtype, view, finite, change)
        for axis in axes_of(a.ndim):
            for keepdims in (False, True):
                yield a, x, axis, keepdims


ACCUMULATORS = {**{d: "int64" for d in SIGNED}, **{d: "uint64" for d in UNSIGNED}}


@case("sum and prod of integers")
def integer_sums(rng):
    for dtype in INTEGERS:
        for a, x, axis, keepdims in reductions(rng, dtype):
            wide = ACCUMULATORS[dtype]
            same(xp.sum(x, axis=axis, keepdims=keepdims), np.asarray(np.sum(a, axis, wide, keepdims=keepdims)), f"sum({dtype})")
            same(xp.prod(x, axis=axis, keepdims=keepdims), np.asarray(np.prod(a, axis, wide, keepdims=keepdims)), f"prod({dtype})")
        a, x = both(rng, dtype, VIEWS[8])
        same(xp.sum(x, dtype=xp.int16), np.asarray(a.astype("int16").sum(dtype="int16")), "sum as int16")


@case("sum, prod and mean of floats")
def real_sums(rng):
    for dtype in FLOATS + COMPLEX:
        part = PART[dtype]
        for a, x, axis, keepdims in reductions(rng, dtype, finite=True, change=lambda v: bounded(v)):
            wide = a.astype(WIDE[dtype])
            count = a.size // max(1, np.sum(wide, axis).size) if a.size else 0
            size = np.sum(np.abs(wide), axis, keepdims=keepdims)
            # any order of adding n numbers: error at most (n - 1) eps sum |x|, counted in units of sum |x|, which are eps / 2 at least
            close(xp.sum(x, axis=axis, keepdims=keepdims), np.sum(wide, axis, keepdims=keepdims), 2 * count + 1, f"sum({dtype})",
                  scale=size)
            if count:
                close(xp.mean(x, axis=axis, keepdims=keepdims), np.mean(wide, axis, keepdims=keepdims), 2 * count + 2,
                      f"mean({dtype})", scale=size / count)
            # the relative error of a product is (n - 1) eps
            product = np.prod(wide, axis, keepdims=keepdims)
            tiny = np.abs(product) < 1e6 * float(np.finfo(part).tiny)   # where a partial product may have left the range
            if np.all(np.isfinite(product.astype(dtype))) and not np.any(tiny):
                close(xp.prod(x, axis=axis, keepdims=keepdims), product, 4 * count + 1, f"prod({dtype})")
    same(xp.mean(xp.zeros(0)), np.asarray(np.nan), "mean of nothing")
    same(xp.sum(ours(np.array([np.inf, 1.0]))), np.asarray(np.inf), "sum with an infinity")
    same(xp.sum(ours(np.array([np.inf, -np.inf]))), np.asarray(np.nan), "sum of infinities")


def bounded(v):
    """Magnitudes between 1/16 and 4, so that no product of a few numbers leaves the range."""
    def bound(r):
        return np.where(np.abs(r) < 1 / 16, 0.75, np.clip(r, -4, 4))
    return bound(v.real) + 1j * bound(v.imag) if np.iscomplexobj(v) else bound(v)


@case("var and std")
def variances(rng):
    for dtype in FLOATS:
        for a, x, axis, keepdims in reductions(rng, dtype, finite=True, change=bounded):
            wide = a.astype(WIDE[dtype])
            count = a.size // max(1, np.sum(wide, axis).size) if a.size else 0
            for correction in (0, 1, 0.5):
                if count == 0 or count <= correction:
                    expect(bool(xp.all(xp.isnan(xp.var(x, axis=axis, keepdims=keepdims, correction=correction)))), "var of too few")
                    continue
                expected = np.sum((wide - np.mean(wide, axis, keepdims=True))**2, axis, keepdims=keepdims) / (count - correction)
                # n squares of differences, added: (n + 4) eps of the mean square of x, from which the mean was taken
                scale = np.sum(wide**2, axis, keepdims=keepdims) / (count - correction)
                close(xp.var(x, axis=axis, keepdims=keepdims, correction=correction), expected, 2 * count + 8, f"var({dtype})",
                      scale=scale)
                if np.all(expected > scale / 100):
                    close(xp.std(x, axis=axis, keepdims=keepdims, correction=correction), np.sqrt(expected), 100 * (count + 8),
                          f"std({dtype})")


@case("max, min, argmax, argmin")
def extremes(rng):
    for dtype in REALS:
        for a, x, axis, keepdims in reductions(rng, dtype):
            n = a.size // max(1, np.sum(np.ones(a.shape), axis).size) if a.size else 0
            if n == 0:
                if a.size == 0 and (axis is None or 0 in np.atleast_1d(np.take(a.shape, axis))):
                    raises(ValueError, xp.max, x, axis=axis)
                continue
            same(xp.max(x, axis=axis, keepdims=keepdims), np.asarray(np.max(a, axis, keepdims=keepdims)), f"max({dtype})")
            same(xp.min(x, axis=axis, keepdims=keepdims), np.asarray(np.min(a, axis, keepdims=keepdims)), f"min({dtype})")
            if not isinstance(axis, tuple):
                for name in ("argmax", "argmin"):
                    expected = getattr(np, name)(a, axis, keepdims=keepdims)
                    same(getattr(xp, name)(x, axis=axis, keepdims=keepdims), np.asarray(expected, "int64"), f"{name}({dtype})")


@case("all, any, count_nonzero")
def truths(rng):
    for dtype in ALL:
        for a, x, axis, keepdims in reductions(rng, dtype):
            same(xp.all(x, axis=axis, keepdims=keepdims), np.asarray(np.all(a, axis, keepdims=keepdims)), f"all({dtype})")
            same(xp.any(x, axis=axis, keepdims=keepdims), np.asarray(np.any(a, axis, keepdims=keepdims)), f"any({dtype})")
            same(xp.count_nonzero(x, axis=axis, keepdims=keepdims),
                 np.asarray(np.count_nonzero(a, axis, keepdims=keepdims), "int64"), f"count_nonzero({dtype})")


@case("cumulative_sum and cumulative_prod")
def cumulative(rng):
    for dtype in INTEGERS + FLOATS:
        for view in VIEWS[1:]:
            a, x = both(rng, dtype, view, finite=True, change=bounded if dtype in FLOATS else None)
            for axis in range(-a.ndim, a.ndim):
                for name, function, unit in (("cumulative_sum", np.cumsum, 0), ("cumulative_prod", np.cumprod, 1)):
                    if dtype in INTEGERS:
                        expected = function(a, axis, ACCUMULATORS[dtype])
                        same(getattr(xp, name)(x, axis=axis), expected, f"{name}({dtype})")
                        first = np.full(tuple(1 if d == axis % a.ndim else n for d, n in enumerate(a.shape)), unit, expected.dtype)
                        same(getattr(xp, name)(x, axis=axis, include_initial=True), np.concatenate([first, expected], axis), name)
                    elif name == "cumulative_sum":
                        wide = a.astype(WIDE[dtype])
                        close(xp.cumulative_sum(x, axis=axis), np.cumsum(wide, axis), 2 * a.shape[axis] + 1, f"{name}({dtype})",
                              scale=np.cumsum(np.abs(wide), axis))     # as for sums
                    elif a.shape[axis] < 50:
                        close(xp.cumulative_prod(x, axis=axis), np.cumprod(a.astype(WIDE[dtype]), axis), 2 * a.shape[axis] + 1,
                              f"{name}({dtype})")


# ---- order and sets --------------------------------------------------------------------------------------------------

@case("sort and argsort")
def sorting(rng):
    for dtype in REALS:
        for view in VIEWS[1:]:
            a, x = both(rng, dtype, view)
            for axis in range(-a.ndim, a.ndim):
                same(xp.sort(x, axis=axis), np.sort(a, axis, kind="stable"), f"sort({dtype})")
                same(xp.argsort(x, axis=axis), np.argsort(a, axis, kind="stable"), f"argsort({dtype})")
                down = xp.argsort(x, axis=axis, descending=True)
                # a stable descending order: that of the reversed array's ascending order, reversed; NaN last here as well
                order = np.flip(a.shape[axis] - 1 - np.argsort(np.flip(a, axis), axis, kind="stable"), axis)
                if dtype in FLOATS:
                    nan = np.take_along_axis(np.isnan(a), order, axis)
                    order = np.take_along_axis(order, np.argsort(nan, axis, kind="stable"), axis)
                    order = in_order_of_nan(a, order, axis)
                same(down, order, f"argsort({dtype}, descending)")
                same(xp.sort(x, axis=axis, descending=True), np.take_along_axis(a, order, axis), f"sort({dtype}, descending)")


def in_order_of_nan(a, order, axis):
    """order with the positions of NaN, which are all equal, increasing."""
    order, a = np.moveaxis(order.copy(), axis, -1), np.moveaxis(a, axis, -1)
    for row in np.ndindex(order.shape[:-1]):
        nan = np.isnan(a[row][order[row]])
        order[row][nan] = np.sort(order[row][nan])
    return np.moveaxis(order, -1, axis)


@case("searchsorted")
def searchsorted(rng):
    for dtype in REALS:
        for n in (0, 1, 13, 200):
            a = values(rng, dtype, (n,), finite=True)
            v = values(rng, dtype, (4, 7), finite=True)
            order = np.argsort(a, kind="stable")
            for side in ("left", "right"):
                same(xp.searchsorted(ours(a[order]), ours(v), side=side), np.searchsorted(a[order], v, side), f"searchsorted({dtype})")
                same(xp.searchsorted(ours(a), ours(v), side=side, sorter=ours(order)), np.searchsorted(a, v, side, order), "sorter")
            same(xp.searchsorted(ours(a[order]), 3), np.asarray(np.searchsorted(a[order], np.asarray(3, dtype))), "a number")


@case("nonzero")
def nonzero(rng):
    for dtype in ALL:
        for view in VIEWS[1:]:
            a, x = both(rng, dtype, view)
            found = xp.nonzero(x)
            expect(len(found) == a.ndim, "nonzero")
            for one, expected in zip(found, np.nonzero(a)):
                same(one, expected.astype("int64"), f"nonzero({dtype})")
    raises(ValueError, xp.nonzero, xp.ones(()))


@case("unique and isin")
def sets(rng):
    for dtype in BOOLS + REALS:
        for view in VIEWS:
            a, x = both(rng, dtype, view, finite=True)
            v, i, inverse, counts = np.unique(a, return_index=True, return_inverse=True, return_counts=True)
            found = xp.unique_all(x)
            same(found.values, v, f"unique_all({dtype}).values")
            same(found.indices, i.astype("int64"), f"unique_all({dtype}).indices")
            same(found.inverse_indices, inverse.reshape(a.shape).astype("int64"), f"unique_all({dtype}).inverse_indices")
            same(found.counts, counts.astype("int64"), f"unique_all({dtype}).counts")
            same(xp.unique_values(x), v, "unique_values")
            same(xp.unique_counts(x).counts, counts.astype("int64"), "unique_counts")
            same(xp.unique_inverse(x).inverse_indices, inverse.reshape(a.shape).astype("int64"), "unique_inverse")
            b = values(rng, dtype, (5,), finite=True)
            same(xp.isin(x, ours(b)), np.isin(a, b), f"isin({dtype})")
            same(xp.isin(x, ours(b), invert=True), ~np.isin(a, b), f"isin({dtype}, invert)")
    nan = xp.unique_all(ours(np.array([np.nan, 1.0, np.nan])))
    expect(nan.values.shape == (3,) and bool(xp.all(nan.counts == 1)), "each NaN is a value of its own")


# ---- interchange -----------------------------------------------------------------------------------------------------

# DLPack's tensors are the host's: a device that has memory of its own copies.
ON_HOST = os.environ.get("NUMC_BACKEND") in (None, "", "cpu", "ref")


@case("DLPack to and from NumPy")
def dlpack(rng):
    for dtype in REALS + COMPLEX:
        for view in VIEWS:
            a, x = both(rng, dtype, view)
            if 0 not in a.shape:
                same(x, np.from_dlpack(x), f"np.from_dlpack({dtype})", zeros=True)
            if a.flags.writeable:       # NumPy does not export what is read-only
                same(xp.from_dlpack(a), a, f"from_dlpack({dtype})", zeros=True)
            same(xp.from_dlpack(x, copy=True), a, f"from_dlpack({dtype}, copy)", zeros=True)
            if ON_HOST:
                same(xp.from_dlpack(x, copy=False), a, f"from_dlpack({dtype}, no copy)", zeros=True)
            elif 0 not in a.shape:
                raises(BufferError, xp.from_dlpack, x, copy=False)
    a = np.arange(6.0)
    x = xp.from_dlpack(a)
    x[0] = 9        # a value of ours, so NumPy's memory keeps its own
    same(xp.asarray(a), np.arange(6.0), "NumPy's array after a write into ours")
    for _ in range(100):    # capsules nobody takes
        x.__dlpack__(), x.__dlpack__(max_version=(1, 0)), x.__dlpack__(copy=True)


def arrays_live():
    gc.collect()
    found = Statistics()
    C.numc_statistics_get_sized(context, ctypes.byref(found), ctypes.sizeof(found))
    return found.arrays_live, found.bytes_live


@case("nothing outlives its Python object")
def lifetimes(rng):
    x = ours(values(rng, "float64", (30, 40), finite=True))
    before = arrays_live()
    for _ in range(3):
        y = x[::2, None] + xp.sum(x, axis=0)
        y[0] = 3
        y += 1
        xp.unique_all(y), xp.linalg.svd(x), xp.unstack(x), xp.nonzero(x), xp.asarray(x, copy=True), xp.from_dlpack(x)
        x.__dlpack__(), x.__dlpack__(max_version=(1, 1), copy=True), xp.full(3, 2**64 - 1, dtype=xp.uint64)
        raises(ValueError, xp.add, x, xp.ones((2, 7)))
        raises(IndexError, lambda: x[99])
        raises(TypeError, xp.floor_divide, x, xp.ones(1, dtype=xp.complex128))
        del y
    expect(arrays_live() == before, f"arrays and bytes {before} became {arrays_live()}")


@case("Python's conversions")
def conversions(rng):
    for dtype in ALL:
        for number in values(rng, dtype, (20,)):
            x = ours(number)
            expect(bool(x) == bool(number), "bool")
            if dtype in BOOLS + REALS and np.isfinite(number):
                expect(int(x) == int(number) and float(x) == float(number), f"int and float of {number!r}")
            if dtype in INTEGERS:
                expect([10, 11][x - x] == 10 and x.__index__() == number.item(), "index")
            if dtype in COMPLEX and np.isfinite(number):
                expect(complex(x) == complex(number), "complex")
                raises(TypeError, float, x)
    raises(OverflowError, int, xp.asarray(float("inf")))
    raises(ValueError, int, xp.asarray(float("nan")))
    raises(TypeError, lambda: [1][xp.asarray(0.0)])
    raises(TypeError, bool, xp.ones(2))


if __name__ == "__main__":
    sys.exit(main())
