"""Elementwise functions against NumPy: every function, its dtypes, strided, 0-d and empty operands, numbers beside arrays."""
import sys

import numpy as np

import numc_xp as xp
from numpy_harness import (ALL, BOOLS, COMPLEX, FLOATS, INTEGERS, NUMBERS, PART, REALS, SIGNED, VIEWS, WIDE, both, case, close,
                           expect, main, ours, raises, same, theirs, values)

# ---- one operand -----------------------------------------------------------------------------------------------------
# Exact: the result is a number of the dtype, or rounded correctly by the standard (sqrt, reciprocal). Compared with NumPy
# in the same dtype; zeros keep their sign where the standard says so.

def square(x):
    return np.multiply(x, x)


EXACT = {
    "negative": (np.negative, NUMBERS), "abs": (np.abs, REALS), "sign": (np.sign, REALS), "positive": (np.positive, NUMBERS),
    "floor": (np.floor, FLOATS), "ceil": (np.ceil, FLOATS), "trunc": (np.trunc, FLOATS), "round": (np.round, FLOATS + COMPLEX),
    "sqrt": (np.sqrt, FLOATS), "square": (square, REALS), "reciprocal": (lambda x: np.divide(np.ones_like(x), x), FLOATS),
    "isnan": (np.isnan, NUMBERS), "isinf": (np.isinf, NUMBERS), "isfinite": (np.isfinite, NUMBERS),
    "signbit": (np.signbit, FLOATS), "logical_not": (np.logical_not, BOOLS), "bitwise_invert": (np.invert, BOOLS + INTEGERS),
    "real": (np.real, NUMBERS), "imag": (np.imag, COMPLEX), "conj": (np.conj, NUMBERS),
}


def add_exact(name, function, dtypes):
    @case(name)
    def compare(rng):
        for dtype in dtypes:
            for view in VIEWS:
                a, x = both(rng, dtype, view)
                expected = function(a)
                if name == "sign":
                    expected = np.where(a == 0, np.zeros_like(a), expected)     # the standard's zero has no sign
                same(getattr(xp, name)(x), np.asarray(expected, expected.dtype), f"{name}({dtype})",
                     zeros=name not in ("sign", "round"))


for _name, (_function, _dtypes) in EXACT.items():
    add_exact(_name, _function, _dtypes)


@case("rounding functions leave integers alone")
def rounding_of_integers(rng):
    for name in ("floor", "ceil", "trunc", "round"):
        for dtype in INTEGERS:
            a, x = both(rng, dtype, VIEWS[9])
            same(getattr(xp, name)(x), a, f"{name}({dtype})")


# Approximations, with the errors allowed in ULP of float32 and float64 for real arguments, then of |f(z)| for complex ones. Those
# of exp, log and their kin are DESIGN's 2. The trigonometric and hyperbolic functions are the system's library (at most 1 to 2
# by its own account) or SLEEF's of 1.0 ULP, to which the reference's own error and the composed forms add: 3 at most.
# A complex function is composed of up to three real ones and products of them; each rounding adds half a unit.
APPROXIMATE = {
    "exp": 2, "expm1": 2, "log": 2, "log1p": 2, "log2": 2, "log10": 2, "sin": 2, "cos": 2, "tan": 3, "asin": 3, "acos": 3,
    "atan": 3, "sinh": 3, "cosh": 3, "tanh": 3, "asinh": 3, "acosh": 3, "atanh": 3,
}
NUMPY_NAMES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
               "pow": "power", "atan2": "arctan2", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift",
               "bitwise_invert": "invert"}


def numpy_function(name):
    return getattr(np, NUMPY_NAMES.get(name, name))


def inside(name, a):
    """Arguments brought into the function's domain, most of them; what is outside must be NaN on both sides."""
    if name in ("asin", "acos", "atanh"):
        return np.where(np.abs(a) > 1, 1 / np.where(a == 0, 1, a), a)
    if name in ("log", "log2", "log10", "log1p"):
        return np.abs(a)
    if name == "acosh":
        return np.abs(a) + 1
    return a


