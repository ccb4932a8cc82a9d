"""The standard's extension fft."""
from ctypes import byref

from ._array import axis_of, call, check_array, check_device, code_of, context, index, shape_of
from ._library import C, FftnOptions, FftOptions, Length

NORMS = {"backward": 0, "ortho": 1, "forward": 2}


def norm_of(norm):
    if norm not in NORMS:
        raise ValueError(f"{norm!r} is no normalisation: 'backward', 'ortho' or 'forward'")
    return NORMS[norm]


def along_one(function, x, n, axis, norm):
    length = Length() if n is None else Length(index(n), True)
    return call(function, check_array(x), byref(FftOptions(axis=axis_of(axis), n=length, norm=norm_of(norm))))


def along_several(function, x, s, axes, norm):
    return call(function, check_array(x), byref(FftnOptions(axes=shape_of(axes), s=shape_of(s), norm=norm_of(norm))))


def fft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_fft, x, n, axis, norm)


def ifft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_ifft, x, n, axis, norm)


def fftn(x, /, *, s=None, axes=None, norm="backward"):
    return along_several(C.numc_fft_fftn, x, s, axes, norm)


def ifftn(x, /, *, s=None, axes=None, norm="backward"):
    return along_several(C.numc_fft_ifftn, x, s, axes, norm)


def rfft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_rfft, x, n, axis, norm)


def irfft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_irfft, x, n, axis, norm)


def rfftn(x, /, *, s=None, axes=None, norm="backward"):
    return along_several(C.numc_fft_rfftn, x, s, axes, norm)


def irfftn(x, /, *, s=None, axes=None, norm="backward"):
    return along_several(C.numc_fft_irfftn, x, s, axes, norm)


def hfft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_hfft, x, n, axis, norm)


def ihfft(x, /, *, n=None, axis=-1, norm="backward"):
    return along_one(C.numc_fft_ihfft, x, n, axis, norm)


def fftfreq(n, /, *, d=1.0, dtype=None, device=None):
    check_device(device)
    return call(C.numc_fft_fftfreq_, context, code_of(dtype), index(n), float(d))


def rfftfreq(n, /, *, d=1.0, dtype=None, device=None):
    check_device(device)
    return call(C.numc_fft_rfftfreq_, context, code_of(dtype), index(n), float(d))


def fftshift(x, /, *, axes=None):
    return call(C.numc_fft_fftshift, check_array(x), shape_of(axes))


def ifftshift(x, /, *, axes=None):
    return call(C.numc_fft_ifftshift, check_array(x), shape_of(axes))
