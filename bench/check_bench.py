"""Check what numc-bench prints: the JSON's shape, that gradients agree with the hand-written ones and arrays with NumPy's
(numc-bench fails where they do not), and that a gradient allocates nothing. Never a time: a loaded machine must not fail a test. Writes TAP.

usage: check_bench.py NUMC-BENCH [--uncounted]
       check_bench.py NUMC-BENCH --wrong PLUGIN     a device that multiplies wrongly gets no figures
"""
import json
import re
import subprocess
import sys

GRADIENT = {"model": str, "backend": str, "D": int, "rows": int, "columns": int, "interpreted_ns": float, "interpreted_ns_min": float,
            "native_ns": float, "native_ns_min": float, "hand_ns": float, "hand_ns_min": float, "hand_single_ns": float,
            "hand_single_ns_min": float, "floor_ns": float, "floor_ns_min": float, "hessian_product_ns": float,
            "hessian_product_ns_min": float, "stan_elsewhere_ns": float, "stan_elsewhere_ns_min": float, "difference": float,
            "allocations": float, "compile_ms": float, "native_cold_s": float, "native_cold_processor_s": float, "native_cached_ms": float, "chain_bytes": int,
            "shared_bytes": int}
ALWAYS = {"model", "backend", "D", "rows", "columns", "interpreted_ns", "interpreted_ns_min", "hessian_product_ns",
          "hessian_product_ns_min", "compile_ms", "chain_bytes", "shared_bytes"}
GOAL = {"goal", "bound", "measured", "unit", "worst", "models", "models_met", "met"}
SAMPLE = {"model": str, "backend": str, "mode": str, "chains": int, "warmup": int, "draws": int, "gradients": int,
          "seconds": float, "processor_seconds": float, "min_ess_bulk": float, "min_ess_bulk_per_second": float, "max_rhat": float, "divergences": int,
          "open_to_first_draw_ms": float, "process_to_first_draw_ms": float}
CHAINS = {"model": str, "backend": str, "mode": str, "D": int, "chains": int, "method": str, "draws": int, "leapfrog_ns": float,
          "gradient_ns": float, "overhead_ns": float, "draws_per_second": float, "live": float}
ARRAY = {"case": str, "threads": int, "ns_min": float, "ns_median": float, "other": str, "other_ns_min": float, "other_ns_median": float,
         "numpy_ns_min": float, "numpy_ns_median": float, "numpy_avx2_ns_min": float, "numpy_avx2_ns_median": float,
         "numpy_ratio": float, "numpy_avx2_ratio": float, "other_ratio": float, "goal": str, "met": bool}
DEVICE = ["device", "date", "library", "cpu", "copy_bytes_per_second", "product_flops_per_second", "operations", "gradients", "chains",
          "goals", "numpyro"]
DEVICE_MODELS = ["eight_schools", "logistic", "logistic_large", "hierarchical"]
MODELS = {"eight_schools": 10, "logistic": 100, "garch": 4, "arK": 7, "hierarchical": 1003, "mixture": 5, "hmm": 17, "gp": 3}
POSTERIORS = 28
NEED_BLAS = {"logistic", "gp"}


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


def check_gradient(bench, counted):
    process = subprocess.run([bench, "gradient", "--quick", "--json"], capture_output=True, text=True)
    if process.returncode != 0:
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    document = json.loads(process.stdout)
    if list(document) != ["stan", "rows", "goals"] or "elsewhere" not in document["stan"]:
        raise ValueError(f"members {list(document)}")
    rows = {row["model"]: row for row in document["rows"]}
    if {name: row["D"] for name, row in rows.items() if name in MODELS} != MODELS:
        raise ValueError(f"models {list(rows)}")
    posteriors = len(rows) - len(MODELS)
    if posteriors != POSTERIORS and not (posteriors == 0 and "no rows of posteriordb" in process.stderr):
        raise ValueError(f"{posteriors} posteriors; {process.stderr.strip()}")
    for name, row in rows.items():
        nullable = set(GRADIENT) - ALWAYS - ({"allocations"} if counted else set())
        check_members(row, GRADIENT, nullable)
        if name not in NEED_BLAS and (row["hand_ns"] is None or row["difference"] is None):
            raise ValueError(f"{name}: not by hand")
        if not 0 < row["interpreted_ns_min"] <= row["interpreted_ns"] or row["chain_bytes"] == 0:
            raise ValueError(f"{row}")
    if rows["eight_schools"]["native_ns"] is None and "interpreted only" not in process.stderr:
        raise ValueError("eight_schools: no native code")
    if len(document["goals"]) < 8 or any(set(goal) != GOAL for goal in document["goals"]):
        raise ValueError(f"goals {document['goals']}")
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


def check_chains(bench):
    process = subprocess.run([bench, "chains", "--quick", "--json", "--model", "eight_schools", "--rounds", "1"],
                             capture_output=True, text=True)
    if process.returncode != 0:
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    rows = json.loads(process.stdout)["rows"]
    if [(row["method"], row["chains"]) for row in rows] != [("sequential", 3), ("vectorized", 3)]:
        raise ValueError(f"{rows}")
    for row in rows:
        if set(row) != set(CHAINS):
            raise ValueError(f"members {sorted(row)}")
        if not (row["leapfrog_ns"] > 0 and row["gradient_ns"] > 0 and row["draws_per_second"] > 0 and 0 < row["live"] <= 1):
            raise ValueError(f"{row}")


def check_dynamic(bench):
    process = subprocess.run([bench, "dynamic", "--quick", "--json", "--model", "eight_schools"], capture_output=True, text=True)
    if process.returncode != 0:
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    row, = json.loads(process.stdout)["rows"]
    if set(row) != {"model", "backend", "D", "compiled_ns", "dynamic_ns", "allocations"} or not 0 < row["compiled_ns"] < row["dynamic_ns"]:
        raise ValueError(f"{row}")


