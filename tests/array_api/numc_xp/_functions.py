"""The functions of the standard's main namespace. Each converts its arguments and calls the C function of its name."""
from collections import namedtuple
from ctypes import byref, c_int32, c_int64, c_void_p

from ._array import (KIND_BOOL, KIND_COMPLEX, KIND_REAL, KIND_SIGNED, KIND_UNSIGNED, KINDS_INTEGRAL, Array, DType,
                     address_of_elements, adopt, axis_of, by_code, call, check_array, check_device, code_of,
                     context, default_complex, default_index, default_integer, default_real, far, in_scope, index, is_number,
                     operand, shape_of, small, the_device)
from ._library import (ArgmaxOptions, Axis, C, CumulativeOptions, DiffOptions, IsinOptions, LikeOptions, LinspaceOptions,
                       MeshgridOptions, Operand, ReduceOptions, SearchsortedOptions, Shape, SortOptions, VecdotOptions,
                       raise_pending)

FLATTEN = -2**63    # NUMC_FLATTEN


# ---- shared by several -----------------------------------------------------------------------------------------------

def unary(function, x):
    return call(function, check_array(x))


def binary(function, x1, x2):
    """Two operands, one of which may be a Python number."""
    if not isinstance(x1, Array) and not isinstance(x2, Array):
        raise TypeError("one operand at least must be an array")
    with in_scope:
        return adopt(function(operand(x1), operand(x2)))


def reduction(function, x, axis, keepdims, dtype=None, correction=0.0):
    options = ReduceOptions(axes=shape_of(axis), keepdims=bool(keepdims), dtype=code_of(dtype), correction=float(correction))
    return call(function, check_array(x), byref(options))


def handles(arrays):
    return (c_void_p * len(arrays))(*[check_array(x, "each element") for x in arrays])


def several(function, count, *arguments):
    """The arrays of a function that writes `count` handles; {out} among its arguments stands for where."""
    out = (c_void_p * count)()
    with in_scope:
        if function(*[out if argument is several else argument for argument in arguments]):
            raise_pending()
        return tuple(adopt(handle) for handle in out)


# ---- creation --------------------------------------------------------------------------------------------------------

def arange(start, /, stop=None, step=1, *, dtype=None, device=None):
    check_device(device)
    if stop is None:
        start, stop = 0, start
    code = code_of(dtype)
    with in_scope:
        return adopt(C.numc_arange_(context, code, operand(start), operand(stop), operand(step)))


def empty(shape, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_empty_, context, code_of(dtype), shape_of(shape))


def empty_like(x, /, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_empty_like, check_array(x), byref(LikeOptions(dtype=code_of(dtype))))


def eye(n_rows, n_cols=None, /, *, k=0, dtype=None, device=None):
    check_device(device)
    return call(C.numc_eye_, context, code_of(dtype), index(n_rows), index(n_rows if n_cols is None else n_cols), far(k))


def full(shape, fill_value, *, dtype=None, device=None):
    check_device(device)
    code = code_of(dtype)
    with in_scope:
        return adopt(C.numc_full_(context, code, shape_of(shape), operand(fill_value)))


def full_like(x, /, fill_value, *, dtype=None, device=None):
    check_device(device)
    options = LikeOptions(dtype=code_of(dtype))
    with in_scope:
        return adopt(C.numc_full_like_(check_array(x), operand(fill_value), byref(options)))


def linspace(start, stop, /, num, *, dtype=None, device=None, endpoint=True):
    check_device(device)
    code, options = code_of(dtype), LinspaceOptions(open_end=not endpoint)
    with in_scope:
        return adopt(C.numc_linspace_(context, code, operand(start), operand(stop), index(num), byref(options)))


def meshgrid(*arrays, indexing="xy"):
    if indexing not in ("xy", "ij"):
        raise ValueError(f"indexing must be 'xy' or 'ij', not {indexing!r}")
    if not arrays:
        return ()
    return several(C.numc_meshgrid_, len(arrays), handles(arrays), len(arrays), several,
                   byref(MeshgridOptions(matrix=indexing == "ij")))


def ones(shape, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_ones_, context, code_of(dtype), shape_of(shape))


def ones_like(x, /, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_ones_like, check_array(x), byref(LikeOptions(dtype=code_of(dtype))))


def tril(x, /, *, k=0):
    return call(C.numc_tril, check_array(x), far(k))


