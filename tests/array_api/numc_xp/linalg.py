"""The standard's extension linalg."""
from collections import namedtuple
from ctypes import byref

from ._array import adopt, call, check_array, code_of, far, in_scope, index, operand, shape_of, small
from ._functions import matmul, matrix_transpose, tensordot, unary, vecdot
from ._library import (C, CholeskyOptions, MatrixNormOptions, NormOrder, QrOptions, RtolOptions, SvdOptions, TraceOptions,
                       VectorNormOptions)

EigResult = namedtuple("EigResult", "eigenvalues eigenvectors")
EighResult = namedtuple("EighResult", "eigenvalues eigenvectors")
QRResult = namedtuple("QRResult", "Q R")
SlogdetResult = namedtuple("SlogdetResult", "sign logabsdet")
SVDResult = namedtuple("SVDResult", "U S Vh")


def several(result, function, *arguments):
    """The arrays of a struct, in its order."""
    with in_scope:
        found = function(*arguments)
        return result(*(adopt(getattr(found, name)) for name, _ in found._fields_))


def with_rtol(function, x, rtol):
    with in_scope:
        options = RtolOptions() if rtol is None else RtolOptions(rtol=operand(rtol))
        return adopt(function(check_array(x), byref(options)))


def cholesky(x, /, *, upper=False):
    return call(C.numc_linalg_cholesky, check_array(x), byref(CholeskyOptions(upper=bool(upper))))


def cross(x1, x2, /, *, axis=-1):
    return call(C.numc_linalg_cross, check_array(x1, "x1"), check_array(x2, "x2"), small(axis))


def det(x, /):
    return unary(C.numc_linalg_det, x)


def diagonal(x, /, *, offset=0):
    return call(C.numc_linalg_diagonal, check_array(x), far(offset))


def eig(x, /):
    return several(EigResult, C.numc_linalg_eig, check_array(x))


def eigh(x, /):
    return several(EighResult, C.numc_linalg_eigh, check_array(x))


def eigvals(x, /):
    return unary(C.numc_linalg_eigvals, x)


def eigvalsh(x, /):
    return unary(C.numc_linalg_eigvalsh, x)


def inv(x, /):
    return unary(C.numc_linalg_inv, x)


MATRIX_ORDERS = {"fro": 0, 1: 1, -1: 2, float("inf"): 3, -float("inf"): 4, "nuc": 5, 2: 6, -2: 7}


def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    if ord not in MATRIX_ORDERS:
        raise ValueError(f"{ord!r} is no order of a matrix norm")
    return call(C.numc_linalg_matrix_norm, check_array(x),
                byref(MatrixNormOptions(order=MATRIX_ORDERS[ord], keepdims=bool(keepdims))))


def matrix_power(x, n, /):
    return call(C.numc_linalg_matrix_power, check_array(x), index(n))


def matrix_rank(x, /, *, rtol=None):
    return with_rtol(C.numc_linalg_matrix_rank, x, rtol)


def outer(x1, x2, /):
    return call(C.numc_outer, check_array(x1, "x1"), check_array(x2, "x2"))


def pinv(x, /, *, rtol=None):
    return with_rtol(C.numc_linalg_pinv, x, rtol)


def qr(x, /, *, mode="reduced"):
    if mode not in ("reduced", "complete"):
        raise ValueError(f"{mode!r} is no mode of qr")
    return several(QRResult, C.numc_linalg_qr, check_array(x), byref(QrOptions(complete=mode == "complete")))


def slogdet(x, /):
    return several(SlogdetResult, C.numc_linalg_slogdet, check_array(x))


def solve(x1, x2, /):
    return call(C.numc_linalg_solve, check_array(x1, "x1"), check_array(x2, "x2"))


def svd(x, /, *, full_matrices=True):
    return several(SVDResult, C.numc_linalg_svd, check_array(x), byref(SvdOptions(reduced=not full_matrices)))


def svdvals(x, /):
    return unary(C.numc_linalg_svdvals, x)


def trace(x, /, *, offset=0, dtype=None):
    options = TraceOptions(offset=far(offset), dtype=code_of(dtype))
    return call(C.numc_linalg_trace, check_array(x), byref(options))


def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    options = VectorNormOptions(axes=shape_of(axis), keepdims=bool(keepdims), order=NormOrder(float(ord), True))
    return call(C.numc_linalg_vector_norm, check_array(x), byref(options))
