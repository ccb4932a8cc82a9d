"""The C library through ctypes: where it is, its structs, the prototypes of the functions used, errors as exceptions.

Macros cannot be called from here, so option structs are laid out by hand; ../check_prototypes.py compares every
prototype and struct below with the headers.
"""
import ctypes
import glob
import os
import re
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p


def _find():
    given = os.environ.get("NUMC_LIBRARY")
    if given:
        return given
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    found = sorted(glob.glob(os.path.join(root, "build", "libnumc.so*")), key=len)
    if not found:
        raise ImportError("libnumc is not built: run meson setup build and ninja -C build, or set NUMC_LIBRARY to its path")
    return found[0]


library = ctypes.CDLL(_find())


# ---- structs ---------------------------------------------------------------------------------------------------------

class Operand(Structure):
    """numc_operand. ctypes passes no unions by value: the payload is its bits, and the imaginary part's."""
    _fields_ = [("kind", c_int32), ("value", c_int64), ("imaginary", c_int64)]


class Shape(Structure):
    _fields_ = [("values", POINTER(c_int64)), ("count", c_int32), ("given", c_bool)]


class Axis(Structure):
    _fields_ = [("value", c_int64), ("given", c_bool)]


class IndexTerm(Structure):
    _fields_ = [("kind", c_int32), ("start", c_int64), ("stop", c_int64), ("step", c_int64), ("array", c_void_p)]


class FloatLimits(Structure):
    _fields_ = [("bits", c_int32), ("eps", c_double), ("max", c_double), ("min", c_double),
                ("smallest_normal", c_double), ("dtype", c_int32)]


class IntegerLimits(Structure):
    _fields_ = [("bits", c_int32), ("max", c_uint64), ("min", c_int64), ("dtype", c_int32)]


class Unique(Structure):
    _fields_ = [("values", c_void_p), ("indices", c_void_p), ("inverse_indices", c_void_p), ("counts", c_void_p)]


class Slogdet(Structure):
    _fields_ = [("sign", c_void_p), ("logabsdet", c_void_p)]


class Capabilities(Structure):
    _fields_ = [("boolean_indexing", c_bool), ("data_dependent_shapes", c_bool), ("max_dimensions", c_int32)]


class DefaultDtypes(Structure):
    _fields_ = [("real_floating", c_int32), ("complex_floating", c_int32), ("integral", c_int32), ("indexing", c_int32)]


class DeviceStatistics(Structure):
    _fields_ = [(name, c_uint64) for name in (
        "size allocations from_pool bytes_live bytes_peak bytes_kept uploads bytes_uploaded downloads bytes_downloaded copies launches "
        "recordings_run programs_built programs_read").split()]


class Statistics(Structure):
    _fields_ = [(name, c_uint64) for name in (
        "arrays_live arrays_made bytes_live bytes_peak kernels_built kernels_run fallbacks bytes_downloaded "
        "bytes_uploaded programs_native").split()] + [("device", DeviceStatistics)]