def add_approximate(name, ulps):
    @case(name)
    def compare(rng):
        for dtype in FLOATS:
            for view in VIEWS:
                for change in (None, lambda base: inside(name, base)):
                    a, x = both(rng, dtype, view, change=change)
                    close(getattr(xp, name)(x), numpy_function(name)(a.astype(WIDE[dtype])), ulps, f"{name}({dtype})")
                    expect(getattr(xp, name)(x).dtype is x.dtype, f"{name}: dtype {x.dtype} changed")


for _name, _ulps in APPROXIMATE.items():
    add_approximate(_name, _ulps)


@case("functions of integers are those of the default float")
def functions_of_integers(rng):
    for name in (*APPROXIMATE, "sqrt", "reciprocal"):
        for dtype in INTEGERS:
            a, x = both(rng, dtype, VIEWS[4])
            same(getattr(xp, name)(x), theirs(getattr(xp, name)(xp.astype(x, xp.float64))), f"{name}({dtype})")


# ---- two operands --------------------------------------------------------------------------------------------------
# Pairs of views that broadcast against each other.

PAIRS = [
    ((4, 5), lambda m, a: a, (4, 5), lambda m, a: a),
    ((), lambda m, a: a, (6,), lambda m, a: a[::-1]),
    ((3, 1), lambda m, a: a, (8,), lambda m, a: a[::2]),
    ((5, 3), lambda m, a: a.T, (3, 5), lambda m, a: a[::-1, ::-1]),
    ((2, 1, 4), lambda m, a: a, (3, 1), lambda m, a: a),
    ((0,), lambda m, a: a, (1,), lambda m, a: a),
    ((1031,), lambda m, a: a, (1031,), lambda m, a: a[::-1]),
    ((1,), lambda m, a: m.broadcast_to(a, (9,)), (18,), lambda m, a: a[::2]),
    ((), lambda m, a: a, (), lambda m, a: a),
]


def pairs(rng, dtype, finite=False, change=None, change2=None):
    for shape1, view1, shape2, view2 in PAIRS:
        a, x = both(rng, dtype, (shape1, view1), finite, change)
        b, y = both(rng, dtype, (shape2, view2), finite, change2)
        yield a, x, b, y


EXACT_BINARY = {
    "add": NUMBERS, "subtract": NUMBERS, "multiply": REALS, "divide": FLOATS, "maximum": REALS, "minimum": REALS,
    "copysign": FLOATS, "nextafter": FLOATS, "equal": ALL, "not_equal": ALL, "less": REALS, "less_equal": REALS,
    "greater": REALS, "greater_equal": REALS, "logical_and": BOOLS, "logical_or": BOOLS, "logical_xor": BOOLS,
    "bitwise_and": BOOLS + INTEGERS, "bitwise_or": BOOLS + INTEGERS, "bitwise_xor": BOOLS + INTEGERS,
}


def add_binary(name, dtypes):
    @case(name)
    def compare(rng):
        for dtype in dtypes:
            for a, x, b, y in pairs(rng, dtype):
                same(getattr(xp, name)(x, y), np.asarray(numpy_function(name)(a, b)), f"{name}({dtype})",
                     zeros=name not in ("maximum", "minimum"))
                number = values(rng, dtype, (1,))[0].item()
                expected = numpy_function(name)(np.asarray(number, dtype), b)
                same(getattr(xp, name)(number, y), np.asarray(expected), f"{name}(number, {dtype})",
                     zeros=name not in ("maximum", "minimum"))


for _name, _dtypes in EXACT_BINARY.items():
    add_binary(_name, _dtypes)