def triu(x, /, *, k=0):
    return call(C.numc_triu, check_array(x), far(k))


def zeros(shape, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_zeros_, context, code_of(dtype), shape_of(shape))


def zeros_like(x, /, *, dtype=None, device=None):
    check_device(device)
    return call(C.numc_zeros_like, check_array(x), byref(LikeOptions(dtype=code_of(dtype))))


# ---- dtypes ----------------------------------------------------------------------------------------------------------

finfo_object = namedtuple("finfo_object", "bits eps max min smallest_normal dtype")
iinfo_object = namedtuple("iinfo_object", "bits max min dtype")


def dtype_of(x):
    if isinstance(x, Array):
        return x.dtype
    code_of(x)
    if x is None:
        raise TypeError("None is no dtype")
    return x


def astype(x, dtype, /, *, copy=True, device=None):
    check_device(device)
    check_array(x)
    code = code_of(dtype)
    if dtype is x.dtype and not copy:
        return x
    return call(C.numc_astype, x._handle, code)


def can_cast(from_, to, /):
    return bool_result(C.numc_can_cast(dtype_of(from_).code, dtype_of(to).code))


def bool_result(value):
    raise_pending()
    return not not value


def finfo(type, /):
    limits = C.numc_finfo(dtype_of(type).code)
    if not limits.dtype:
        raise TypeError(f"finfo is for floats, not for {dtype_of(type).name}")
    return finfo_object(limits.bits, limits.eps, limits.max, limits.min, limits.smallest_normal, by_code[limits.dtype])


def iinfo(type, /):
    limits = C.numc_iinfo(dtype_of(type).code)
    if not limits.dtype:
        raise TypeError(f"iinfo is for integers, not for {dtype_of(type).name}")
    return iinfo_object(limits.bits, limits.max, limits.min, by_code[limits.dtype])


KINDS = {"bool": KIND_BOOL, "signed integer": KIND_SIGNED, "unsigned integer": KIND_UNSIGNED,
         "integral": KINDS_INTEGRAL, "real floating": KIND_REAL, "complex floating": KIND_COMPLEX,
         "numeric": KINDS_INTEGRAL | KIND_REAL | KIND_COMPLEX}


def isdtype(dtype, kind):
    dtype_of(dtype)
    if isinstance(kind, tuple):
        return True in [isdtype(dtype, k) for k in kind]
    if isinstance(kind, DType):
        return dtype is kind
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of dtype")
    return bool_result(C.numc_isdtype(dtype.code, KINDS[kind]))


def result_type(*arrays_and_dtypes):
    found = [x for x in arrays_and_dtypes if not isinstance(x, Array) and not is_number(x)]
    with in_scope:
        others = [operand(x) for x in arrays_and_dtypes if isinstance(x, Array) or is_number(x)]
        code = C.numc_result_type(context, (c_int32 * len(found))(*[dtype_of(x).code for x in found]), len(found),
                                  (Operand * len(others))(*others), len(others))
    raise_pending()
    return by_code[code]


# ---- elementwise -----------------------------------------------------------------------------------------------------

def abs(x, /):
    return unary(C.numc_abs, x)


def acos(x, /):
    return unary(C.numc_acos, x)


def acosh(x, /):
    return unary(C.numc_acosh, x)


def add(x1, x2, /):
    return binary(C.numc_add, x1, x2)


def asin(x, /):
    return unary(C.numc_asin, x)


def asinh(x, /):
    return unary(C.numc_asinh, x)


def atan(x, /):
    return unary(C.numc_atan, x)


def atan2(x1, x2, /):
    return binary(C.numc_atan2, x1, x2)


def atanh(x, /):
    return unary(C.numc_atanh, x)


def bitwise_and(x1, x2, /):
    return binary(C.numc_bitwise_and, x1, x2)


def bitwise_left_shift(x1, x2, /):
    return binary(C.numc_bitwise_left_shift, x1, x2)


def bitwise_invert(x, /):
    return unary(C.numc_bitwise_invert, x)


def bitwise_or(x1, x2, /):
    return binary(C.numc_bitwise_or, x1, x2)


def bitwise_right_shift(x1, x2, /):
    return binary(C.numc_bitwise_right_shift, x1, x2)


def bitwise_xor(x1, x2, /):
    return binary(C.numc_bitwise_xor, x1, x2)


