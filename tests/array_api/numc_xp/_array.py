"""The array object, dtypes and devices; Python numbers, sequences and buffers to arrays and back; DLPack capsules."""
import ctypes
import operator
import struct
from ctypes import byref, c_double, c_float, c_int64, c_void_p

from ._library import (Axis, C, DlpackOptions, FormatOptions, IndexTerm, Operand, Shape, context, raise_pending)

# ---- dtypes ----------------------------------------------------------------------------------------------------------

KIND_BOOL, KIND_SIGNED, KIND_UNSIGNED, KIND_REAL, KIND_COMPLEX = 1, 2, 4, 8, 16


class DType:
    """A dtype: one object per code of numc_dtype, so identity is equality."""
    __slots__ = ("code", "name", "size", "kind", "format")

    def __init__(self, code, name, size, kind, format_):
        self.code, self.name, self.size, self.kind, self.format = code, name, size, kind, format_

    def __repr__(self):
        return f"numc_xp.{self.name}"

    def __reduce__(self):
        return by_name.__getitem__, (self.name,)


# code, name, bytes, kind, the struct module's letter (of a complex number: of its parts)
dtypes = [DType(*row) for row in (
    (1, "bool", 1, KIND_BOOL, "?"),
    (2, "int8", 1, KIND_SIGNED, "b"), (3, "int16", 2, KIND_SIGNED, "h"),
    (4, "int32", 4, KIND_SIGNED, "i"), (5, "int64", 8, KIND_SIGNED, "q"),
    (6, "uint8", 1, KIND_UNSIGNED, "B"), (7, "uint16", 2, KIND_UNSIGNED, "H"),
    (8, "uint32", 4, KIND_UNSIGNED, "I"), (9, "uint64", 8, KIND_UNSIGNED, "Q"),
    (10, "float32", 4, KIND_REAL, "f"), (11, "float64", 8, KIND_REAL, "d"),
    (12, "complex64", 8, KIND_COMPLEX, "f"), (13, "complex128", 16, KIND_COMPLEX, "d"))]
by_code = {d.code: d for d in dtypes}
by_name = {d.name: d for d in dtypes}
bool_, int64, uint64, float32, float64, complex64, complex128 = (
    by_name[name] for name in "bool int64 uint64 float32 float64 complex64 complex128".split())
KINDS_INTEGRAL = KIND_SIGNED | KIND_UNSIGNED

_defaults = C.numc_info_default_dtypes(context)
raise_pending()
default_real, default_complex, default_integer, default_index = (
    by_code[code] for code in (_defaults.real_floating, _defaults.complex_floating, _defaults.integral, _defaults.indexing))


def code_of(dtype):
    """The numc_dtype of a dtype argument; None is NUMC_DTYPE_DEFAULT."""
    if dtype is None:
        return 0
    if not isinstance(dtype, DType):
        raise TypeError(f"{dtype!r} is no dtype of numc_xp")
    return dtype.code


# ---- devices ---------------------------------------------------------------------------------------------------------

class Device:
    """The one device of this process's context."""
    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"numc_xp.Device({self.name!r})"


the_device = Device(C.numc_info_default_device(context).decode())


def check_device(device):
    if device is not None and device is not the_device:
        raise ValueError(f"{device!r} is not a device of numc_xp: {the_device!r} is the only one")


# ---- calls -----------------------------------------------------------------------------------------------------------

class scope:
    """A scope of the context around one call: what is not adopted inside dies at its end."""

    def __enter__(self):
        C.numc_scope_begin(context)

    def __exit__(self, *exception):
        C.numc_scope_end(context)


in_scope = scope()


def adopt(handle):
    """A result of C as an Array that holds it beyond the scope, or the pending error as an exception."""
    if not handle:
        raise_pending()
        raise RuntimeError("a function returned NULL without an error")
    held = C.numc_detach(handle)
    if not held:
        raise_pending()
    return Array._new(held)


def call(function, *arguments):
    """function(*arguments) as an Array; every array it makes on the way is freed."""
    C.numc_scope_begin(context)
    try:
        return adopt(function(*arguments))
    finally:
        C.numc_scope_end(context)


def check_array(x, what="x"):
    if not isinstance(x, Array):
        raise TypeError(f"{what} must be an array, not {type(x).__name__}")
    return x._handle


def index(value):
    """An int64; ctypes would cut a larger one to its low bits."""
    value = operator.index(value)
    if not -2**63 <= value < 2**63:
        raise OverflowError(f"{value} does not fit int64")
    return value


