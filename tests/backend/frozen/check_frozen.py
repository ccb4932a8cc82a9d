"""Hold today's contract to the one of ABI 1's first day, backend_abi1.h, and to what it had gained by the day of backend_abi1_whole.h,
and run the plugins built against these.

Structs that begin with their size may have grown at their ends; the others are as they were; numbers mean what they meant.
Writes TAP.
"""
import argparse
import os
import re
import subprocess
import sys

# Grow at their ends: they begin with a size, or the host alone makes them and says how long they are.
SIZED = ["numc_backend", "numc_host", "numc_kernel_source", "numc_device_info", "numc_matmul_options"]
GAINED = ["numc_backend", "numc_host", "numc_device_info", "numc_routine_source", "numc_device_statistics"]
FIXED = ["numc_kernel_node", "numc_kernel_access", "numc_kernel_local", "numc_kernel_arguments", "numc_view"]
ENUMS = ["numc_node_kind", "numc_reduction", "numc_contiguity", "numc_dialect", "numc_kind", "numc_log_level"]
TABLES = ["NUMC_STATUS_TABLE", "NUMC_DTYPE_TABLE", "NUMC_SCALAR_TABLE"]
HEAD = 6 + 3  # numc_backend's fields before its slots; program_*, taken from plugins of the host's own build alone
number = 0


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}")
    for line in [] if good else str(detail).splitlines()[:40]:
        print(f"# {line}")
    return good


def plain(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def parts(body, end):
    return [re.sub(r"\s+", " ", part).strip() for part in body.split(end) if part.strip()]


def struct(text, name):
    found = re.search(rf"struct {name} \{{(.*?)\n\}}", text, re.S)
    return parts(found[1], ";") if found else []


def enum(text, name):
    found = re.search(rf"enum {name} \{{(.*?)\}}", text, re.S)
    return parts(found[1], ",") if found else []


def table(text, name):
    """Rows without the sentences, which may be worded better."""
    found = re.search(rf"#define {name}\(X\)(.*?[^\\])\n", text, re.S)
    return [re.sub(r', "[^"]*"$', "", row) for row in re.findall(r"X\((.*?)\)\s*(?:\\|$)", found[1])] if found else []


def count_filled(rows):
    return len(re.findall(r"\| yes \|$", rows, re.M))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", required=True)
    arguments.add_argument("--plugins", required=True)
    arguments.add_argument("--tool")
    arguments.add_argument("--example")
    options = arguments.parse_args()

    def read(*names):
        return plain("".join(open(os.path.join(options.root, name), encoding="utf-8").read() for name in names))

    old, whole = read("tests/backend/frozen/backend_abi1.h"), read("tests/backend/frozen/backend_abi1_whole.h")
    new = read("include/numc/base.h", "include/numc/backend.h")
    report(re.search(r"#define NUMC_BACKEND_ABI 1u\n", new), "the ABI is 1")
    for header, text, names in ("backend_abi1.h", old, SIZED), ("backend_abi1_whole.h", whole, GAINED):
        for name in names:
            before, now = struct(text, name), struct(new, name)
            report(len(before) > 0 and now[:len(before)] == before, f"{header}: {name} has only grown at its end",
                   [pair for pair in zip(before, now) if pair[0] != pair[1]] or f"{len(before)} fields before, {len(now)} now")
    for name in FIXED:
        before, now = struct(old, name), struct(new, name)
        report(len(before) > 0 and now == before, f"{name} is as it was", f"{before}\n{now}")
    for name in ENUMS + TABLES:
        rows = table if name in TABLES else enum
        before, now = rows(old, name), rows(new, name)
        report(len(before) > 2 and set(before) <= set(now), f"{name}: numbers mean what they meant", set(before) - set(now))

    clean = {key: value for key, value in os.environ.items() if key not in ("NUMC_BACKEND", "NUMC_FALLBACK")}
    for name, rule, nothing in ("frozen", "allow", " 0 wrong"), ("short", "allow", " 0 wrong"), ("whole", "error", " 0 fall back to the host, 0 wrong"):
        path = os.path.join(options.plugins, f"numc-{name}.so")
        clean["NUMC_FALLBACK"] = rule
        if options.tool:
            result = subprocess.run([options.tool, "check", "--quiet", "--bits", path], capture_output=True, text=True, env=clean)
            report(result.returncode == 0 and nothing + ", 0 skipped" in result.stdout, f"numc check {name}",
                   result.stdout + result.stderr)
            result = subprocess.run([options.tool, "check", "--slots", path], capture_output=True, text=True, env=clean)
            report(result.returncode == 0 and (name != "whole" or count_filled(result.stdout) == len(struct(whole, "numc_backend")) - HEAD),
                   f"{name}: the slots that it fills are seen", result.stdout + result.stderr)
        if options.example:
            run = [subprocess.run([options.example, "--chains", "2", "--warmup", "200", "--draws", "200", "--seed", "1"],
                                  capture_output=True, text=True, env=clean | {"NUMC_BACKEND": backend}) for backend in (path, "ref")]
            report(run[0].returncode == 0 and len(run[0].stdout) > 100 and run[0].stdout == run[1].stdout,
                   f"{name}: eight schools with ref's table", run[0].stdout + run[0].stderr)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