def ceil(x, /):
    return unary(C.numc_ceil, x)


def clip(x, /, min=None, max=None):
    check_array(x)
    if min is None and max is None:
        return positive(x)
    with in_scope:
        low = operand(float("-inf") if min is None else min)
        high = operand(float("inf") if max is None else max)
        return adopt(C.numc_clip_(x._handle, low, high))


def conj(x, /):
    return unary(C.numc_conj, x)


def copysign(x1, x2, /):
    return binary(C.numc_copysign, x1, x2)


def cos(x, /):
    return unary(C.numc_cos, x)


def cosh(x, /):
    return unary(C.numc_cosh, x)


def divide(x1, x2, /):
    return binary(C.numc_divide, x1, x2)


def equal(x1, x2, /):
    return binary(C.numc_equal, x1, x2)


def exp(x, /):
    return unary(C.numc_exp, x)


def expm1(x, /):
    return unary(C.numc_expm1, x)


def floor(x, /):
    return unary(C.numc_floor, x)


def floor_divide(x1, x2, /):
    return binary(C.numc_floor_divide, x1, x2)


def greater(x1, x2, /):
    return binary(C.numc_greater, x1, x2)


def greater_equal(x1, x2, /):
    return binary(C.numc_greater_equal, x1, x2)


def hypot(x1, x2, /):
    return binary(C.numc_hypot, x1, x2)


def imag(x, /):
    return unary(C.numc_imag, x)


def isfinite(x, /):
    return unary(C.numc_isfinite, x)


def isinf(x, /):
    return unary(C.numc_isinf, x)


def isnan(x, /):
    return unary(C.numc_isnan, x)


def less(x1, x2, /):
    return binary(C.numc_less, x1, x2)


def less_equal(x1, x2, /):
    return binary(C.numc_less_equal, x1, x2)


def log(x, /):
    return unary(C.numc_log, x)


def log1p(x, /):
    return unary(C.numc_log1p, x)


def log2(x, /):
    return unary(C.numc_log2, x)


def log10(x, /):
    return unary(C.numc_log10, x)


def logaddexp(x1, x2, /):
    return binary(C.numc_logaddexp, x1, x2)


def logical_and(x1, x2, /):
    return binary(C.numc_logical_and, x1, x2)


def logical_not(x, /):
    return unary(C.numc_logical_not, x)


def logical_or(x1, x2, /):
    return binary(C.numc_logical_or, x1, x2)


def logical_xor(x1, x2, /):
    return binary(C.numc_logical_xor, x1, x2)


def maximum(x1, x2, /):
    return binary(C.numc_maximum, x1, x2)


def minimum(x1, x2, /):
    return binary(C.numc_minimum, x1, x2)


def multiply(x1, x2, /):
    return binary(C.numc_multiply, x1, x2)


def negative(x, /):
    return unary(C.numc_negative, x)


def nextafter(x1, x2, /):
    return binary(C.numc_nextafter, x1, x2)


def not_equal(x1, x2, /):
    return binary(C.numc_not_equal, x1, x2)


def positive(x, /):
    return unary(C.numc_positive, x)


def pow(x1, x2, /):
    return binary(C.numc_pow, x1, x2)


def real(x, /):
    return unary(C.numc_real, x)


def reciprocal(x, /):
    return unary(C.numc_reciprocal, x)


def remainder(x1, x2, /):
    return binary(C.numc_remainder, x1, x2)


def round(x, /):
    return unary(C.numc_round, x)


def sign(x, /):
    return unary(C.numc_sign, x)


def signbit(x, /):
    return unary(C.numc_signbit, x)


def sin(x, /):
    return unary(C.numc_sin, x)


def sinh(x, /):
    return unary(C.numc_sinh, x)


def square(x, /):
    return unary(C.numc_square, x)


def sqrt(x, /):
    return unary(C.numc_sqrt, x)


def subtract(x1, x2, /):
    return binary(C.numc_subtract, x1, x2)


def tan(x, /):
    return unary(C.numc_tan, x)


def tanh(x, /):
    return unary(C.numc_tanh, x)


def trunc(x, /):
    return unary(C.numc_trunc, x)


# ---- indexing --------------------------------------------------------------------------------------------------------

def take(x, indices, /, *, axis=None):
    return call(C.numc_take_, check_array(x), check_array(indices, "indices"), axis_of(axis))