def far(value):
    """A bound of a slice or the offset of a diagonal: what is far beyond any size is as good as the end."""
    return max(-2**62, min(2**62, operator.index(value)))


def shape_of(values):
    """A numc_shape of an int or a sequence of ints; None is "not given"."""
    if values is None:
        return Shape()
    if not isinstance(values, (tuple, list)):
        values = (values,)
    values = [index(v) for v in values]
    return Shape((c_int64 * len(values))(*values), len(values), True)


def axis_of(value):
    return Axis() if value is None else Axis(small(value), True)


def small(value):
    """An int64, or an IndexError: out of bounds for any axis."""
    value = operator.index(value)
    if not -2**63 <= value < 2**63:
        raise IndexError(f"{value} is out of bounds")
    return value


def bits_of(value):
    return struct.unpack("q", struct.pack("d", value))[0]


# numc_operand_kind
OPERAND_ARRAY, OPERAND_REAL, OPERAND_INTEGER, OPERAND_BOOL, OPERAND_COMPLEX = range(5)


def is_number(x):
    return isinstance(x, (bool, int, float, complex))


def operand(x):
    """A numc_operand of an array or a Python number. An int beyond int64 goes in as a 0-d uint64 array or as a float, so
    this is to be called inside a scope."""
    if isinstance(x, Array):
        return Operand(OPERAND_ARRAY, x._handle)
    if isinstance(x, bool):
        return Operand(OPERAND_BOOL, x)
    if isinstance(x, int):
        if -2**63 <= x < 2**63:
            return Operand(OPERAND_INTEGER, x)
        if 0 <= x < 2**64:
            number = C.numc_from_host_(context, uint64.code, Shape(None, 0, True), byref(ctypes.c_uint64(x)))
            if not number:
                raise_pending()
            return Operand(OPERAND_ARRAY, number)
        return Operand(OPERAND_REAL, bits_of(float(x)))
    if isinstance(x, float):
        return Operand(OPERAND_REAL, bits_of(x))
    if isinstance(x, complex):
        return Operand(OPERAND_COMPLEX, bits_of(x.real), bits_of(x.imag))
    raise TypeError(f"an operand must be an array or a number, not {type(x).__name__}")


def number_array(x, dtype):
    """A Python number as a 0-d array of a dtype, by the standard's rule that a number takes the array's dtype."""
    return from_values([x], (), dtype)


# ---- Python values to arrays and back ------------------------------------------------------------------------------

def pack(values, dtype):
    """Row-major host memory of Python numbers, which convert as NumPy's do; integers must fit."""
    count = len(values)
    if dtype.kind == KIND_COMPLEX:
        parts = [part for value in map(complex, values) for part in (value.real, value.imag)]
        return _floats(parts, dtype.format)
    if dtype.kind == KIND_REAL:
        return _floats([float(value) for value in values], dtype.format)
    try:
        if dtype is bool_:
            return struct.pack(f"{count}?", *map(bool, values))
        return struct.pack(f"{count}{dtype.format}", *[operator.index(value) if not isinstance(value, float) else int(value)
                                                      for value in values])
    except struct.error as error:
        raise OverflowError(f"a number does not fit {dtype.name}") from error


def _floats(values, letter):
    return bytes(((c_float if letter == "f" else c_double) * len(values))(*values))


def from_values(values, shape, dtype):
    return call(C.numc_from_host_, context, dtype.code, shape_of(shape), pack(values, dtype))


def to_bytes(x):
    """The elements of an array, row-major, as they lie in memory."""
    length = x.size * x.dtype.size
    data = ctypes.create_string_buffer(length) if length else b""
    if C.numc_to_host(x._handle, 0, data, length):
        raise_pending()
    return data.raw if length else b""


def to_values(x):
    """The elements of an array as a flat list of Python numbers, row-major."""
    data, size, dtype = to_bytes(x), x.size, x.dtype
    if dtype.kind == KIND_COMPLEX:
        parts = struct.unpack(f"{2 * size}{dtype.format}", data)
        return [complex(*pair) for pair in zip(parts[::2], parts[1::2])]
    return list(struct.unpack(f"{size}{dtype.format}", data))


def item(x, what):
    """The Python number of an array with one element."""
    if x.size != 1 or x.ndim != 0:
        raise TypeError(f"{what} needs a 0-d array, this one has shape {x.shape}")
    return to_values(x)[0]


# ---- the array -------------------------------------------------------------------------------------------------------

def formatted(x, as_repr):
    options = byref(FormatOptions(repr=as_repr))
    length = C.numc_array_format(x._handle, None, 0, options)
    text = ctypes.create_string_buffer(length + 1)
    C.numc_array_format(x._handle, text, length + 1, options)
    return text.value.decode()


