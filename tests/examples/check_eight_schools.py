"""Hold the eight schools example to its promise: exit status, the printed table, the CSV files, and what it says of bad options.

Writes TAP. The table has a header line and one row per scalar parameter, whose first column is the name and second the mean.
R-hat is below 1.01; the means of mu, tau and theta are within 4 standard errors of posteriordb's reference, the error being that
of both: sqrt(mcse^2 + reference mcse^2). The two are independent and means of thousands of draws, so the ratio is about standard
normal: a right sampler fails one of the 10 with probability 6e-4 - once, at a new seed; the seed is fixed.
The printed mcse has two digits, so it may be 5% short, which makes the bound 3.8: 1.5e-3.
"""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

PARAMETERS = ["mu", "tau"] + [f"z[{i}]" for i in range(8)] + [f"theta[{i}]" for i in range(8)]
COLUMNS = "name mean mcse sd q5 q50 q95 ess_bulk ess_tail rhat".split()
SAMPLER = "lp__ accept_stat__ stepsize__ treedepth__ n_leapfrog__ divergent__ energy__".split()
number = 0


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}")
    for line in str(detail).splitlines():
        print(f"# {line}")


def skip(name, reason):
    global number
    number += 1
    print(f"ok {number} - {name} # SKIP {reason}")


def run(program, backend, *arguments):
    return subprocess.run([program, *arguments], env=dict(os.environ, NUMC_BACKEND=backend), capture_output=True, text=True,
                          timeout=240)


def table_of(text):
    """Rows by name as dictionaries, up to the empty line that ends the table."""
    lines = text.split("\n\n")[0].splitlines()
    header = lines[0].split() if lines else []
    rows = [line.split() for line in lines[1:]]
    return header, rows


def check_table(backend, result, reference, where):
    report(result.returncode == 0, f"{backend}: exit status 0", f"{result.returncode}\n{result.stderr[-300:]}")
    header, rows = table_of(result.stdout)
    report(header == COLUMNS, f"{backend}: the table's header", header)
    report([row[0] for row in rows] == PARAMETERS and all(len(row) == len(COLUMNS) for row in rows),
           f"{backend}: one row per scalar parameter", [row[0] for row in rows])
    values = {row[0]: dict(zip(COLUMNS[1:], map(float, row[1:]))) for row in rows}
    high = {name: row["rhat"] for name, row in values.items() if not row["rhat"] < 1.01}
    report(values and not high, f"{backend}: R-hat below 1.01", high)
    name = f"{backend}: means within 4 standard errors of the reference"
    if reference is None:
        skip(name, f"no posteriordb at {where} (set NUMC_POSTERIORDB)")
        return
    far, compared = [], 0
    for key, entry in reference["parameters"].items():
        mine = f"theta[{int(key[6:-1]) - 1}]" if key.startswith("theta[") else key     # the reference counts from 1
        row = values.get(mine, {"mean": math.nan, "mcse": math.nan})
        error = math.hypot(row["mcse"], entry["mcse_mean"])
        compared += 1
        if not abs(row["mean"] - entry["mean"]) <= 4 * error:
            far.append(f"{mine}: {row['mean']}, reference {entry['mean']}, error {error}")
    report(compared == 10 and not far, name, f"{compared} compared\n" + "\n".join(far))


def check_files(backend, prefix, draws, chains):
    columns = SAMPLER + ["mu", "tau"] + [f"z.{i}" for i in range(1, 9)] + [f"theta.{i}" for i in range(1, 9)]
    wrong = []
    for chain in range(1, chains + 1):
        path = f"{prefix}_{chain}.csv"
        if not os.path.exists(path):
            wrong.append(f"{path} is not there")
            continue
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        rows = [line.split(",") for line in lines if line and not line.startswith("#")]
        if not lines[0].startswith("# stan_version_major = "):
            wrong.append(f"{path} begins with {lines[0]}")
        if f"# id = {chain}" not in [line.replace(" (Default)", "") for line in lines]:
            wrong.append(f"{path} does not say that it is chain {chain}")
        if rows[0] != columns:
            wrong.append(f"{path} has the header {','.join(rows[0])}")
        if len(rows) != draws + 1:
            wrong.append(f"{path} has {len(rows) - 1} draws, not {draws}")
        for row in rows[1:]:
            if len(row) != len(columns) or not all(math.isfinite(float(value)) for value in row):
                wrong.append(f"{path}: {','.join(row)}")
                break
    extra = [name for name in os.listdir(os.path.dirname(prefix)) if not name.startswith(os.path.basename(prefix) + "_")]
    report(not wrong and not extra, f"{backend}: --output writes one CmdStan CSV file per chain", "\n".join(wrong + extra))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("--posteriordb", required=True)
    arguments.add_argument("--csv", action="store_true")
    arguments.add_argument("--backends", nargs="+", required=True)
    options = arguments.parse_args()

    root = os.environ.get("NUMC_POSTERIORDB") or options.posteriordb
    where = os.path.join(root, "eight_schools-eight_schools_noncentered", "reference.json")
    reference = None
    if os.path.exists(where):
        with open(where, encoding="utf-8") as file:
            reference = json.load(file)

    for backend in options.backends:
        result = run(options.program, backend, "--chains", "4", "--seed", "1")
        check_table(backend, result, reference, where)
        again = run(options.program, backend, "--chains", "4", "--seed", "1")
        other = run(options.program, backend, "--chains", "4", "--seed", "2")
        report(again.stdout == result.stdout != other.stdout, f"{backend}: the seed decides the draws")
        if options.csv:
            with tempfile.TemporaryDirectory() as folder:
                prefix = os.path.join(folder, "schools")
                result = run(options.program, backend, "--chains", "3", "--seed", "1", "--warmup", "150", "--draws", "40",
                             "--output", prefix)
                report(result.returncode == 0, f"{backend}: --warmup --draws --output", result.stderr[-300:])
                check_files(backend, prefix, 40, 3)

    program, backend = options.program, options.backends[0]
    for bad, says in [(["--draws", "ten"], "--draws needs a whole number, not ten"),
                      (["--seed", "-1"], "--seed needs a whole number, not -1"),
                      (["--warmup", "99999999999999999999"], "--warmup needs a whole number"),
                      (["--chains"], "--chains needs a whole number, not nothing"),
                      (["--chains", "0"], "--chains needs a whole number from 1"),
                      (["--output"], "usage:"), (["--flavour", "1"], "usage:"), (["3"], "usage:")]:
        result = run(program, backend, *bad)
        report(result.returncode == 2 and says in result.stderr and not result.stdout,
               f"{' '.join(bad)}: exit status 2 and a message", f"{result.returncode}: {result.stderr}")
    result = run(program, backend, "--help")
    report(result.returncode == 0 and "usage:" in result.stderr, "--help: exit status 0", result.stderr)
    result = run(program, "nosuch")
    report(result.returncode == 1 and "nosuch" in result.stderr and not result.stdout, "an unknown backend: exit status 1",
           f"{result.returncode}: {result.stderr}")
    if options.csv:
        result = run(program, backend, "--warmup", "150", "--draws", "10", "--output", "/no/such/folder/schools")
        report(result.returncode == 1 and "/no/such/folder/schools_1.csv" in result.stderr,
               "--output where nothing can be written: exit status 1", f"{result.returncode}: {result.stderr[-300:]}")
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