def take_along_axis(x, indices, /, *, axis=-1):
    return call(C.numc_take_along_axis, check_array(x), check_array(indices, "indices"), small(axis))


# ---- linear algebra ------------------------------------------------------------------------------------------------

def matmul(x1, x2, /):
    return call(C.numc_matmul, check_array(x1, "x1"), check_array(x2, "x2"))


def matrix_transpose(x, /):
    return call(C.numc_matrix_transpose, check_array(x))


def tensordot(x1, x2, /, *, axes=2):
    h1, h2 = check_array(x1, "x1"), check_array(x2, "x2")
    if isinstance(axes, (tuple, list)):
        axes1, axes2 = axes
        return call(C.numc_tensordot_axes, h1, h2, shape_of(axes1), shape_of(axes2))
    return call(C.numc_tensordot, h1, h2, sorted((-1, index(axes), 64))[1])      # int32; more than 32 axes are an error anyway


def vecdot(x1, x2, /, *, axis=-1):
    check_array(x1, "x1"), check_array(x2, "x2")
    axis = index(axis)
    if not -(x1.ndim if x1.ndim < x2.ndim else x2.ndim) <= axis < 0:
        raise IndexError(f"vecdot: axis {axis} is not in [-min(ranks), -1]")
    return call(C.numc_vecdot_, x1._handle, x2._handle, byref(VecdotOptions(axis=Axis(axis, True))))


# ---- manipulation ----------------------------------------------------------------------------------------------------

def broadcast_arrays(*arrays):
    if not arrays:
        return ()
    return several(C.numc_broadcast_arrays, len(arrays), handles(arrays), len(arrays), several)


def broadcast_shapes(*shapes):
    found = (c_int64 * 32)()
    rank = C.numc_broadcast_shapes((Shape * len(shapes))(*map(shape_of, shapes)), len(shapes), found)
    if rank < 0:
        raise ValueError(f"the shapes {shapes} do not broadcast")
    return tuple(found[:rank])


def broadcast_to(x, /, shape):
    return call(C.numc_broadcast_to, check_array(x), shape_of(shape))


def some(arrays, name):
    """Handles of one array at least: in C, none at all has no context that could hold an error."""
    if not len(arrays):
        raise ValueError(f"{name}: no arrays")
    return handles(arrays)


def concat(arrays, /, *, axis=0):
    return call(C.numc_concat, some(arrays, "concat"), len(arrays), FLATTEN if axis is None else small(axis))


def expand_dims(x, /, axis):
    return call(C.numc_expand_dims, check_array(x), shape_of(axis))


def flip(x, /, *, axis=None):
    return call(C.numc_flip, check_array(x), shape_of(axis))


def moveaxis(x, source, destination, /):
    return call(C.numc_moveaxis_axes, check_array(x), shape_of(source), shape_of(destination))


def permute_dims(x, /, axes):
    return call(C.numc_permute_dims, check_array(x), shape_of(axes))


def repeat(x, repeats, /, *, axis=None):
    if isinstance(repeats, Array):
        return call(C.numc_repeat_array, check_array(x), repeats._handle, axis_of(axis))
    return call(C.numc_repeat, check_array(x), index(repeats), axis_of(axis))


def reshape(x, /, shape, *, copy=None):
    y = call(C.numc_reshape, check_array(x), shape_of(shape))
    if copy is False and x.size > 0:
        before = address_of_elements(x)
        if before is not None and before != address_of_elements(y):
            raise ValueError(f"shape {x.shape} to {shape} needs a copy of these strides")
    return y


def roll(x, /, shift, *, axis=None):
    if axis is None:
        return call(C.numc_roll, check_array(x), small(shift), FLATTEN)
    return call(C.numc_roll_axes, check_array(x), shape_of(shift), shape_of(axis))


def squeeze(x, /, axis):
    return call(C.numc_squeeze, check_array(x), shape_of(axis))


def stack(arrays, /, *, axis=0):
    return call(C.numc_stack, some(arrays, "stack"), len(arrays), small(axis))


def tile(x, repetitions, /):
    return call(C.numc_tile, check_array(x), shape_of(repetitions))


def unstack(x, /, *, axis=0):
    check_array(x)
    axis = index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"axis {axis} is out of bounds for rank {x.ndim}")
    return several(C.numc_unstack, x.shape[axis], x._handle, axis, several, x.shape[axis])