@case("floor_divide and remainder of integers")
def integer_division(rng):
    for dtype in INTEGERS:
        least = np.iinfo(dtype).min
        for a, x, b, y in pairs(rng, dtype):
            quotient, rest = np.floor_divide(a, b), np.remainder(a, b)
            overflow = (a == least) & (b == np.array(-1).astype(dtype)) if least < 0 else np.zeros((), bool)
            quotient = np.where(overflow, a, quotient).astype(dtype)    # wraps around; undefined in NumPy
            rest = np.where(overflow, 0, rest).astype(dtype)
            same(xp.floor_divide(x, y), quotient, f"floor_divide({dtype})")
            same(xp.remainder(x, y), rest, f"remainder({dtype})")


@case("floor_divide and remainder of floats")
def real_division(rng):
    for dtype in FLOATS:
        for a, x, b, y in pairs(rng, dtype):
            # with more digits: NumPy's own quotient can be wrong in the last place
            wide, divisor = a.astype(WIDE[dtype]), b.astype(WIDE[dtype])
            quotient = np.floor_divide(wide, divisor)
            # the standard: floor(x1 / x2) where a finite number meets an infinite one, and where NumPy gives NaN for inf / finite
            quotient = np.where(np.isinf(b) & np.isfinite(a) | np.isinf(a) & ~np.isnan(b), np.divide(a, b), quotient)
            quotient = np.where(b == 0, np.divide(a, b), quotient)
            # a whole number: exact below 1 / eps, where the units below are less than 1; two roundings above
            close(xp.floor_divide(x, y), quotient, 1, f"floor_divide({dtype})")
            same(xp.remainder(x, y), np.remainder(a, b), f"remainder({dtype})")


@case("shifts")
def shifts(rng):
    for dtype in INTEGERS:
        bits = np.iinfo(dtype).bits
        for a, x, b, y in pairs(rng, dtype, change2=lambda base: np.abs(base.astype("float64")) % (bits + 3)):
            # by the width or more: all bits are gone; NumPy says the same since 1.17
            same(xp.bitwise_left_shift(x, y), np.left_shift(a, b), f"left_shift({dtype})")
            same(xp.bitwise_right_shift(x, y), np.right_shift(a, b), f"right_shift({dtype})")


@case("pow of integers")
def integer_power(rng):
    for dtype in INTEGERS:
        for a, x, b, y in pairs(rng, dtype, change2=lambda base: np.abs(base.astype("float64")) % 70):
            same(xp.pow(x, y), np.power(a, b), f"pow({dtype})")     # both wrap around


# Allowed errors in ULP: pow, atan2 and hypot as above; logaddexp is two functions and a sum, of the larger operand's size.
@case("pow of floats")
def real_power(rng):
    for dtype in FLOATS:
        for change in (None, np.abs):
            for a, x, b, y in pairs(rng, dtype, change=change):
                close(xp.pow(x, y), np.power(a.astype(WIDE[dtype]), b.astype(WIDE[dtype])), 2, f"pow({dtype})")


def add_close_binary(name, ulps, scale=None):
    @case(name)
    def compare(rng):
        for dtype in FLOATS:
            for a, x, b, y in pairs(rng, dtype):
                wide = WIDE[dtype]
                size = None if scale is None else np.where(np.isfinite(scale(a, b)), scale(a, b), 0)
                close(getattr(xp, name)(x, y), numpy_function(name)(a.astype(wide), b.astype(wide)), ulps, f"{name}({dtype})",
                      scale=size)


add_close_binary("atan2", 3)
add_close_binary("hypot", 2)
add_close_binary("logaddexp", 3, scale=lambda a, b: np.maximum(np.abs(a), np.abs(b)))


