"""The C library through ctypes: where it is, its structs, the prototypes of the functions used, errors as exceptions.

Macros cannot be called from here, so option structs are laid out by hand; ../check_prototypes.py compares every
prototype and struct below with the headers.
"""
import ctypes
import glob
import os
from ctypes import POINTER, Structure, c_bool, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p


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


# The C name of each struct, for check_prototypes.py.
structs = {
    Operand: "numc_operand", Shape: "numc_shape", Axis: "numc_axis", IndexTerm: "numc_index_term",
    FloatLimits: "numc_float_limits", IntegerLimits: "numc_integer_limits", Unique: "numc_unique", Slogdet: "numc_slogdet",
    Capabilities: "numc_capabilities", DefaultDtypes: "numc_default_dtypes", LikeOptions: "numc_like_options",
    LinspaceOptions: "numc_linspace_options", ReduceOptions: "numc_reduce_options", ArgmaxOptions: "numc_argmax_options",
    CumulativeOptions: "numc_cumulative_options", SortOptions: "numc_sort_options",
    SearchsortedOptions: "numc_searchsorted_options", IsinOptions: "numc_isin_options",
    FormatOptions: "numc_format_options", MeshgridOptions: "numc_meshgrid_options", DiffOptions: "numc_diff_options", NormOrder: "numc_norm_order",
    VectorNormOptions: "numc_vector_norm_options", MatrixNormOptions: "numc_matrix_norm_options",
    Length: "numc_length", FftOptions: "numc_fft_options", FftnOptions: "numc_fftn_options",
    DlpackOptions: "numc_dlpack_options", Qr: "numc_qr", Eigh: "numc_eigh", Eig: "numc_eig", Svd: "numc_svd",
    VecdotOptions: "numc_vecdot_options", TraceOptions: "numc_trace_options", CholeskyOptions: "numc_cholesky_options",
    QrOptions: "numc_qr_options", SvdOptions: "numc_svd_options", RtolOptions: "numc_rtol_options",
}

# ---- prototypes ------------------------------------------------------------------------------------------------------
# One letter, its ctypes type and its C text. A prototype is the result's letter, then those of the parameters.
letters = {
    "A": (c_void_p, "numc_array *"), "a": (c_void_p, "const numc_array *"), "m": (c_void_p, "numc_array *"),
    "C": (c_void_p, "numc_context *"), "k": (c_void_p, "const numc_context *"), "v": (None, "void"),
    "o": (Operand, "numc_operand"), "s": (Shape, "numc_shape"), "x": (Axis, "numc_axis"),
    "S": (POINTER(Shape), "const numc_shape *"), "I": (POINTER(c_int64), "int64_t *"),
    "i": (c_int32, "int32_t"), "l": (c_int64, "int64_t"), "d": (c_double, "double"), "b": (c_bool, "bool"),
    "t": (c_int32, "numc_dtype"), "r": (c_int32, "numc_status"), "z": (c_size_t, "size_t"),
    "P": (c_void_p, "void *"), "p": (c_void_p, "const void *"), "c": (c_char_p, "char *"), "n": (c_char_p, "const char *"),
    "L": (c_void_p, "const int64_t *"), "T": (POINTER(IndexTerm), "const numc_index_term *"),
    "h": (POINTER(c_void_p), "numc_array **"), "g": (POINTER(c_void_p), "const numc_array *const *"),
    "F": (FloatLimits, "numc_float_limits"), "N": (IntegerLimits, "numc_integer_limits"),
    "B": (Capabilities, "numc_capabilities"), "E": (DefaultDtypes, "numc_default_dtypes"),
    "q": (POINTER(c_int32), "numc_dtype *"), "Q": (POINTER(c_int32), "const numc_dtype *"),
    "O": (POINTER(Operand), "const numc_operand *"), "u": (POINTER(c_char_p), "const char **"),
    "0": (POINTER(LikeOptions), "const numc_like_options *"),
    "U": (Unique, "numc_unique"), "D": (Slogdet, "numc_slogdet"),
    "1": (POINTER(LinspaceOptions), "const numc_linspace_options *"),
    "2": (POINTER(ReduceOptions), "const numc_reduce_options *"),
    "3": (POINTER(ArgmaxOptions), "const numc_argmax_options *"),
    "4": (POINTER(CumulativeOptions), "const numc_cumulative_options *"),
    "5": (POINTER(SortOptions), "const numc_sort_options *"),
    "6": (POINTER(SearchsortedOptions), "const numc_searchsorted_options *"),
    "7": (POINTER(IsinOptions), "const numc_isin_options *"),
    "8": (POINTER(MeshgridOptions), "const numc_meshgrid_options *"),
    "9": (POINTER(DiffOptions), "const numc_diff_options *"),
    "f": (POINTER(FormatOptions), "const numc_format_options *"),
    "V": (POINTER(VectorNormOptions), "const numc_vector_norm_options *"),
    "M": (POINTER(MatrixNormOptions), "const numc_matrix_norm_options *"),
    "(": (Qr, "numc_qr"), "H": (Eigh, "numc_eigh"), "^": (Eig, "numc_eig"), "G": (Svd, "numc_svd"),
    "e": (POINTER(VecdotOptions), "const numc_vecdot_options *"), "j": (POINTER(TraceOptions), "const numc_trace_options *"),
    "/": (POINTER(CholeskyOptions), "const numc_cholesky_options *"), ")": (POINTER(QrOptions), "const numc_qr_options *"),
    "[": (POINTER(SvdOptions), "const numc_svd_options *"), "R": (POINTER(RtolOptions), "const numc_rtol_options *"),
    "{": (POINTER(FftOptions), "const numc_fft_options *"), "}": (POINTER(FftnOptions), "const numc_fftn_options *"),
    "K": (POINTER(DlpackOptions), "const numc_dlpack_options *"),
    "w": (POINTER(c_void_p), "DLManagedTensorVersioned **"), "W": (c_void_p, "DLManagedTensorVersioned *"),
    "y": (POINTER(c_void_p), "DLManagedTensor **"), "Y": (c_void_p, "DLManagedTensor *"),
}

