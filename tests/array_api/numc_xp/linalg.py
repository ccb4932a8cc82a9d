"""The standard's extension linalg."""
from collections import namedtuple
from ctypes import byref

from ._array import adopt, call, check_array, code_of, in_scope, index, shape_of, small
from ._functions import matmul, matrix_transpose, tensordot, unary, vecdot
from ._library import C, MatrixNormOptions, NormOrder, VectorNormOptions

SlogdetResult = namedtuple("SlogdetResult", "sign logabsdet")


def cholesky(x, /, *, upper=False):
    lower = unary(C.numc_linalg_cholesky, x)
    return matrix_transpose(lower) if upper else lower


def cross(x1, x2, /, *, axis=-1):
    return call(C.numc_linalg_cross, check_array(x1, "x1"), check_array(x2, "x2"), small(axis))


def det(x, /):
    return unary(C.numc_linalg_det, x)


def diagonal(x, /, *, offset=0):
    return call(C.numc_linalg_diagonal, check_array(x), index(offset))


def inv(x, /):
    return unary(C.numc_linalg_inv, x)


MATRIX_ORDERS = {"fro": 0, 1: 1, -1: 2, float("inf"): 3, -float("inf"): 4}


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    if ord not in MATRIX_ORDERS:
        raise ValueError(f"{ord!r} is no order of a matrix norm")
    return call(C.numc_linalg_matrix_norm, check_array(x),
                byref(MatrixNormOptions(order=MATRIX_ORDERS[ord], keepdims=bool(keepdims))))


def matrix_power(x, n, /):
    return call(C.numc_linalg_matrix_power, check_array(x), index(n))


def outer(x1, x2, /):
    return call(C.numc_outer, check_array(x1, "x1"), check_array(x2, "x2"))


def slogdet(x, /):
    with in_scope:
        found = C.numc_linalg_slogdet(check_array(x))
        return SlogdetResult(adopt(found.sign), adopt(found.logabsdet))


def solve(x1, x2, /):
    return call(C.numc_linalg_solve, check_array(x1, "x1"), check_array(x2, "x2"))


def trace(x, /, *, offset=0, dtype=None):
    code_of(dtype)
    return call(C.numc_linalg_trace, check_array(x), index(offset))


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    options = VectorNormOptions(axes=shape_of(axis), keepdims=bool(keepdims), order=NormOrder(float(ord), True))
    return call(C.numc_linalg_vector_norm, check_array(x), byref(options))