class Array:
    """An array of the standard: one reference to a numc_array, replaced where Python mutates."""
    __slots__ = ("_handle", "__weakref__")
    __hash__ = None

    def __init__(self):
        raise TypeError("arrays are made by asarray, zeros and the like")

    @classmethod
    def _new(cls, handle):
        self = object.__new__(cls)
        self._handle = handle
        return self

    def __del__(self, release=C.numc_release):
        handle = getattr(self, "_handle", None)
        if handle:
            release(handle)

    def _assign(self, function, *arguments):
        """function(&x, *arguments), and hold what x then is: what mutation is here. To be called inside a scope. A held array
        is never written in place, so the old one is still there to be released."""
        x = c_void_p(self._handle)
        if function(byref(x), *arguments):
            raise_pending()
        if x.value != self._handle:
            old, self._handle = self._handle, C.numc_detach(x.value)
            C.numc_release(old)

    # attributes
    @property
    def dtype(self):
        return by_code[C.numc_array_dtype(self._handle)]

    @property
    def device(self):
        return the_device

    @property
    def ndim(self):
        return C.numc_array_rank(self._handle)

    @property
    def size(self):
        return C.numc_array_size(self._handle)

    @property
    def shape(self):
        rank = C.numc_array_rank(self._handle)
        if rank == 0:
            return ()
        return tuple((c_int64 * rank).from_address(C.numc_array_shape(self._handle)))

    @property
    def T(self):
        if self.ndim != 2:
            raise ValueError(f"T is for arrays of rank 2, this one has rank {self.ndim}")
        return call(C.numc_matrix_transpose, self._handle)

    @property
    def mT(self):
        if self.ndim < 2:
            raise ValueError(f"mT needs rank 2 at least, this array has rank {self.ndim}")
        return call(C.numc_matrix_transpose, self._handle)

    def __array_namespace__(self, /, *, api_version=None):
        if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            raise ValueError(f"version {api_version!r} of the array API standard is not known")
        import numc_xp
        return numc_xp

    def __repr__(self):
        return formatted(self, True)

    def __str__(self):
        return formatted(self, False)

    # conversions
    def __bool__(self):
        return bool(item(self, "bool()"))

    def __int__(self):
        if self.dtype.kind == KIND_COMPLEX:
            raise TypeError("int() of a complex array")
        return int(item(self, "int()"))

    def __float__(self):
        if self.dtype.kind == KIND_COMPLEX:
            raise TypeError("float() of a complex array")
        return float(item(self, "float()"))

    def __complex__(self):
        return complex(item(self, "complex()"))

    def __index__(self):
        if not self.dtype.kind & KINDS_INTEGRAL:
            raise TypeError(f"an array of dtype {self.dtype.name} is no index")
        return item(self, "an index")

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("a 0-d array has no elements to go through")
        return (self[i] for i in range(self.shape[0]))

    # indexing
    def __getitem__(self, key, /):
        with in_scope:
            keep = []
            terms = index_terms(self, key, keep)
            return adopt(C.numc_index_(self._handle, terms, len(terms)))

    def __setitem__(self, key, value, /):
        with in_scope:
            keep = []
            terms = index_terms(self, key, keep)
            if isinstance(value, int) and not isinstance(value, bool) and not -2**63 <= value < 2**63:
                value = number_array(value, self.dtype)
            elif not isinstance(value, Array) and not is_number(value):
                value = asarray(value)
            if isinstance(value, Array) and value.dtype.kind == KIND_COMPLEX and self.dtype.kind != KIND_COMPLEX:
                raise TypeError(f"complex values do not fit an array of dtype {self.dtype.name}")
            self._assign(C.numc_index_assign_, operand(value), terms, len(terms))

    # interchange
    def to_device(self, device, /, *, stream=None):
        check_device(device)
        if stream is not None:
            raise ValueError("streams are not used here")
        return call(C.numc_to_device_, self._handle, context)

    def __dlpack_device__(self, /):
        return (1, 0)

    def __dlpack__(self, /, *, stream=None, max_version=None, dl_device=None, copy=None):
        if stream is not None:
            raise BufferError("a tensor on the CPU has no stream")
        if dl_device is not None and (int(getattr(dl_device[0], "value", dl_device[0])), dl_device[1]) != (1, 0):
            raise BufferError(f"tensors are exported to the CPU, not to {dl_device}")
        return export_capsule(self, max_version is not None and max_version[0] >= 1, copy)