class Options(Structure):
    """Base of the option structs: `size` comes first and says how much the library may read."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(type(self)), **fields)


class LinspaceOptions(Options):
    _fields_ = [("size", c_size_t), ("open_end", c_bool)]


class LikeOptions(Options):
    _fields_ = [("size", c_size_t), ("dtype", c_int32)]


class ReduceOptions(Options):
    _fields_ = [("size", c_size_t), ("axes", Shape), ("keepdims", c_bool), ("dtype", c_int32), ("correction", c_double)]


class ArgmaxOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis), ("keepdims", c_bool)]


class CumulativeOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis), ("dtype", c_int32), ("include_initial", c_bool)]


class SortOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis), ("descending", c_bool), ("unstable", c_bool)]


class SearchsortedOptions(Options):
    _fields_ = [("size", c_size_t), ("right", c_bool), ("sorter", c_void_p)]


class IsinOptions(Options):
    _fields_ = [("size", c_size_t), ("invert", c_bool)]


class MeshgridOptions(Options):
    _fields_ = [("size", c_size_t), ("matrix", c_bool)]


class DiffOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis), ("n", c_int64), ("prepend", c_void_p), ("append", c_void_p)]


class FormatOptions(Options):
    _fields_ = [("size", c_size_t), ("repr", c_bool)]


class NormOrder(Structure):
    _fields_ = [("value", c_double), ("given", c_bool)]


class VectorNormOptions(Options):
    _fields_ = [("size", c_size_t), ("axes", Shape), ("keepdims", c_bool), ("order", NormOrder)]


class MatrixNormOptions(Options):
    _fields_ = [("size", c_size_t), ("order", c_int32), ("keepdims", c_bool)]


class Qr(Structure):
    _fields_ = [("q", c_void_p), ("r", c_void_p)]


class Eigh(Structure):
    _fields_ = [("values", c_void_p), ("vectors", c_void_p)]


class Eig(Structure):
    _fields_ = [("values", c_void_p), ("vectors", c_void_p)]


class Svd(Structure):
    _fields_ = [("u", c_void_p), ("s", c_void_p), ("vh", c_void_p)]


class VecdotOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis)]


class TraceOptions(Options):
    _fields_ = [("size", c_size_t), ("offset", c_int64), ("dtype", c_int32)]


class CholeskyOptions(Options):
    _fields_ = [("size", c_size_t), ("upper", c_bool)]


class QrOptions(Options):
    _fields_ = [("size", c_size_t), ("complete", c_bool)]


class SvdOptions(Options):
    _fields_ = [("size", c_size_t), ("reduced", c_bool)]


class RtolOptions(Options):
    _fields_ = [("size", c_size_t), ("rtol", Operand)]


class Length(Structure):
    _fields_ = [("value", c_int64), ("given", c_bool)]


class FftOptions(Options):
    _fields_ = [("size", c_size_t), ("axis", Axis), ("n", Length), ("norm", c_int32)]


class FftnOptions(Options):
    _fields_ = [("size", c_size_t), ("axes", Shape), ("s", Shape), ("norm", c_int32)]


class DlpackOptions(Options):
    _fields_ = [("size", c_size_t), ("copy", c_int32)]


def _is_struct(value):
    return isinstance(value, type) and issubclass(value, Structure) and hasattr(value, "_fields_")


# Each struct and its C name: ReduceOptions is numc_reduce_options.
structs = {struct: "numc" + re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), struct.__name__)
           for struct in filter(_is_struct, list(globals().values()))}

# ---- prototypes ------------------------------------------------------------------------------------------------------
# The C declarations of what is called, without the names of parameters.
declarations = """
const char *numc_version()
numc_status numc_error_status(const numc_context *)
const char *numc_error_message(const numc_context *)
void numc_error_clear(numc_context *)
numc_status numc_scope_begin(numc_context *)
void numc_scope_end(numc_context *)
numc_status numc_statistics_get_sized(const numc_context *, numc_statistics *, size_t)
numc_array *numc_detach(numc_array *)
numc_array *numc_keep(numc_array *)
void numc_release(numc_array *)
numc_dtype numc_array_dtype(const numc_array *)
int32_t numc_array_rank(const numc_array *)
const int64_t *numc_array_shape(const numc_array *)
int64_t numc_array_size(const numc_array *)
size_t numc_array_format(const numc_array *, char *, size_t, const numc_format_options *)
numc_array *numc_from_host_(numc_context *, numc_dtype, numc_shape, const void *)
numc_status numc_to_host(const numc_array *, numc_dtype, void *, size_t)
double numc_item(const numc_array *)
int64_t numc_item_integer(const numc_array *)
bool numc_item_bool(const numc_array *)
numc_capabilities numc_info_capabilities()
const char *numc_info_default_device(numc_context *)
numc_default_dtypes numc_info_default_dtypes(numc_context *)
int32_t numc_info_devices(numc_context *, const char **, int32_t)
int32_t numc_info_dtypes(numc_context *, int32_t, numc_dtype *)
const char *numc_array_device(const numc_array *)
numc_array *numc_to_device_(const numc_array *, numc_context *)
numc_dtype numc_result_type(numc_context *, const numc_dtype *, int32_t, const numc_operand *, int32_t)
bool numc_can_cast(numc_dtype, numc_dtype)
bool numc_isdtype(numc_dtype, int32_t)
numc_float_limits numc_finfo(numc_dtype)
numc_integer_limits numc_iinfo(numc_dtype)
numc_array *numc_astype(const numc_array *, numc_dtype)
numc_array *numc_zeros_(numc_context *, numc_dtype, numc_shape)
numc_array *numc_ones_(numc_context *, numc_dtype, numc_shape)
numc_array *numc_empty_(numc_context *, numc_dtype, numc_shape)
numc_array *numc_full_(numc_context *, numc_dtype, numc_shape, numc_operand)
numc_array *numc_number_(numc_context *, numc_dtype, numc_operand)
numc_array *numc_asarray_(numc_context *, numc_dtype, numc_operand)
numc_array *numc_zeros_like(const numc_array *, const numc_like_options *)
numc_array *numc_ones_like(const numc_array *, const numc_like_options *)
numc_array *numc_empty_like(const numc_array *, const numc_like_options *)
numc_array *numc_full_like_(const numc_array *, numc_operand, const numc_like_options *)
numc_array *numc_arange_(numc_context *, numc_dtype, numc_operand, numc_operand, numc_operand)
numc_array *numc_linspace_(numc_context *, numc_dtype, numc_operand, numc_operand, int64_t, const numc_linspace_options *)
numc_array *numc_eye_(numc_context *, numc_dtype, int64_t, int64_t, int64_t)
numc_array *numc_tril(const numc_array *, int64_t)
numc_array *numc_triu(const numc_array *, int64_t)
numc_array *numc_real(const numc_array *)
numc_array *numc_imag(const numc_array *)
numc_array *numc_conj(const numc_array *)
numc_array *numc_where_(const numc_array *, numc_operand, numc_operand)
numc_array *numc_clip_(const numc_array *, numc_operand, numc_operand)
numc_array *numc_reshape(const numc_array *, numc_shape)
numc_array *numc_broadcast_to(const numc_array *, numc_shape)
numc_array *numc_permute_dims(const numc_array *, numc_shape)
numc_array *numc_matrix_transpose(const numc_array *)
numc_array *numc_moveaxis(const numc_array *, int64_t, int64_t)
numc_array *numc_moveaxis_axes(const numc_array *, numc_shape, numc_shape)
numc_array *numc_expand_dims(const numc_array *, numc_shape)
numc_array *numc_squeeze(const numc_array *, numc_shape)
numc_array *numc_flip(const numc_array *, numc_shape)
numc_array *numc_roll(const numc_array *, int64_t, int64_t)
numc_array *numc_roll_axes(const numc_array *, numc_shape, numc_shape)
numc_array *numc_concat(const numc_array *const *, int32_t, int64_t)
numc_array *numc_stack(const numc_array *const *, int32_t, int64_t)
numc_array *numc_tile(const numc_array *, numc_shape)
numc_array *numc_repeat(const numc_array *, int64_t, numc_axis)
numc_array *numc_repeat_array(const numc_array *, const numc_array *, numc_axis)
int32_t numc_broadcast_shapes(const numc_shape *, int32_t, int64_t *)
numc_status numc_unstack(const numc_array *, int64_t, numc_array **, int32_t)
numc_status numc_broadcast_arrays(const numc_array *const *, int32_t, numc_array **)
numc_status numc_meshgrid_(const numc_array *const *, int32_t, numc_array **, const numc_meshgrid_options *)
numc_array *numc_diff(const numc_array *, const numc_diff_options *)
numc_array *numc_index_(const numc_array *, const numc_index_term *, int32_t)
numc_status numc_index_assign_(numc_array **, numc_operand, const numc_index_term *, int32_t)
numc_array *numc_take_(const numc_array *, const numc_array *, numc_axis)
numc_array *numc_take_along_axis(const numc_array *, const numc_array *, int64_t)
numc_array *numc_argmax(const numc_array *, const numc_argmax_options *)
numc_array *numc_argmin(const numc_array *, const numc_argmax_options *)
numc_array *numc_cumulative_sum(const numc_array *, const numc_cumulative_options *)
numc_array *numc_cumulative_prod(const numc_array *, const numc_cumulative_options *)
numc_array *numc_sort(const numc_array *, const numc_sort_options *)
numc_array *numc_argsort(const numc_array *, const numc_sort_options *)
numc_array *numc_searchsorted_(const numc_array *, numc_operand, const numc_searchsorted_options *)
numc_status numc_nonzero(const numc_array *, numc_array **, int32_t)
numc_unique numc_unique_all(const numc_array *)
numc_unique numc_unique_counts(const numc_array *)
numc_unique numc_unique_inverse(const numc_array *)
numc_array *numc_unique_values(const numc_array *)
numc_array *numc_isin_(numc_operand, numc_operand, const numc_isin_options *)
numc_status numc_matmul_assign(numc_array **, const numc_array *)
numc_array *numc_matmul(const numc_array *, const numc_array *)
numc_array *numc_vecdot_(const numc_array *, const numc_array *, const numc_vecdot_options *)
numc_array *numc_outer(const numc_array *, const numc_array *)
numc_array *numc_tensordot(const numc_array *, const numc_array *, int32_t)
numc_array *numc_tensordot_axes(const numc_array *, const numc_array *, numc_shape, numc_shape)
numc_array *numc_linalg_cholesky(const numc_array *, const numc_cholesky_options *)
numc_array *numc_linalg_solve(const numc_array *, const numc_array *)
numc_array *numc_linalg_inv(const numc_array *)
numc_array *numc_linalg_det(const numc_array *)
numc_slogdet numc_linalg_slogdet(const numc_array *)
numc_array *numc_linalg_diagonal(const numc_array *, int64_t)
numc_array *numc_linalg_trace(const numc_array *, const numc_trace_options *)
numc_array *numc_linalg_cross(const numc_array *, const numc_array *, int64_t)
numc_array *numc_linalg_matrix_power(const numc_array *, int64_t)
numc_array *numc_linalg_vector_norm(const numc_array *, const numc_vector_norm_options *)
numc_array *numc_linalg_matrix_norm(const numc_array *, const numc_matrix_norm_options *)
numc_qr numc_linalg_qr(const numc_array *, const numc_qr_options *)
numc_eigh numc_linalg_eigh(const numc_array *)
numc_array *numc_linalg_eigvalsh(const numc_array *)
numc_eig numc_linalg_eig(const numc_array *)
numc_array *numc_linalg_eigvals(const numc_array *)
numc_svd numc_linalg_svd(const numc_array *, const numc_svd_options *)
numc_array *numc_linalg_svdvals(const numc_array *)
numc_array *numc_linalg_pinv(const numc_array *, const numc_rtol_options *)
numc_array *numc_linalg_matrix_rank(const numc_array *, const numc_rtol_options *)
numc_status numc_to_dlpack(const numc_array *, const numc_dlpack_options *, DLManagedTensorVersioned **)
numc_status numc_to_dlpack_legacy(const numc_array *, const numc_dlpack_options *, DLManagedTensor **)
numc_array *numc_from_dlpack_(numc_context *, DLManagedTensorVersioned *, const numc_dlpack_options *)
numc_array *numc_from_dlpack_legacy_(numc_context *, DLManagedTensor *, const numc_dlpack_options *)
"""
# The same declaration for each of several names.
families = [
    ("numc_array *numc_{}(const numc_array *)",
     "negative abs sign positive floor ceil trunc round sqrt square reciprocal exp expm1 log log1p log2 log10 "
     "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh isnan isinf isfinite signbit logical_not "
     "bitwise_invert"),
    ("numc_array *numc_{}(numc_operand, numc_operand)",
     "add subtract multiply divide floor_divide remainder pow atan2 hypot logaddexp maximum minimum copysign "
     "nextafter equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor "
     "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift"),
    ("numc_status numc_{}_assign_(numc_array **, numc_operand)",
     "add subtract multiply divide floor_divide remainder pow bitwise_and bitwise_or bitwise_xor "
     "bitwise_left_shift bitwise_right_shift"),
    ("numc_array *numc_{}(const numc_array *, const numc_reduce_options *)",
     "sum prod max min mean var std all any count_nonzero"),
    ("numc_array *numc_fft_{}(const numc_array *, const numc_fft_options *)",
     "fft ifft rfft irfft hfft ihfft"),
    ("numc_array *numc_fft_{}(const numc_array *, const numc_fftn_options *)",
     "fftn ifftn rfftn irfftn"),
    ("numc_array *numc_fft_{}_(numc_context *, numc_dtype, int64_t, double)",
     "fftfreq rfftfreq"),
    ("numc_array *numc_fft_{}(const numc_array *, numc_axes)",
     "fftshift ifftshift"),
]

# The ctypes of C types: numbers, text, addresses, then every struct by value and by the address of a constant one.
types = {
    "void": None, "bool": c_bool, "int32_t": c_int32, "int64_t": c_int64, "double": c_double, "size_t": c_size_t,
    "numc_dtype": c_int32, "numc_status": c_int32, "numc_axes": Shape,
    "char *": c_char_p, "const char *": c_char_p, "const char **": POINTER(c_char_p), "void *": c_void_p,
    "const void *": c_void_p, "int64_t *": POINTER(c_int64), "const int64_t *": c_void_p,
    "numc_dtype *": POINTER(c_int32), "const numc_dtype *": POINTER(c_int32),
    "numc_context *": c_void_p, "const numc_context *": c_void_p, "numc_array *": c_void_p, "const numc_array *": c_void_p,
    "numc_array **": POINTER(c_void_p), "const numc_array *const *": POINTER(c_void_p),
    "numc_statistics *": POINTER(Statistics), "DLManagedTensor *": c_void_p, "DLManagedTensor **": POINTER(c_void_p),
    "DLManagedTensorVersioned *": c_void_p, "DLManagedTensorVersioned **": POINTER(c_void_p),
}
types.update((name, struct) for struct, name in structs.items())
types.update((f"const {name} *", POINTER(struct)) for struct, name in structs.items())


def _parse(declaration):
    """(name, [the result's C type, those of the parameters])"""
    result, name, parameters = re.fullmatch(r"(.*?)(numc_\w+)\((.*)\)", declaration).groups()
    return name, [result.strip(), *(parameters.split(", ") if parameters else ())]


prototypes = dict(map(_parse, declarations.strip().splitlines()))
for _declaration, _names in families:
    prototypes.update(_parse(_declaration.format(_name)) for _name in _names.split())


class _Functions:
    """numc_NAME as an attribute, with its prototype set at the first use."""

    def __getattr__(self, name):
        function = getattr(library, name)
        function.restype, *function.argtypes = [types[text] for text in prototypes[name]]
        setattr(self, name, function)
        return function


C = _Functions()

library.numc_open_sized.restype = c_void_p
library.numc_open_sized.argtypes = [c_void_p, c_size_t]
context = library.numc_open_sized(None, 0)

# ---- errors ----------------------------------------------------------------------------------------------------------

# numc_status to exception; the others are RuntimeError.
exceptions = {4: ValueError, 5: ValueError, 6: TypeError, 7: ValueError, 8: IndexError, 9: MemoryError,
              12: NotImplementedError, 18: OSError}


def raise_pending():
    """Raise the context's error, if there is one, and clear it."""
    status = C.numc_error_status(context)
    if status:
        message = C.numc_error_message(context).decode()
        C.numc_error_clear(context)
        raise exceptions.get(status, RuntimeError)(message)


raise_pending()