@case("promotion")
def promotion(rng):
    integer = {a + b: np.promote_types(a, b).name for a in INTEGERS for b in INTEGERS}
    for a in ALL:
        for b in ALL:
            kinds = np.dtype(a).kind + np.dtype(b).kind
            x, y = ours(values(rng, a, (3,))), ours(values(rng, b, (3,)))
            if {"uint64"} & {a, b} and (a in SIGNED or b in SIGNED):
                raises(TypeError, xp.equal, x, y)
                continue
            if a == b:
                expected = a
            elif kinds in ("iu", "ui", "ii", "uu"):
                expected = integer[a + b]
            elif "b" in kinds:
                expected = b if a == "bool" else a
            elif np.dtype(a).kind in "iu":
                expected = b        # an integer takes the float's dtype
            elif np.dtype(b).kind in "iu":
                expected = a
            else:
                expected = np.promote_types(a, b).name
            expect(xp.result_type(x.dtype, y.dtype).name == expected, f"result_type({a}, {b}): not {expected}")
            expect(xp.where(ours([True, False, True]), x, y).dtype.name == expected, f"where({a}, {b}): not {expected}")


@case("multiply and divide of complex numbers")
def complex_products(rng):
    for dtype in COMPLEX:
        for a, x, b, y in pairs(rng, dtype, finite=True):
            wide = WIDE[dtype]
            # the textbook formula: two products and a sum per part, each within half a unit of |z|; a quotient may scale too
            close(xp.multiply(x, y), np.multiply(a.astype(wide), b.astype(wide)), 2, f"multiply({dtype})")
            c = np.where(b == 0, 1, b).astype(dtype)
            z = xp.where(xp.equal(y, 0), xp.ones_like(y), y)
            close(xp.divide(x, z), np.divide(a.astype(wide), c.astype(wide)), 5, f"divide({dtype})")


# ---- clip, where, astype -----------------------------------------------------------------------------------------------

@case("clip")
def clip(rng):
    for dtype in REALS:
        for a, x, b, y in pairs(rng, dtype):
            high = np.maximum(b, np.asarray(b + np.asarray(2, dtype), dtype))
            if np.isnan(b).any() or b.ndim > a.ndim:
                continue
            same(xp.clip(x, y, ours(high)), np.clip(a, b, high), f"clip({dtype})")
            same(xp.clip(x, 1, 5), np.clip(a, np.asarray(1, dtype), np.asarray(5, dtype)), f"clip({dtype}, 1, 5)")
            same(xp.clip(x, None, 3), np.minimum(a, np.asarray(3, dtype)), f"clip({dtype}, None, 3)")
            same(xp.clip(x, 2), np.maximum(a, np.asarray(2, dtype)), f"clip({dtype}, 2)")


@case("where")
def where(rng):
    for dtype in ALL:
        for a, x, b, y in pairs(rng, dtype):
            condition = values(rng, "bool", np.broadcast_shapes(a.shape, b.shape))
            same(xp.where(ours(condition), x, y), np.where(condition, a, b), f"where({dtype})", zeros=True)


@case("astype")
def astype(rng):
    for source in ALL:
        for target in ALL:
            if source in COMPLEX and target not in COMPLEX + BOOLS:
                raises(TypeError, xp.astype, ours(values(rng, source, (2,))), getattr(xp, target))
                continue
            for view in (VIEWS[0], VIEWS[2], VIEWS[9], VIEWS[12], VIEWS[13]):
                a, x = both(rng, source, view, finite=source in FLOATS and target in INTEGERS)
                y = xp.astype(x, getattr(xp, target))
                if source in FLOATS and target in INTEGERS:     # beyond the ends NumPy says nothing; here they are the ends
                    info = np.iinfo(target)
                    wide = np.trunc(a.astype(np.longdouble))
                    expected = np.array([min(max(int(v), info.min), info.max) for v in wide.ravel()], dtype=target)
                    same(y, expected.reshape(a.shape), f"astype({source}, {target})")
                else:
                    same(y, a.astype(target), f"astype({source}, {target})", zeros=True)


# ---- complex functions ---------------------------------------------------------------------------------------------