# ---- index expressions -----------------------------------------------------------------------------------------------

INDEX_ALL, INDEX_AT, INDEX_SLICE, INDEX_NEW, INDEX_ELLIPSIS, INDEX_ARRAY = range(6)
END = -2**63


def index_terms(x, key, keep):
    """key as numc_index_term[]; keep holds the arrays made here."""
    keys = key if isinstance(key, tuple) else (key,)
    terms = (IndexTerm * len(keys))()
    for term, k in zip(terms, keys):
        if isinstance(k, slice):
            step = 1 if k.step is None else far(k.step)
            if step == 0:
                raise ValueError("a slice's step is zero")
            term.kind = INDEX_SLICE
            term.start = END if k.start is None else far(k.start)
            term.stop = END if k.stop is None else far(k.stop)
            term.step = step
        elif k is None:
            term.kind = INDEX_NEW
        elif k is Ellipsis:
            term.kind = INDEX_ELLIPSIS
        elif isinstance(k, (Array, bool, list)):
            if not isinstance(k, Array):
                k = asarray(k)
            if k.ndim == 0 and k.dtype.kind & KINDS_INTEGRAL:
                term.kind, term.start = INDEX_AT, small(k)
            else:
                keep.append(k)
                term.kind, term.array = INDEX_ARRAY, k._handle
        elif hasattr(k, "__index__"):
            term.kind, term.start = INDEX_AT, small(k)
        else:
            raise IndexError(f"{k!r} is no index")
    return terms


# ---- asarray -------------------------------------------------------------------------------------------------------

BUFFER_FORMATS = {"?": "bool", "b": "int8", "h": "int16", "i": "int32", "l": "int64", "q": "int64", "B": "uint8",
                  "H": "uint16", "I": "uint32", "L": "uint64", "Q": "uint64", "f": "float32", "d": "float64",
                  "Zf": "complex64", "Zd": "complex128", "c": "uint8"}


def from_buffer(obj):
    view = memoryview(obj)
    letter = view.format.lstrip("@=<") if struct.pack("=h", 1) == struct.pack("<h", 1) else view.format.lstrip("@=>!")
    if letter not in BUFFER_FORMATS:
        raise TypeError(f"a buffer of format {view.format!r} has no dtype here")
    dtype = by_name[BUFFER_FORMATS[letter]]
    if dtype.size != view.itemsize:
        raise TypeError(f"a buffer of format {view.format!r} has elements of {view.itemsize} bytes")
    return call(C.numc_from_host_, context, dtype.code, shape_of(view.shape), view.tobytes())


def flatten(obj, depth, shape, values):
    """Append the numbers of nested sequences to values, in order; the lengths must agree level by level."""
    if isinstance(obj, (list, tuple)):
        if len(shape) == depth:
            if values:
                raise ValueError("nested sequences of different depths")
            shape.append(len(obj))
        elif shape[depth] != len(obj):
            raise ValueError("nested sequences of different lengths")
        for element in obj:
            flatten(element, depth + 1, shape, values)
    elif depth != len(shape):
        raise ValueError("nested sequences of different depths")
    elif is_number(obj):
        values.append(obj)
    else:
        raise TypeError(f"{type(obj).__name__} is neither a number nor a sequence of numbers")


def holds_array(obj):
    return isinstance(obj, Array) or isinstance(obj, (list, tuple)) and any(map(holds_array, obj))


def asarray(obj, /, *, dtype=None, device=None, copy=None):
    check_device(device)
    code = code_of(dtype)
    if isinstance(obj, Array):
        if dtype is None or dtype is obj.dtype:
            # The same object is the only alias there is; a second reference makes writes to either one copy first.
            return Array._new(C.numc_keep(obj._handle)) if copy else obj
        if copy is False:
            raise ValueError("another dtype needs a copy")
        return call(C.numc_astype, obj._handle, code)
    if copy is False:
        raise ValueError("values of Python are copied into an array")
    if isinstance(obj, (list, tuple)) and holds_array(obj):
        from ._functions import stack
        x = stack([asarray(element) for element in obj])
        return x if dtype is None else asarray(x, dtype=dtype)
    if is_number(obj) or isinstance(obj, (list, tuple)):
        shape, values = [], []
        flatten(obj, 0, shape, values)
        if dtype is None:
            found = set(map(type, values))
            dtype = (default_complex if complex in found else bool_ if found == {bool} else default_real
                     if float in found or not found else default_integer)
        return from_values(values, shape, dtype)
    try:
        x = from_buffer(obj)
    except TypeError:
        if hasattr(obj, "__dlpack__"):
            x = import_dlpack(obj, None)
        else:
            raise
    return x if dtype is None else asarray(x, dtype=dtype)


