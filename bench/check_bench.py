"""Check what numc-bench prints: the JSON's shape, that gradients agree with the hand-written ones and arrays with NumPy's
(numc-bench fails where they do not), and that a gradient allocates nothing. Never a time: a loaded machine must not fail a test. Writes TAP.

usage: check_bench.py NUMC-BENCH [--uncounted]
"""
import json
import subprocess
import sys

GRADIENT = {"model": str, "backend": str, "mode": str, "D": int, "ns_median": float, "ns_min": float, "hand_ns": float,
            "hand_ns_min": float, "hand_single_ns": float, "hand_single_ns_min": float, "difference": float, "allocations": float}
SAMPLE = {"model": str, "backend": str, "mode": str, "chains": int, "warmup": int, "draws": int, "gradients": int,
          "seconds": float, "processor_seconds": float, "min_ess_bulk": float, "min_ess_bulk_per_second": float, "max_rhat": float, "divergences": int,
          "open_to_first_draw_ms": float, "process_to_first_draw_ms": float}
ARRAY = {"case": str, "threads": int, "ns_min": float, "ns_median": float, "other": str, "other_ns_min": float, "other_ns_median": float,
         "numpy_ns_min": float, "numpy_ns_median": float, "numpy_avx2_ns_min": float, "numpy_avx2_ns_median": float,
         "numpy_ratio": float, "numpy_avx2_ratio": float, "other_ratio": float, "goal": str, "met": bool}
MODELS = {"eight_schools": 10, "logistic": 100, "garch": 4, "arK": 7, "hierarchical": 1003, "mixture": 5, "hmm": 10, "gp": 3}
WITHOUT_HAND = {"gp"}
NULLABLE = {"hand_ns", "hand_ns_min", "hand_single_ns", "hand_single_ns_min", "difference"}  # nothing by hand, or no OpenBLAS here


def rows_of(*command):
    process = subprocess.run(command, capture_output=True, text=True)
    if process.returncode != 0:
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    document = json.loads(process.stdout)
    if list(document) != ["rows"]:
        raise ValueError(f"members {list(document)}")
    return {(row["model"], row["mode"]): row for row in document["rows"]}


def check_members(row, members, nullable):
    if set(row) != set(members):
        raise ValueError(f"{row['model']}: members {sorted(row)}")
    for name, kind in members.items():
        value = row[name]
        if value is None and name in nullable:
            continue
        if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool):
            raise ValueError(f"{row['model']}: {name} is {value!r}")
        if kind is not str and value < 0:
            raise ValueError(f"{row['model']}: {name} is negative")


def check_gradient(bench, nullable):
    rows = rows_of(bench, "gradient", "--json", "--rounds", "1")
    modes = {mode for _, mode in rows}
    if modes not in ({"interpreted"}, {"interpreted", "native"}):  # the second where there is a C compiler
        raise ValueError(f"modes {modes}")
    if {key: row["D"] for key, row in rows.items()} != {(name, mode): d for name, d in MODELS.items() for mode in modes}:
        raise ValueError(f"models {rows}")
    for (name, _), row in rows.items():
        check_members(row, GRADIENT, nullable)
        if (row["hand_ns"] is None and name != "logistic") != (name in WITHOUT_HAND):
            raise ValueError(f"{name}: hand_ns is {row['hand_ns']}")
        if not 0 < row["ns_min"] <= row["ns_median"]:
            raise ValueError(f"{name}: least {row['ns_min']} ns, median {row['ns_median']} ns")
    return rows


def check_array(bench):
    process = subprocess.run([bench, "array", "--quick", "--json", "--rounds", "1"], capture_output=True, text=True)
    if process.returncode != 0:  # among others: where an element differs from NumPy's
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    document = json.loads(process.stdout)
    if list(document) != ["backend", "n", "product", "rounds", "numpy", "rows"]:
        raise ValueError(f"members {list(document)}")
    names = {threads: [row["case"] for row in document["rows"] if row["threads"] == threads] for threads in (1, 2)}
    if names[1] != names[2] or len(names[1]) < 30 or len(set(names[1])) != len(names[1]):
        raise ValueError(f"cases {names}")
    for row in document["rows"]:
        if set(row) != set(ARRAY):
            raise ValueError(f"{row['case']}: members {sorted(row)}")
        for name, kind in ARRAY.items():
            value = row[name]
            if value is None and name not in ("case", "threads", "ns_min", "ns_median", "goal"):
                continue
            if not isinstance(value, (int, float) if kind is float else kind):
                raise ValueError(f"{row['case']}: {name} is {value!r}")
        if not 0 < row["ns_min"] <= row["ns_median"] or (document["numpy"] is None) != (row["numpy_ns_min"] is None):
            raise ValueError(f"{row}")


def check_allocations(rows):
    for name, row in rows.items():
        if row["allocations"] is not None and row["allocations"] != 0:
            raise ValueError(f"{name}: {row['allocations']} allocations per gradient")


def check_sample(bench):
    command = [bench, "sample", "--json", "--model", "eight_schools", "--chains", "2", "--draws", "100"]
    rows = rows_of(*command)
    if [name for name, _ in rows] != ["eight_schools"]:
        raise ValueError(f"models {list(rows)}")
    row = list(rows.values())[0]
    check_members(row, SAMPLE, set())
    if (row["chains"], row["draws"]) != (2, 100) or row["gradients"] < 400 or row["min_ess_bulk"] <= 0:
        raise ValueError(f"{row}")


def main():
    bench, counted = sys.argv[1], "--uncounted" not in sys.argv[2:]
    rows, number = {}, 0

    def gradient():
        rows.update(check_gradient(bench, NULLABLE if counted else NULLABLE | {"allocations"}))

    for name, check in (("gradient prints its rows", gradient),
                        ("a gradient allocates nothing", lambda: check_allocations(rows or 1 / 0)),
                        ("array agrees with NumPy and prints its rows", lambda: check_array(bench)),
                        ("sample prints its row", lambda: check_sample(bench))):
        number += 1
        try:
            check()
            print(f"ok {number} - {name}")
        except (ValueError, KeyError, TypeError, ZeroDivisionError, json.JSONDecodeError) as error:
            print(f"not ok {number} - {name}\n# {error}")
    print(f"1..{number}")
    return 0


sys.exit(main())
