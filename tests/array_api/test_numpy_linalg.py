"""Linear algebra and Fourier transforms against NumPy and by residuals: batched, strided, of no size, singular, badly scaled.

Unless said otherwise a bound is c n eps of the sizes that enter, n the matrix' order: what backward stable algorithms promise
(Higham, Accuracy and Stability of Numerical Algorithms, 2002), with c = 20, since its constants are of that size.
"""
import sys

import numpy as np

import numc_xp as xp
from numc_xp import fft, linalg
from numpy_harness import COMPLEX, FLOATS, INTEGERS, PART, WIDE, case, close, expect, main, ours, raises, same, theirs, values

MATRICES = FLOATS + COMPLEX
EPS = {name: float(np.finfo(PART[name]).eps) for name in MATRICES}
DTYPES = {name: getattr(xp, name) for name in MATRICES}


def normal(rng, dtype, shape):
    a = rng.standard_normal(shape)
    return (a + 1j * rng.standard_normal(shape) if dtype in COMPLEX else a).astype(dtype)


def strided(a):
    """a as a strided view of ours: every second element of something twice as large, backwards."""
    if a.ndim == 0:
        return ours(a)
    wide = np.repeat(a[..., ::-1], 2, axis=-1)
    return ours(wide)[..., ::-2]


def both(rng, dtype, shape, change=None):
    a = normal(rng, dtype, shape)
    if change is not None:
        a = change(a).astype(dtype)
    return a, strided(a)


def transpose(a):
    return np.swapaxes(a, -1, -2)


def adjoint(a):
    return np.conj(transpose(a))


def norm(a):
    """Frobenius norms of matrices."""
    a = np.asarray(a)
    return np.sqrt(np.sum(np.abs(a.astype("complex128"))**2, axis=(-2, -1)))


def near(actual, expected, bound, what):
    """Every matrix within its bound (in the Frobenius norm)."""
    error, bound = norm(np.asarray(actual) - np.asarray(expected)), np.broadcast_to(bound, np.shape(actual)[:-2])
    if not np.all(error <= bound):
        where = int(np.argmax(np.ravel(error - bound)))
        expect(False, f"{what}: off by {np.ravel(error)[where]:.3g}, {np.ravel(bound)[where]:.3g} allowed")


def form(x, dtype, shape, what):
    expect(x.dtype.name == dtype and x.shape == tuple(shape), f"{what}: {x.dtype.name} {x.shape}, expected {dtype} {tuple(shape)}")
    return theirs(x)


SQUARES = [(1, 1), (2, 2), (5, 5), (40, 40), (3, 4, 4), (2, 0, 3, 3), (0, 0), (2, 0, 0)]
SHAPES = SQUARES + [(4, 2), (2, 6), (3, 5, 3), (2, 3, 5), (0, 3), (3, 0), (30, 7)]


# ---- products --------------------------------------------------------------------------------------------------------

@case("matmul of floats")
def matmul(rng):
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
              ((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0,), (0,)), ((50, 60), (60, 40)), ((2, 1, 1), (1, 1, 1))]
    for dtype in MATRICES:
        for first, second in shapes:
            a, x = both(rng, dtype, first)
            b, y = both(rng, dtype, second)
            found = theirs(xp.matmul(x, y))
            expected = np.asarray(np.matmul(a.astype(WIDE[dtype]), b.astype(WIDE[dtype])))
            expect(found.shape == expected.shape and found.dtype.name == dtype, f"matmul {first} {second}")
            # the sum of n products, whatever its order: n eps sum |a| |b|; a complex product is four
            bound = np.matmul(np.abs(a).astype("float64"), np.abs(b).astype("float64")) * 4 * (a.shape[-1] + 1) * EPS[dtype]
            expect(np.all(np.abs(found - expected) <= bound), f"matmul {first} {second} {dtype}")