# ---- searching -------------------------------------------------------------------------------------------------------

def argmax(x, /, *, axis=None, keepdims=False):
    return call(C.numc_argmax, check_array(x), byref(ArgmaxOptions(axis=axis_of(axis), keepdims=not not keepdims)))


def argmin(x, /, *, axis=None, keepdims=False):
    return call(C.numc_argmin, check_array(x), byref(ArgmaxOptions(axis=axis_of(axis), keepdims=not not keepdims)))


def count_nonzero(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_count_nonzero, x, axis, keepdims)


def nonzero(x, /):
    check_array(x)
    if x.ndim == 0:
        raise ValueError("nonzero of a 0-d array")
    return several(C.numc_nonzero, x.ndim, x._handle, several, x.ndim)


def searchsorted(x1, x2, /, *, side="left", sorter=None):
    check_array(x1, "x1")
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', not {side!r}")
    options = SearchsortedOptions(right=side == "right", sorter=None if sorter is None else check_array(sorter, "sorter"))
    with in_scope:
        return adopt(C.numc_searchsorted_(x1._handle, operand(x2), byref(options)))


def where(condition, x1, x2, /):
    with in_scope:
        return adopt(C.numc_where_(check_array(condition, "condition"), operand(x1), operand(x2)))


# ---- sets ------------------------------------------------------------------------------------------------------------

unique_all_result = namedtuple("unique_all_result", "values indices inverse_indices counts")
unique_counts_result = namedtuple("unique_counts_result", "values counts")
unique_inverse_result = namedtuple("unique_inverse_result", "values inverse_indices")


def unique(function, x, kind):
    with in_scope:
        found = function(check_array(x))
        return kind(*[adopt(getattr(found, name)) for name in kind._fields])


def isin(x1, x2, /, *, invert=False):
    if not isinstance(x1, Array) and not isinstance(x2, Array):
        raise TypeError("one operand at least must be an array")
    with in_scope:
        return adopt(C.numc_isin_(operand(x1), operand(x2), byref(IsinOptions(invert=not not invert))))


def unique_all(x, /):
    return unique(C.numc_unique_all, x, unique_all_result)


def unique_counts(x, /):
    return unique(C.numc_unique_counts, x, unique_counts_result)


def unique_inverse(x, /):
    return unique(C.numc_unique_inverse, x, unique_inverse_result)


def unique_values(x, /):
    return unary(C.numc_unique_values, x)


# ---- sorting ---------------------------------------------------------------------------------------------------------

def sort_options(axis, descending, stable):
    return byref(SortOptions(axis=axis_of(axis), descending=not not descending, unstable=not stable))


def argsort(x, /, *, axis=-1, descending=False, stable=True):
    return call(C.numc_argsort, check_array(x), sort_options(axis, descending, stable))


def sort(x, /, *, axis=-1, descending=False, stable=True):
    return call(C.numc_sort, check_array(x), sort_options(axis, descending, stable))


# ---- statistics ------------------------------------------------------------------------------------------------------

def cumulative(function, x, axis, dtype, include_initial):
    options = CumulativeOptions(axis=axis_of(axis), dtype=code_of(dtype), include_initial=not not include_initial)
    return call(function, check_array(x), byref(options))


def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    return cumulative(C.numc_cumulative_prod, x, axis, dtype, include_initial)


def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    return cumulative(C.numc_cumulative_sum, x, axis, dtype, include_initial)


def max(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_max, x, axis, keepdims)


def mean(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_mean, x, axis, keepdims)


def min(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_min, x, axis, keepdims)


def prod(x, /, *, axis=None, dtype=None, keepdims=False):
    return reduction(C.numc_prod, x, axis, keepdims, dtype)


def std(x, /, *, axis=None, correction=0.0, keepdims=False):
    return reduction(C.numc_std, x, axis, keepdims, None, correction)


def sum(x, /, *, axis=None, dtype=None, keepdims=False):
    return reduction(C.numc_sum, x, axis, keepdims, dtype)


def var(x, /, *, axis=None, correction=0.0, keepdims=False):
    return reduction(C.numc_var, x, axis, keepdims, None, correction)


# ---- utilities -------------------------------------------------------------------------------------------------------

def all(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_all, x, axis, keepdims)


def any(x, /, *, axis=None, keepdims=False):
    return reduction(C.numc_any, x, axis, keepdims)