def check_refusals(bench):
    """An option that a command does not know is refused, and named; so is a device that is the host."""
    for words, names in ((("gradient", "--threads", "2"), "--threads"), (("gradient", "--case", "add"), "--case"),
                         (("chains", "--draws", "5"), "--draws"), (("array", "--jit", "on"), "--jit"),
                         (("device", "--rounds", "3"), "--rounds"), (("sample", "--quick"), "--quick")):
        process = subprocess.run([bench, *words], capture_output=True, text=True)
        if process.returncode != 2 or f"{words[0]} does not know {names}" not in process.stderr or process.stdout:
            raise ValueError(f"{words}: status {process.returncode}: {process.stderr.strip()}")
    for backend in ("ref", "cpu"):
        process = subprocess.run([bench, "device", "--backend", backend], capture_output=True, text=True)
        if process.returncode != 1 or "what a device is compared with" not in process.stderr or process.stdout:
            raise ValueError(f"device {backend}: status {process.returncode}: {process.stderr.strip()}")


def check_first(bench):
    process = subprocess.run([bench, "first", "--json", "--model", "eight_schools"], capture_output=True, text=True)
    row, = json.loads(process.stdout)["rows"]
    parts = row["open_ns"] + row["arrays_ns"] + row["compile_ns"] + row["draw_ns"]
    if row["model"] != "eight_schools" or not 0 < parts <= row["total_ns"] + 4:  # each part is rounded
        raise ValueError(f"{row}")


def check_device(bench):
    process = subprocess.run([bench, "device", "--quick", "--json", "--backend", "opencl"], capture_output=True, text=True)
    if process.returncode == 1 and process.stderr.startswith("numc-bench: open: "):
        return f"SKIP {process.stderr.strip()}"
    if process.returncode != 0:  # among others: where a result or a gradient differs from the cpu backend's
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}")
    document = json.loads(process.stdout)
    if list(document) != DEVICE or document["device"]["backend"] != "opencl" or not document["device"]["name"]:
        raise ValueError(f"members {list(document)}, {document.get('device')}")
    if not (document["copy_bytes_per_second"] > 0 and document["product_flops_per_second"] > 0 and document["numpyro"] is None):
        raise ValueError(f"{document}")
    for row in document["operations"]:
        host = [size["cpu_ns"] for size in row["sizes"]]
        if not all(size["device_ns"] > 0 for size in row["sizes"]) or not row["copy_part"] > 0:
            raise ValueError(f"{row}")
        if row["operation"] in ("upload", "download") and (set(host) != {None} or row["pays_from"] is not None):
            raise ValueError(f"{row}")
        faster = [size["device_ns"] < size["cpu_ns"] for size in row["sizes"]] if host[0] is not None else [False]
        if (row["pays_from"] is not None) != faster[-1]:
            raise ValueError(f"{row}")
    if len(document["operations"]) != 12 or [row["model"] for row in document["gradients"]] != DEVICE_MODELS:
        raise ValueError(f"{[row['operation'] for row in document['operations']]}, {document['gradients']}")
    for row in document["gradients"]:
        times = (row["device_ns"], row["device_launch_ns"], row["cpu_ns"])
        if row["model"] == "logistic_large" and (set(times) != {None} or row["why"] != "left out by --quick"):
            raise ValueError(f"{row}")
        if row["model"] != "logistic_large" and not all(time > 0 for time in times):
            raise ValueError(f"{row}")
    if [(row["model"], row["chains"]) for row in document["chains"]] != [("eight_schools", 1), ("eight_schools", 4)]:
        raise ValueError(f"{document['chains']}")
    for row in document["chains"]:
        if row["why"] is None and not row["leapfrogs_per_second"] > row["draws_per_second"] > 0:
            raise ValueError(f"{row}")
    goals = document["goals"]
    if len(goals) != 3 or goals[0]["measured"] is None or any((goal["measured"] is None) != (goal["why"] is not None) for goal in goals):
        raise ValueError(f"{goals}")


def check_wrong(bench, plugin):
    """A device that multiplies wrongly gets no figures: the row is named."""
    process = subprocess.run([bench, "device", "--quick", "--json", "--backend", plugin], capture_output=True, text=True)
    if process.returncode != 1 or process.stdout or not re.search(r"product: n = 4096: the device's result is \S+ off", process.stderr):
        raise ValueError(f"status {process.returncode}: {process.stderr.strip()}{process.stdout[:200]}")


def main():
    bench, counted = sys.argv[1], "--uncounted" not in sys.argv[2:]
    rows, number = {}, 0
    if sys.argv[2:3] == ["--wrong"]:
        check_wrong(bench, sys.argv[3])
        return 0

    def gradient():
        rows.update(check_gradient(bench, counted))

    for name, check in (("gradient prints its rows", gradient),
                        ("a gradient allocates nothing", lambda: check_allocations(rows or 1 / 0)),
                        ("array agrees with NumPy and prints its rows", lambda: check_array(bench)),
                        ("chains prints its rows", lambda: check_chains(bench)),
                        ("dynamic prints its rows", lambda: check_dynamic(bench)),
                        ("sample prints its row", lambda: check_sample(bench)),
                        ("first prints its parts", lambda: check_first(bench)),
                        ("what a command does not know is refused", lambda: check_refusals(bench)),
                        ("device prints its figures", lambda: check_device(bench) if counted else "SKIP under a sanitizer")):
        number += 1
        try:
            skipped = check()
            print(f"ok {number} - {name}{' # ' + skipped if skipped else ''}")
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            print(f"not ok {number} - {name}\n# {error}")
    print(f"1..{number}")
    return 0


sys.exit(main())