def add_complex(name, ulps):
    @case(f"{name} of complex numbers")
    def compare(rng):
        for dtype in COMPLEX:
            for view in VIEWS:
                # moderate values: at the ends of the range and on the cuts the suite's special cases have their say
                a, x = both(rng, dtype, view, finite=True, change=lambda base: moderate(base))
                reference = numpy_function(name)(a.astype(WIDE[dtype]))
                y = getattr(xp, name)(x)
                if name == "abs":
                    expect(y.dtype.name == PART[dtype], f"abs({dtype}) is {y.dtype}")
                close(y, reference, ulps, f"{name}({dtype})")


def moderate(z):
    part = PART[z.dtype.name]
    def bounded(v):
        v = np.where(np.abs(v) < 2.0**-10, 0.75, v)
        return np.clip(v, -20, 20).astype(part)
    out = np.empty_like(z)
    out.real, out.imag = bounded(z.real), bounded(z.imag)
    return out


for _name in (*APPROXIMATE, "abs", "sqrt", "square", "reciprocal", "sign"):
    if _name != "sign":
        add_complex(_name, 8)


@case("sign of complex numbers")
def complex_sign(rng):
    for dtype in COMPLEX:
        for view in VIEWS:
            a, x = both(rng, dtype, view, finite=True, change=moderate)
            wide = a.astype(WIDE[dtype])
            close(xp.sign(x), wide / np.abs(wide), 4, f"sign({dtype})")
    same(xp.sign(xp.zeros(2, dtype=xp.complex128)), np.zeros(2, "complex128"), "sign(0)")


@case("pow of complex numbers")
def complex_power(rng):
    for dtype in COMPLEX:
        for a, x, b, y in pairs(rng, dtype, finite=True, change=moderate, change2=lambda z: moderate(z) / 8):
            # exp(b log a): the exponent's error, |b log a| / 2 units of it, becomes a relative one
            wide = WIDE[dtype]
            grow = float(np.max(np.abs(b * np.log(a)), initial=0)) if a.size and b.size else 0
            close(xp.pow(x, y), np.power(a.astype(wide), b.astype(wide)), 8 + 4 * grow, f"pow({dtype})")


# ---- operators -------------------------------------------------------------------------------------------------------

@case("operators")
def operators(rng):
    import operator
    for symbol, name, dtypes in (
            ("add", "add", REALS), ("sub", "subtract", REALS), ("mul", "multiply", REALS), ("truediv", "divide", FLOATS),
            ("and_", "bitwise_and", INTEGERS), ("or_", "bitwise_or", INTEGERS), ("xor", "bitwise_xor", INTEGERS)):
        for dtype in dtypes:
            a, x = both(rng, dtype, VIEWS[8], finite=True)
            b, y = both(rng, dtype, VIEWS[8], finite=True)
            expected = numpy_function(name)(a, b)
            same(getattr(operator, symbol)(x, y), expected, f"{symbol}({dtype})")
            two = np.asarray(2, dtype)
            same(getattr(operator, symbol)(2, y), numpy_function(name)(two, b), f"2 {symbol} {dtype}")
            z = xp.asarray(x, copy=True)
            alias, before = z, x
            z = getattr(operator, "i" + symbol.strip("_"))(z, y)
            expect(z is alias, f"i{symbol} made another object")
            same(z, expected, f"i{symbol}({dtype})")
            same(before, a, f"i{symbol}({dtype}) wrote into a copy")
    for symbol, function in (("neg", operator.neg), ("pos", operator.pos), ("abs", operator.abs)):
        a, x = both(rng, "int32", VIEWS[9])
        same(function(x), function(a), symbol)
    raises(TypeError, operator.iadd, xp.ones(3, dtype=xp.int32), xp.ones(3, dtype=xp.float64))
    raises(ValueError, operator.iadd, xp.ones(3), xp.ones((2, 3)))


if __name__ == "__main__":
    sys.exit(main())