unary = ("negative abs sign positive floor ceil trunc round sqrt square reciprocal exp expm1 log log1p log2 log10 sin cos "
         "tan asin acos atan sinh cosh tanh asinh acosh atanh isnan isinf isfinite signbit logical_not "
         "bitwise_invert").split()
binary = ("add subtract multiply divide floor_divide remainder pow atan2 hypot logaddexp maximum minimum copysign "
          "nextafter equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor bitwise_and "
          "bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift").split()
assigned = ("add subtract multiply divide floor_divide remainder pow bitwise_and bitwise_or bitwise_xor bitwise_left_shift "
            "bitwise_right_shift").split()
reductions = "sum prod max min mean var std all any count_nonzero".split()

prototypes = {
    "numc_version": "n", "numc_error_status": "rk", "numc_error_message": "nk", "numc_error_clear": "vC",
    "numc_scope_begin": "rC", "numc_scope_end": "vC",
    "numc_detach": "Am", "numc_keep": "Am", "numc_release": "vm",
    "numc_array_dtype": "ta", "numc_array_rank": "ia", "numc_array_shape": "La", "numc_array_size": "la",
    "numc_array_format": "zaczf", "numc_from_host_": "ACtsp", "numc_to_host": "ratPz", "numc_item": "da",
    "numc_item_integer": "la", "numc_item_bool": "ba",
    "numc_info_capabilities": "B", "numc_info_default_device": "nC", "numc_info_default_dtypes": "EC",
    "numc_info_devices": "iCui", "numc_info_dtypes": "iCiq", "numc_array_device": "na", "numc_to_device_": "AaC",
    "numc_result_type": "tCQiOi", "numc_can_cast": "btt", "numc_isdtype": "bti",
    "numc_finfo": "Ft", "numc_iinfo": "Nt", "numc_astype": "Aat",
    "numc_zeros_": "ACts", "numc_ones_": "ACts", "numc_empty_": "ACts", "numc_full_": "ACtso", "numc_number_": "ACto",
    "numc_asarray_": "ACto",
    "numc_zeros_like": "Aa0", "numc_ones_like": "Aa0", "numc_empty_like": "Aa0", "numc_full_like_": "Aao0",
    "numc_arange_": "ACtooo", "numc_linspace_": "ACtool1", "numc_eye_": "ACtlll", "numc_tril": "Aal", "numc_triu": "Aal",
    "numc_real": "Aa", "numc_imag": "Aa", "numc_conj": "Aa", "numc_where_": "Aaoo", "numc_clip_": "Aaoo",
    "numc_reshape": "Aas", "numc_broadcast_to": "Aas", "numc_permute_dims": "Aas", "numc_matrix_transpose": "Aa",
    "numc_moveaxis": "Aall", "numc_moveaxis_axes": "Aass", "numc_expand_dims": "Aas", "numc_squeeze": "Aas", "numc_flip": "Aas", "numc_roll": "Aall",
    "numc_roll_axes": "Aass",
    "numc_concat": "Agil", "numc_stack": "Agil", "numc_tile": "Aas", "numc_repeat": "Aalx",
    "numc_repeat_array": "Aaax",
    "numc_broadcast_shapes": "iSiI", "numc_unstack": "ralhi", "numc_broadcast_arrays": "rgih", "numc_meshgrid_": "rgih8",
    "numc_diff": "Aa9",
    "numc_index_": "AaTi", "numc_index_assign_": "rhoTi", "numc_take_": "Aaax", "numc_take_along_axis": "Aaal",
    "numc_argmax": "Aa3", "numc_argmin": "Aa3", "numc_cumulative_sum": "Aa4", "numc_cumulative_prod": "Aa4",
    "numc_sort": "Aa5", "numc_argsort": "Aa5", "numc_searchsorted_": "Aao6",
    "numc_nonzero": "rahi", "numc_unique_all": "Ua", "numc_unique_counts": "Ua", "numc_unique_inverse": "Ua",
    "numc_unique_values": "Aa", "numc_isin_": "Aoo7", "numc_matmul_assign": "rha",
    "numc_matmul": "Aaa", "numc_vecdot_": "Aaae", "numc_outer": "Aaa", "numc_tensordot": "Aaai",
    "numc_tensordot_axes": "Aaass", "numc_linalg_cholesky": "Aa/", "numc_linalg_solve": "Aaa", "numc_linalg_inv": "Aa",
    "numc_linalg_det": "Aa", "numc_linalg_slogdet": "Da", "numc_linalg_diagonal": "Aal", "numc_linalg_trace": "Aaj",
    "numc_linalg_cross": "Aaal", "numc_linalg_matrix_power": "Aal", "numc_linalg_vector_norm": "AaV",
    "numc_linalg_matrix_norm": "AaM", "numc_linalg_qr": "(a)", "numc_linalg_eigh": "Ha", "numc_linalg_eigvalsh": "Aa",
    "numc_linalg_eig": "^a", "numc_linalg_eigvals": "Aa", "numc_linalg_svd": "Ga[", "numc_linalg_svdvals": "Aa",
    "numc_linalg_pinv": "AaR", "numc_linalg_matrix_rank": "AaR",
    "numc_to_dlpack": "raKw", "numc_to_dlpack_legacy": "raKy", "numc_from_dlpack_": "ACWK",
    "numc_from_dlpack_legacy_": "ACYK",
}
prototypes.update((f"numc_{name}", "Aa") for name in unary)
prototypes.update((f"numc_{name}", "Aoo") for name in binary)
prototypes.update((f"numc_{name}_assign_", "rho") for name in assigned)
prototypes.update((f"numc_{name}", "Aa2") for name in reductions)
prototypes.update((f"numc_fft_{name}", "Aa{") for name in "fft ifft rfft irfft hfft ihfft".split())
prototypes.update((f"numc_fft_{name}", "Aa}") for name in "fftn ifftn rfftn irfftn".split())
prototypes.update((f"numc_fft_{name}_", "ACtld") for name in "fftfreq rfftfreq".split())
prototypes.update((f"numc_fft_{name}", "Aas") for name in "fftshift ifftshift".split())


class _Functions:
    """numc_NAME as an attribute, with its prototype set at the first use."""

    def __getattr__(self, name):
        function = getattr(library, name)
        result, *parameters = prototypes[name]
        function.restype = letters[result][0]
        function.argtypes = [letters[letter][0] for letter in parameters]
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