# ---- DLPack ----------------------------------------------------------------------------------------------------------

_python = ctypes.pythonapi
_destructor_type = ctypes.PYFUNCTYPE(None, c_void_p)
_python.PyCapsule_New.restype = ctypes.py_object
_python.PyCapsule_New.argtypes = [c_void_p, ctypes.c_char_p, _destructor_type]
# Also called from the destructor, whose capsule is no longer an object that may be referred to: addresses, no py_object.
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _python))
_get_pointer = ctypes.PYFUNCTYPE(c_void_p, c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _python))
_set_name = ctypes.PYFUNCTYPE(ctypes.c_int, c_void_p, ctypes.c_char_p)(("PyCapsule_SetName", _python))


class _Tensor(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(c_int64)), ("strides", ctypes.POINTER(c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class _Legacy(ctypes.Structure):
    _fields_ = [("tensor", _Tensor), ("manager", c_void_p), ("deleter", ctypes.CFUNCTYPE(None, c_void_p))]


class _Versioned(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", c_void_p),
                ("deleter", ctypes.CFUNCTYPE(None, c_void_p)), ("flags", ctypes.c_uint64), ("tensor", _Tensor)]


FLAG_IS_COPIED = 2
COPY = {None: 0, True: 1, False: 2}     # numc_dlpack_copy
# Capsules keep pointers to their names: these objects live as long as the process.
_NAMES = {_Legacy: b"dltensor", _Versioned: b"dltensor_versioned"}
_USED = {_Legacy: b"used_dltensor", _Versioned: b"used_dltensor_versioned"}


def _make_destructor(type_, name=None, is_valid=_is_valid, get_pointer=_get_pointer):
    def destroy(capsule):
        if is_valid(capsule, name):     # not renamed, so nobody took the tensor
            address = get_pointer(capsule, name)
            type_.from_address(address).deleter(address)
    return _destructor_type(destroy)


_DESTRUCTORS = {type_: _make_destructor(type_, name) for type_, name in _NAMES.items()}


def export_tensor(x, versioned, copy):
    """The address of a managed tensor of x."""
    out = c_void_p()
    export = C.numc_to_dlpack if versioned else C.numc_to_dlpack_legacy
    if export(x._handle, byref(DlpackOptions(copy=COPY[copy])), byref(out)):
        try:
            raise_pending()
        except NotImplementedError as error:
            raise BufferError(str(error)) from None
    return out.value


def export_capsule(x, versioned, copy):
    type_ = _Versioned if versioned else _Legacy
    return _python.PyCapsule_New(export_tensor(x, versioned, copy), _NAMES[type_], _DESTRUCTORS[type_])


def address_of_elements(x):
    """Where the first element of x lies in host memory, or None for an array without: two tensors of a constant, which has
    no memory of its own, lie at different places."""
    try:
        addresses = [export_tensor(x, True, False), export_tensor(x, True, False)]
    except BufferError:
        return None
    tensors = [_Versioned.from_address(address) for address in addresses]
    data = [tensor.tensor.data for tensor in tensors]
    for tensor, address in zip(tensors, addresses):
        tensor.deleter(address)
    return data[0] if data[0] == data[1] else None


def import_dlpack(x, copy):
    try:
        capsule = x.__dlpack__(max_version=(1, 1), dl_device=(1, 0), copy=copy)
    except TypeError:
        capsule = x.__dlpack__()
    for type_, function in ((_Versioned, C.numc_from_dlpack_), (_Legacy, C.numc_from_dlpack_legacy_)):
        if _is_valid(id(capsule), _NAMES[type_]):
            address = _get_pointer(id(capsule), _NAMES[type_])
            copied = type_ is _Versioned and _Versioned.from_address(address).flags & FLAG_IS_COPIED
            _set_name(id(capsule), _USED[type_])    # the library takes the tensor over in any case
            try:
                return call(function, context, address, byref(DlpackOptions(copy=COPY[None if copied else copy])))
            except NotImplementedError as error:    # what the standard asks for where copy is False and it takes one
                raise BufferError(str(error)) from None
    raise TypeError("__dlpack__ returned no capsule with a tensor that nobody took yet")


def from_dlpack(x, /, *, device=None, copy=None):
    check_device(device)
    if not hasattr(x, "__dlpack__") or not hasattr(x, "__dlpack_device__"):
        raise AttributeError(f"{type(x).__name__} has no __dlpack__ and __dlpack_device__")
    return import_dlpack(x, copy)