@case("matmul, tensordot, vecdot, outer, cross of integers")
def integer_products(rng):
    for dtype in INTEGERS:
        a, b, v, w = (values(rng, dtype, s) for s in ((2, 3, 4), (4, 5), (6, 3), (6, 3)))
        same(xp.matmul(ours(a), ours(b)), np.matmul(a, b), f"matmul({dtype})")
        same(xp.tensordot(ours(a), ours(b), axes=1), np.tensordot(a, b, 1), f"tensordot({dtype})")
        same(xp.tensordot(ours(v), ours(w), axes=((0,), (0,))), np.tensordot(v, w, ((0,), (0,))), f"tensordot({dtype})")
        same(xp.vecdot(ours(v), ours(w)), np.sum(v * w, -1, dtype), f"vecdot({dtype})")
        same(linalg.outer(ours(v[0]), ours(w[1])), np.multiply.outer(v[0], w[1]), f"outer({dtype})")
        same(linalg.cross(ours(v), ours(w)), np.cross(v, w).astype(dtype), f"cross({dtype})")
        same(linalg.matrix_power(ours(a[0, :, :3]), 3), np.linalg.matrix_power(a[0, :, :3], 3), f"matrix_power({dtype})")


@case("tensordot, vecdot, outer, cross of floats")
def products(rng):
    for dtype in MATRICES:
        a, x = both(rng, dtype, (3, 4, 5))
        b, y = both(rng, dtype, (4, 5, 2))
        wide, other = a.astype(WIDE[dtype]), b.astype(WIDE[dtype])
        for axes in (0, 2, ((1, 2), (0, 1)), ((2, 1), (1, 0)), ((-1,), (1,))):
            expected = np.tensordot(wide, other, axes)
            scale = np.tensordot(np.abs(wide), np.abs(other), axes)
            close(xp.tensordot(x, y, axes=axes), expected, 170, f"tensordot({dtype}, {axes})", scale=scale)  # 4 (20 + 1) eps, in half units
        v, p = both(rng, dtype, (2, 1, 7))
        w, q = both(rng, dtype, (3, 7))
        expected = np.sum(np.conj(v.astype(WIDE[dtype])) * w, -1)
        close(xp.vecdot(p, q), expected, 64, "vecdot", scale=np.sum(np.abs(v.astype(WIDE[dtype])) * np.abs(w), -1))
        close(xp.vecdot(transposed(p), transposed(q), axis=-2), expected, 64, "vecdot along -2",
              scale=np.sum(np.abs(v.astype(WIDE[dtype])) * np.abs(w), -1))
        close(linalg.outer(p[0, 0, :], q[1, :]), np.multiply.outer(v[0, 0].astype(WIDE[dtype]), w[1].astype(WIDE[dtype])), 2, "outer")
        v, p = both(rng, dtype, (2, 3, 4))
        w, q = both(rng, dtype, (1, 3, 4))
        expected = np.cross(v.astype(WIDE[dtype]), w.astype(WIDE[dtype]), axis=-2)
        close(linalg.cross(p, q, axis=-2), expected, 8, "cross", scale=4 * np.max(np.abs(v)) * np.max(np.abs(w)))


def transposed(x):
    return xp.matrix_transpose(x) if x.ndim > 1 else x


# ---- factorisations --------------------------------------------------------------------------------------------------

@case("cholesky")
def cholesky(rng):
    for dtype in MATRICES:
        for shape in SQUARES:
            n = shape[-1]
            a, x = both(rng, dtype, shape, lambda a: a @ adjoint(a) + n * np.eye(n))
            for upper in (False, True):
                factor = form(linalg.cholesky(x, upper=upper), dtype, shape, "cholesky")
                low = adjoint(factor) if upper else factor
                near(low @ adjoint(low), a, 20 * max(n, 1) * EPS[dtype] * norm(a), f"cholesky({dtype}, {shape})")
                expect(np.all(np.triu(low, 1) == 0), "cholesky is not triangular")
    bad = linalg.cholesky(ours(np.array([[1.0, 2.0], [2.0, 1.0]])))
    expect(np.isnan(theirs(bad)).any(), "cholesky of an indefinite matrix is not NaN")


@case("qr")
def qr(rng):
    for dtype in MATRICES:
        for shape in SHAPES:
            a, x = both(rng, dtype, shape)
            *batch, m, n = shape
            k = min(m, n)
            for mode, inner in (("reduced", k), ("complete", m)):
                found = linalg.qr(x, mode=mode)
                q = form(found.Q, dtype, (*batch, m, inner), "Q")
                r = form(found.R, dtype, (*batch, inner, n), "R")
                bound = 20 * max(m, n, 1) * EPS[dtype]
                near(q @ r, a, bound * norm(a), f"qr({dtype}, {shape}, {mode})")
                near(adjoint(q) @ q, np.broadcast_to(np.eye(inner), (*batch, inner, inner)), bound * np.sqrt(max(inner, 1)), "Q^H Q")
                expect(np.all(np.tril(r, -1) == 0), "R is not triangular")