def diff(x, /, *, axis=-1, n=1, prepend=None, append=None):
    check_array(x)
    if n == 0:
        return positive(x)
    options = DiffOptions(axis=axis_of(axis), n=index(n),
                          prepend=None if prepend is None else check_array(prepend, "prepend"),
                          append=None if append is None else check_array(append, "append"))
    return call(C.numc_diff, x._handle, byref(options))


# ---- inspection ------------------------------------------------------------------------------------------------------

class Info:
    """What __array_namespace_info__ returns."""

    def capabilities(self):
        found = C.numc_info_capabilities()
        return {"boolean indexing": found.boolean_indexing, "data-dependent shapes": found.data_dependent_shapes,
                "max dimensions": found.max_dimensions}

    def default_device(self):
        return the_device

    def default_dtypes(self, *, device=None):
        check_device(device)
        return {"real floating": default_real, "complex floating": default_complex, "integral": default_integer,
                "indexing": default_index}

    def devices(self):
        return (the_device,)

    def dtypes(self, *, device=None, kind=None):
        check_device(device)
        kinds = 0
        for k in kind if isinstance(kind, tuple) else () if kind is None else (kind,):
            kinds |= KINDS[k]
        if kind == ():
            return {}
        codes = (c_int32 * 13)()
        count = C.numc_info_dtypes(context, kinds, codes)
        raise_pending()
        return {by_code[code].name: by_code[code] for code in codes[:count]}


def __array_namespace_info__():
    return Info()


# ---- operators -------------------------------------------------------------------------------------------------------

def _add_operators():
    """Array's operators: forward, reflected and in place, from the function each stands for."""
    def forward(function, numbers=True):
        def method(self, other, /):
            if isinstance(other, Array) or numbers and is_number(other):
                return function(self, other)
            return NotImplemented
        return method

    def reflected(function, numbers=True):
        def method(self, other, /):
            if isinstance(other, Array) or numbers and is_number(other):
                return function(other, self)
            return NotImplemented
        return method

    def in_place(function):
        def method(self, other, /):
            if not isinstance(other, Array) and not is_number(other):
                return NotImplemented
            with in_scope:
                self._assign(function, operand(other))
            return self
        return method

    def in_place_matmul(self, other, /):
        if not isinstance(other, Array):
            return NotImplemented
        with in_scope:
            self._assign(C.numc_matmul_assign, other._handle)
        return self

    def add_to_class(name, method):
        method.__name__ = f"__{name}__"
        method.__qualname__ = f"Array.__{name}__"
        setattr(Array, method.__name__, method)

    for name, function in (("abs", abs), ("invert", bitwise_invert), ("neg", negative), ("pos", positive)):
        add_to_class(name, lambda self, /, function=function: function(self))
    for name, function in (("add", add), ("sub", subtract), ("mul", multiply), ("truediv", divide),
                           ("floordiv", floor_divide), ("mod", remainder), ("pow", pow), ("and", bitwise_and),
                           ("or", bitwise_or), ("xor", bitwise_xor), ("lshift", bitwise_left_shift),
                           ("rshift", bitwise_right_shift), ("matmul", matmul)):
        numbers = name != "matmul"
        add_to_class(name, forward(function, numbers))
        add_to_class("r" + name, reflected(function, numbers))
        add_to_class("i" + name, in_place(getattr(C, f"numc_{function.__name__}_assign_")) if numbers else in_place_matmul)
    for name, function in (("eq", equal), ("ne", not_equal), ("lt", less), ("le", less_equal), ("gt", greater),
                           ("ge", greater_equal)):
        add_to_class(name, forward(function))
    Array.__hash__ = None


_add_operators()

# The names the standard gives the main namespace.
_public = """arange empty empty_like eye full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like
astype can_cast finfo iinfo isdtype result_type
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift
bitwise_xor ceil clip conj copysign cos cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot imag
isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum
minimum multiply negative nextafter not_equal positive pow real reciprocal remainder round sign signbit sin sinh square sqrt
subtract tan tanh trunc
take take_along_axis matmul matrix_transpose tensordot vecdot
broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack
tile unstack argmax argmin count_nonzero nonzero searchsorted where isin unique_all unique_counts unique_inverse unique_values
argsort sort cumulative_prod cumulative_sum max mean min prod std sum var all any diff""".split()
__all__ = _public
