"""Writes text_table.h: arrays with the text that NumPy's str and repr give them (made with NumPy 1.24). Run it from this folder."""
import random
import sys

import numpy as np

ROWS = []


def text(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", '\\n"\n     "') + '"'


def add(a):
    a = np.asarray(a)
    shape = ", ".join(str(n) for n in a.shape) or "0"
    ROWS.append('    {NUMC_%s, %d, {%s}, "%s", 0, 0,\n     %s,\n     %s},\n' % (
        a.dtype.name.upper(), a.ndim, shape, np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes().hex(), text(str(a)),
        text(repr(a))))


def add_ramp(dtype, shape, start, step):
    """start + i step in float64, converted: too many elements to list."""
    a = (start + np.arange(int(np.prod(shape)), dtype=np.float64) * step).astype(dtype).reshape(shape)
    ROWS.append('    {NUMC_%s, %d, {%s}, NULL, %r, %r,\n     %s,\n     %s},\n' % (
        a.dtype.name.upper(), a.ndim, ", ".join(str(n) for n in shape), start, step, text(str(a)), text(repr(a))))


def floats(dtype):
    f = lambda *values: add(np.array(values, dtype=dtype))
    f(0.0)
    f(-0.0, 0.0)
    f(1.0, 2.5, -3.25)
    f(0.1, 0.2, 0.3)
    f(1 / 3, 2 / 3)
    f(1e8, 1.0)
    f(99999999.0, 1e5)
    f(1e-4, 1e-3)
    f(9.9e-5)
    f(1000.0, 1.0)
    f(1001.0, 1.0)
    f(1e10, 1e-10, -1.0)
    f(1.23456789e-7, 9.87654321e7)
    f(float("nan"), 1.0)
    f(float("inf"), -1.0)
    f(float("-inf"), 1.0)
    f(float("nan"))
    f(float("inf"), float("-inf"), float("nan"))
    f(float("nan"), 1e20)
    f(float("-inf"), 1e-20, 12345.0)
    f(0.5, 0.25, 0.125, 0.0078125)
    f(123456.789, 0.5)
    f(1e15, 1e16)
    f(94726472.0, -55624268.0)      # of float32 seven digits read back, but the eighth is shown too
    f(-99999992.0)
    f(99999996.0, 67108868.0)
    add(np.array(-94726472.0, dtype))
    f(float(np.finfo(dtype).max), float(np.finfo(dtype).tiny))
    f(float(np.finfo(dtype).smallest_subnormal), 1.0)
    for e in (-44, -24, -20, -10, 0, 20, 24, 27, 60, 100):
        f(2.0 ** e)
    for value in (0.0, -0.0, 1.0, 0.1, -2.5, 1e15, 1e16, 123456789.0, 1e-4, 9e-5, 1 / 3, 1e22, 5e-10, float("nan"), float("-inf"),
                  float(np.finfo(dtype).max), float(np.finfo(dtype).smallest_subnormal), 12345678.9):
        add(np.array(value, dtype=dtype))
    add(np.linspace(0, 1, 30).astype(dtype))
    add(np.linspace(-1e4, 1e3, 24).astype(dtype).reshape(2, 3, 4))
    add(np.zeros((0,), dtype))
    add(np.zeros((2, 0, 3), dtype))
    add(np.zeros((0, 1), dtype))
    add(np.ones((1, 1, 1, 1), dtype))
    r = random.Random(20261122)
    for _ in range(60):
        scale = 10.0 ** r.choice([-12, -6, -3, 0, 0, 0, 2, 5, 9])
        spread = r.choice([0, 0, 1, 3])
        n = r.choice([1, 2, 3, 5, 9])
        with np.errstate(all="ignore"):
            add(np.array([r.gauss(0, 1) * scale * 10.0 ** r.uniform(-spread, spread) for _ in range(n)]).astype(dtype))
    for _ in range(20):
        add(np.array([round(r.uniform(-50, 50), r.choice([0, 1, 2, 4])) for _ in range(r.choice([4, 12]))]).astype(dtype).reshape(2, -1))


def complexes(dtype):
    c = lambda *values: add(np.array(values, dtype=dtype))
    c(1 + 2j, 3 - 4j)
    c(0j, -0j)
    c(0.5 - 1.5j, 1000 + 1e-3j)
    c(complex(float("nan"), 1), complex(1, float("inf")), complex(1, float("-inf")))
    c(1e10 + 1j, 1e-10 - 1e5j)
    c(complex(1, float("nan")))
    for value in (0j, 1 + 0j, -1j, complex(-0.0, 1), 0.1 + 0.2j, 1e20 - 1e-5j, complex(float("nan"), float("inf")), complex(0, -2.5)):
        add(np.array(value, dtype=dtype))
    r = random.Random(7)
    for _ in range(20):
        add(np.array([complex(r.gauss(0, 1), r.gauss(0, 100)) for _ in range(r.choice([1, 2, 6]))]).astype(dtype))
    add(np.zeros((0, 2), dtype))
    add(np.arange(8).astype(dtype).reshape(2, 2, 2) * (1 - 0.5j))


def main():
    assert np.__version__.startswith("1.24"), np.__version__
    add(np.array([True, False]))
    add(np.array([True, True]))
    add(np.array(True))
    add(np.array(False))
    add(np.array([[True], [False]]))
    add(np.zeros((0,), bool))
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        info = np.iinfo(name)
        add(np.array([info.min, info.max, 0], name))
        add(np.array(info.max, name))
        add(np.array([5], name))
        add(np.arange(24).astype(name).reshape(2, 3, 4))
        add(np.arange(100).astype(name))
        add(np.zeros((0,), name))
        add(np.zeros((0, 2), name))
        add(np.ones((1, 0), name))
    add(np.array([[-1, 10], [100, -1000]]))
    add((np.arange(36, dtype=np.int64) ** 7).reshape(2, 18))
    add((np.arange(36, dtype=np.int16) * 31).reshape(1, 1, 36))
    add(np.arange(17).astype(np.int32) * 1000000)
    add(np.arange(18).astype(np.int32) * 1000000)
    floats("float64")
    floats("float32")
    complexes("complex128")
    complexes("complex64")
    add_ramp("uint8", (1000,), 0, 0.0078125)
    add_ramp("int64", (1001,), 0, 1)
    add_ramp("int32", (1001,), 0, 1)
    add_ramp("int16", (2, 600), 0, 1)
    add_ramp("float64", (1001,), 0, 0.5)
    add_ramp("float32", (20, 3, 27), -3, 0.25)
    add_ramp("uint8", (11, 11, 11), 0, 0.1)
    add_ramp("float64", (3, 1000), 1e-9, 1e-3)
    add_ramp("float64", (6, 200), 1e9, 1e7)
    add_ramp("bool", (1200,), 0, 1)
    add_ramp("int64", (2, 2, 3, 150), -700, 1)
    with open("text_table.h", "w") as out:
        out.write("/* text_table.h - arrays and the text NumPy gives them; made by make_text_table.py. Elements: little-endian bytes in hex, or\n"
                  " * start + i step. */\n"
                  "static const struct text_row {\n    numc_dtype dtype;\n    int32_t rank;\n    int64_t shape[4];\n    const char *bytes;\n"
                  "    double start, step;\n    const char *str, *repr;\n} text_rows[] = {\n")
        out.writelines(ROWS)
        out.write("};\n")
    print(len(ROWS), "rows", file=sys.stderr)


main()