@case("svd, svdvals, pinv, matrix_rank")
def svd(rng):
    for dtype in MATRICES:
        for shape in SHAPES:
            a, x = both(rng, dtype, shape)
            *batch, m, n = shape
            k = min(m, n)
            bound = 20 * max(m, n, 1) * EPS[dtype]
            for full in (False, True):
                found = linalg.svd(x, full_matrices=full)
                u = form(found.U, dtype, (*batch, m, m if full else k), "U")
                s = form(found.S, PART[dtype], (*batch, k), "S")
                vh = form(found.Vh, dtype, (*batch, n if full else k, n), "Vh")
                near((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, bound * norm(a), f"svd({dtype}, {shape}, {full})")
                near(adjoint(u) @ u, np.broadcast_to(np.eye(u.shape[-1]), (*batch, u.shape[-1], u.shape[-1])),
                     bound * np.sqrt(max(m, 1)), "U^H U")
                near(vh @ adjoint(vh), np.broadcast_to(np.eye(vh.shape[-2]), (*batch, vh.shape[-2], vh.shape[-2])),
                     bound * np.sqrt(max(n, 1)), "Vh Vh^H")
                expect(np.all(s[..., :-1] >= s[..., 1:]) and np.all(s >= 0), "singular values are not in order")
            if a.size:
                reference = np.linalg.svd(a.astype("complex128" if dtype in COMPLEX else "float64"), compute_uv=False)
                values_ = form(linalg.svdvals(x), PART[dtype], (*batch, k), "svdvals")
                expect(np.all(np.abs(values_ - reference) <= bound * norm(a)[..., None]), f"svdvals({dtype}, {shape})")
                rank = form(linalg.matrix_rank(x), "int64", tuple(batch), "matrix_rank")
                expect(np.all(rank == np.linalg.matrix_rank(a)), f"matrix_rank({dtype}, {shape})")
                p = form(linalg.pinv(x), dtype, (*batch, n, m), "pinv")
                condition = reference[..., 0] / reference[..., -1]
                near(a @ p @ a, a, bound * condition * norm(a) * 10, f"pinv({dtype}, {shape})")
    low = np.outer(np.arange(1.0, 5.0), np.arange(1.0, 4.0))
    same(linalg.matrix_rank(ours(low)), np.asarray(1), "matrix_rank of an outer product")
    same(linalg.matrix_rank(ours(np.eye(3) * [1, 1e-3, 1e-9]), rtol=1e-6), np.asarray(2), "matrix_rank(rtol)")


@case("eigh and eigvalsh")
def eigh(rng):
    for dtype in MATRICES:
        for shape in SQUARES:
            n = shape[-1]
            a, x = both(rng, dtype, shape, lambda a: a + adjoint(a))
            found = linalg.eigh(x)
            w = form(found.eigenvalues, PART[dtype], shape[:-1], "eigenvalues")
            v = form(found.eigenvectors, dtype, shape, "eigenvectors")
            bound = 20 * max(n, 1) * EPS[dtype]
            near(a @ v, v * w[..., None, :], bound * norm(a), f"eigh({dtype}, {shape})")
            near(adjoint(v) @ v, np.broadcast_to(np.eye(n), shape), bound * np.sqrt(max(n, 1)), "V^H V")
            expect(np.all(w[..., :-1] <= w[..., 1:]), "eigenvalues are not in order")
            alone = form(linalg.eigvalsh(x), PART[dtype], shape[:-1], "eigvalsh")
            expect(np.all(np.abs(alone - w) <= bound * (norm(a)[..., None] if a.size else 1)), f"eigvalsh({dtype}, {shape})")


@case("eig and eigvals")
def eig(rng):
    for dtype in MATRICES:
        out = {"float32": "complex64", "float64": "complex128"}.get(dtype, dtype)
        for shape in SQUARES:
            n = shape[-1]
            a, x = both(rng, dtype, shape)
            found = linalg.eig(x)
            w = form(found.eigenvalues, out, shape[:-1], "eigenvalues")
            v = form(found.eigenvectors, out, shape, "eigenvectors")
            near(a @ v, v * w[..., None, :], 20 * max(n, 1) * EPS[dtype] * norm(a), f"eig({dtype}, {shape})")
            if v.size:
                expect(np.all(np.abs(np.sqrt(np.sum(np.abs(v)**2, -2)) - 1) <= 20 * EPS[dtype]), "norms of the eigenvectors")
            alone = form(linalg.eigvals(x), out, shape[:-1], "eigvals")
            # sums and products do not depend on the order
            expect(np.all(np.abs(np.sum(alone, -1) - np.trace(a, axis1=-2, axis2=-1))
                          <= 20 * max(n, 1) * EPS[dtype] * norm(a) * np.sqrt(max(n, 1))), f"eigvals({dtype}, {shape})")
    turn = theirs(linalg.eigvals(ours(np.array([[0.0, -1.0], [1.0, 0.0]]))))
    expect(sorted(turn.imag.round(12)) == [-1, 1] and np.all(np.abs(turn.real) < 1e-15), "eigenvalues of a rotation")


# ---- solves and determinants -------------------------------------------------------------------------------------------

@case("solve and inv")
def solve(rng):
    for dtype in MATRICES:
        for shape in SQUARES:
            n = shape[-1]
            a, x = both(rng, dtype, shape)
            bound = 20 * max(n, 1) * EPS[dtype]
            for right in ((n,), (*shape[:-1], 1), (n, 3), (*shape[:-2], n, 2)):
                if right == (n,) or len(right) >= 2:
                    b, y = both(rng, dtype, right)
                    vector = b.ndim == 1
                    columns = b[:, None] if vector else b
                    batch = np.broadcast_shapes(a.shape[:-2], columns.shape[:-2])
                    found = form(linalg.solve(x, y), dtype, (*batch, n) if vector else (*batch, n, columns.shape[-1]), "solve")
                    z = found[..., None] if vector else found
                    near(a @ z, np.broadcast_to(columns, z.shape), bound * norm(a) * norm(z), f"solve({dtype}, {shape}, {right})")
            inverse = form(linalg.inv(x), dtype, shape, "inv")
            near(a @ inverse, np.broadcast_to(np.eye(n), shape), bound * norm(a) * norm(inverse), f"inv({dtype}, {shape})")
    # badly scaled rows: row exchanges keep the residual small beside the sizes of the row
    a = np.array([[1e-20, 1.0], [1.0, 1.0]])
    near(theirs(linalg.solve(ours(a), ours(np.array([[1.0], [2.0]])))), [[1.0], [1.0]], 1e-14, "solve with a small pivot")
    singular = theirs(linalg.inv(ours(np.ones((2, 2)))))
    expect(not np.isfinite(singular).all(), "the inverse of a singular matrix is finite")


@case("det and slogdet")
def determinants(rng):
    for dtype in MATRICES:
        for shape in SQUARES:
            n = shape[-1]
            a, x = both(rng, dtype, shape)
            wide = a.astype("complex128" if dtype in COMPLEX else "float64")
            expected = np.linalg.det(wide) if a.size else np.ones(shape[:-2], dtype)
            inverse = np.linalg.inv(wide) if a.size else np.zeros(shape)
            # a relative change of det is the trace of inverse times change: n cond eps
            relative = 20 * max(n, 1) * EPS[dtype] * (norm(wide) * norm(inverse) + 1)
            det = form(linalg.det(x), dtype, shape[:-2], "det")
            expect(np.all(np.abs(det - expected) <= relative * np.abs(expected)), f"det({dtype}, {shape})")
            found = linalg.slogdet(x)
            sign = form(found.sign, dtype, shape[:-2], "sign")
            size = form(found.logabsdet, PART[dtype], shape[:-2], "logabsdet")
            expect(np.all(np.abs(sign * np.exp(size.astype("float64")) - expected)
                          <= (relative + 4 * EPS[dtype] * np.abs(size)) * np.abs(expected)), f"slogdet({dtype}, {shape})")
    zero = linalg.slogdet(xp.zeros((2, 2)))
    expect(float(zero.sign) == 0 and float(zero.logabsdet) == -np.inf, "slogdet of zeros")


@case("norms, traces, diagonals and powers")
def norms(rng):
    for dtype in MATRICES:
        for shape in SHAPES:
            a, x = both(rng, dtype, shape)
            wide = a.astype("complex128" if dtype in COMPLEX else "float64")
            n = max(shape)
            for order in ("fro", 1, -1, float("inf"), -float("inf"), "nuc", 2, -2):
                if a.size == 0:
                    continue
                expected = np.linalg.norm(wide, order, (-2, -1), keepdims=True)
                found = form(linalg.matrix_norm(x, ord=order, keepdims=True), PART[dtype], expected.shape, "matrix_norm")
                expect(np.all(np.abs(found - expected) <= 20 * n * EPS[dtype] * norm(a)[..., None, None] * np.sqrt(n)),
                       f"matrix_norm({dtype}, {shape}, {order})")
            for order in (0, 1, 2, 3, 0.5, -1, float("inf"), -float("inf")):
                for axis in (None, 0, -1):
                    if a.size == 0:
                        continue
                    flat, along = (wide.reshape(-1), 0) if axis is None else (wide, axis)
                    expected = np.linalg.norm(flat, order, along)
                    found = form(linalg.vector_norm(x, axis=axis, ord=order), PART[dtype], np.shape(expected), "vector_norm")
                    expect(np.all(np.abs(found - expected) <= 20 * a.size * EPS[dtype] * np.abs(expected)),
                           f"vector_norm({dtype}, {shape}, {order}, {axis})")
            for offset in (-9, -1, 0, 1, 2):
                same(linalg.diagonal(x, offset=offset), np.diagonal(a, offset, -2, -1), f"diagonal({dtype}, {offset})")
                expected = np.trace(wide, offset, -2, -1)
                found = form(linalg.trace(x, offset=offset), dtype, np.shape(expected), "trace")
                expect(np.all(np.abs(found - expected) <= 2 * n * EPS[dtype] * np.trace(np.abs(wide), offset, -2, -1)), "trace")
        a, x = both(rng, dtype, (3, 3))
        for power in (-2, -1, 0, 1, 2, 5):
            expected = np.linalg.matrix_power(a.astype("complex128"), power)
            grow = np.linalg.cond(a)**max(1, -power) * norm(a if power > 0 else np.linalg.inv(a))**abs(power)
            near(theirs(linalg.matrix_power(x, power)), expected, 60 * abs(power) * EPS[dtype] * grow, f"matrix_power({power})")


# ---- Fourier transforms ----------------------------------------------------------------------------------------------
# The error of a fast transform is a small multiple of eps log2 n of the result's size in the mean square (Schatzman 1996);
# NumPy computes in double, so in float64 both sides' errors meet.

def fourier_bound(dtype, n, reference):
    size = np.sqrt(np.mean(np.abs(reference)**2)) if reference.size else 0
    return 20 * EPS[dtype] * max(1, np.log2(max(n, 2))) * size


def fourier_same(x, reference, dtype, n, what):
    found = theirs(x)
    expect(found.dtype.name == dtype and found.shape == reference.shape, f"{what}: {found.dtype} {found.shape}, "
           f"expected {dtype} {reference.shape}")
    error = np.max(np.abs(found - reference), initial=0)
    bound = fourier_bound(dtype, n, reference)
    expect(error <= bound, f"{what}: off by {error:.3g}, {bound:.3g} allowed")


AS_COMPLEX = {"float32": "complex64", "float64": "complex128", "complex64": "complex64", "complex128": "complex128"}
AS_REAL = PART


@case("fft, ifft, rfft, irfft, hfft, ihfft")
def transforms(rng):
    lengths = (1, 2, 3, 4, 5, 7, 8, 12, 16, 31, 60, 97, 128, 210, 1009)
    for dtype in MATRICES:
        for n in lengths:
            for norm_ in ("backward", "ortho", "forward"):
                a, x = both(rng, dtype, (2, n))
                if dtype in COMPLEX:
                    fourier_same(fft.fft(x, norm=norm_), np.fft.fft(a, norm=norm_), dtype, n, f"fft({dtype}, {n}, {norm_})")
                    fourier_same(fft.ifft(x, norm=norm_), np.fft.ifft(a, norm=norm_), dtype, n, f"ifft({dtype}, {n}, {norm_})")
                    real = AS_REAL[dtype]
                    if n > 1:
                        fourier_same(fft.irfft(x, norm=norm_), np.fft.irfft(a, norm=norm_), real, n, f"irfft({dtype}, {n}, {norm_})")
                        fourier_same(fft.hfft(x, norm=norm_), np.fft.hfft(a, norm=norm_), real, n, f"hfft({dtype}, {n}, {norm_})")
                        odd = 2 * n - 1
                        fourier_same(fft.irfft(x, n=odd), np.fft.irfft(a, odd), real, n, f"irfft({dtype}, {n}, n={odd})")
                else:
                    out = AS_COMPLEX[dtype]
                    fourier_same(fft.rfft(x, norm=norm_), np.fft.rfft(a, norm=norm_), out, n, f"rfft({dtype}, {n}, {norm_})")
                    fourier_same(fft.ihfft(x, norm=norm_), np.fft.ihfft(a, norm=norm_), out, n, f"ihfft({dtype}, {n}, {norm_})")
        a, x = both(rng, AS_COMPLEX[dtype], (5, 6, 4))
        for axis in (-3, -2, -1, 0, 1, 2):
            for n in (None, 3, 11):
                fourier_same(fft.fft(x, n=n, axis=axis), np.fft.fft(a, n, axis), AS_COMPLEX[dtype], 11, f"fft(axis={axis}, n={n})")
    for z in (xp.zeros((0, 4), dtype=xp.complex128), xp.zeros((4, 0, 2), dtype=xp.complex64)):
        expect(fft.fft(z, axis=0 if z.shape[0] else -1).shape == z.shape, "fft of an empty batch")


@case("fftn, ifftn, rfftn, irfftn")
def transforms_of_several_axes(rng):
    for dtype in FLOATS:
        a, x = both(rng, AS_COMPLEX[dtype], (4, 3, 6))
        b, y = both(rng, dtype, (4, 3, 6))
        for axes, s in ((None, None), ((0, 1), None), ((2, 0), None), ((-1,), (9,)), ((0, 2), (2, 5)), ((1, 2), (3, 8))):
            for norm_ in ("backward", "ortho", "forward"):
                what = f"({dtype}, axes={axes}, s={s}, {norm_})"
                fourier_same(fft.fftn(x, axes=axes, s=s, norm=norm_), np.fft.fftn(a, s, axes, norm_), AS_COMPLEX[dtype], 72, "fftn" + what)
                fourier_same(fft.ifftn(x, axes=axes, s=s, norm=norm_), np.fft.ifftn(a, s, axes, norm_), AS_COMPLEX[dtype], 72, "ifftn" + what)
                fourier_same(fft.rfftn(y, axes=axes, s=s, norm=norm_), np.fft.rfftn(b, s, axes, norm_), AS_COMPLEX[dtype], 72, "rfftn" + what)
                fourier_same(fft.irfftn(x, axes=axes, s=s, norm=norm_), np.fft.irfftn(a, s, axes, norm_), dtype, 100, "irfftn" + what)


@case("fftfreq, rfftfreq, fftshift, ifftshift")
def frequencies(rng):
    for n in (1, 2, 3, 8, 9, 100):
        for d in (1.0, 0.1, 3.0):
            # the product n d and the quotient are rounded, there as here
            close(fft.fftfreq(n, d=d), np.fft.fftfreq(n, d).astype(np.longdouble), 3, "fftfreq")
            close(fft.rfftfreq(n, d=d), np.fft.rfftfreq(n, d).astype(np.longdouble), 3, "rfftfreq")
            expect(fft.fftfreq(n, dtype=xp.float32).dtype is xp.float32, "fftfreq(dtype)")
    for dtype in MATRICES:
        for shape in ((5,), (4,), (3, 4), (2, 0, 3)):
            a, x = both(rng, dtype, shape)
            for axes in (None, 0, (0, -1) if len(shape) > 1 else -1):
                same(fft.fftshift(x, axes=axes), np.fft.fftshift(a, axes), "fftshift")
                same(fft.ifftshift(x, axes=axes), np.fft.ifftshift(a, axes), "ifftshift")
    raises(ValueError, fft.fft, xp.zeros(3, dtype=xp.complex128), norm="other")


if __name__ == "__main__":
    sys.exit(main())
