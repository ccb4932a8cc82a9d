"""numc_xp: libnumc as a namespace of the Python array API standard, 2025.12, for its conformance suite and our own tests.

Values stay in the C library; this package converts arguments. Environment: NUMC_LIBRARY, the path of libnumc (default: the
build tree around this folder); NUMC_BACKEND, as everywhere.
"""
from math import e, inf, nan, pi

from . import _library
from ._array import Array, asarray, by_name as _dtypes, from_dlpack
from ._functions import *   # noqa: F403: the names below
from ._functions import __array_namespace_info__, _public
from . import fft, linalg

__array_api_version__ = "2025.12"
__version__ = _library.C.numc_version().decode()
newaxis = None

globals().update(_dtypes)   # bool, int8 ... complex128

__all__ = ["e", "inf", "nan", "newaxis", "pi", "asarray", "from_dlpack", "fft", "linalg", "__array_namespace_info__",
           *_dtypes, *_public]
