"""Run the whole cuda backend without a device.

standin: over stand-ins for the driver and for NVRTC, which compile CUDA C for the host and run it: eight schools with ref's table, and
numc check; logistic regression as CUDA graphs. nvrtc: over the stand-in driver and the real NVRTC, for sm_80 and sm_90: every kernel that numc check, eight schools
and the reference posteriors ask for is compiled; what those of numc check compute is not looked at, since nothing runs them.

Tier 1 takes the rows of float64, for sm_90, and part of the posteriors; --all takes all. Writes TAP.
"""
import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile

SOME = ["garch-garch11", "gp_pois_regr-gp_pois_regr"]
number = 0


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}", flush=True)
    for line in [] if good else str(detail).splitlines()[:40]:
        print(f"# {line[:400]}")
    return good


def skip(name, reason):
    global number
    number += 1
    print(f"ok {number} - {name} # SKIP {reason}")


def nvrtc_of(environment):
    """The path of the real NVRTC, as the backend looks for it, in a process that has none of the stand-ins."""
    names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2", "libnvrtc.so"]
    for folder in environment["NUMC_CUDA_PATH"].split(":")[1:]:
        for name in names:
            for below in ("", "lib64", "lib"):
                if os.path.exists(os.path.join(folder, below, name)):
                    return os.path.join(folder, below, name)
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        with open("/proc/self/maps", encoding="utf-8") as maps:
            for line in maps:
                if name in line:
                    return line.split()[-1]
    return ""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=["standin", "nvrtc"])
    arguments.add_argument("--tool", required=True)
    arguments.add_argument("--example", required=True)
    arguments.add_argument("--steps", required=True)
    arguments.add_argument("--programs")
    arguments.add_argument("--driver", required=True)
    arguments.add_argument("--libraries", required=True)
    arguments.add_argument("--posteriordb", required=True)
    arguments.add_argument("--all", action="store_true")
    options = arguments.parse_args()

    clean = {key: value for key, value in os.environ.items() if key not in ("LD_LIBRARY_PATH", "NUMC_FALLBACK")}
    where = [options.driver] + ([options.libraries] if options.what == "standin" else [])
    clean["NUMC_CUDA_PATH"] = ":".join(where + [path for path in [os.environ.get("NUMC_CUDA_PATH", "")] if path])
    schools = [options.example, "--chains", "1", "--warmup", "100", "--draws", "50", "--seed", "1"]
    check = [options.tool, "check", "--quiet"] + ([] if options.all else ["--dtype", "float64"]) + ["cuda"]

    with tempfile.TemporaryDirectory() as scratch:
        found = os.path.join(scratch, "found.json")

        def run(command, **environment):
            """The result, and what the stand-in driver found."""
            if os.path.exists(found):
                os.remove(found)
            result = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                                    env=clean | {"FAKE_CUDA_REPORT": found} | environment)
            facts = {}
            if os.path.exists(found):
                with open(found, encoding="utf-8") as file:
                    facts = json.load(file)
            return result, facts

        def no_mistake(facts, name):
            report(facts.get("mistakes") == 0 and facts.get("launches", 0) > 0, f"{name}: the driver is used as it may be", facts)

        if options.what == "standin":
            expected, _ = run(schools, NUMC_BACKEND="ref")
            result, facts = run(schools, NUMC_BACKEND="cuda")
            report(result.returncode == 0 and len(result.stdout) > 500 and result.stdout == expected.stdout,
                   "eight schools: ref's table", result.stdout + result.stderr[-2000:])
            no_mistake(facts, "eight schools")
            # A program of several steps is a graph from its fourth run on. Products round as they like, so the draws are ref's
            # but for rounding, which 30 transitions do not make visible in four digits.
            steps = [options.steps, "--chains", "1", "--warmup", "20", "--draws", "10", "--seed", "1"]
            expected, _ = run(steps, NUMC_BACKEND="ref")
            result, facts = run(steps, NUMC_BACKEND="cuda")
            rows = [[line.split()[:4] for line in text.splitlines()[1:] if len(line.split()) == 10]
                    for text in (expected.stdout, result.stdout)]
            near = [a[0] == b[0] and abs(float(a[1]) - float(b[1])) <= 0.002 * float(a[3]) for a, b in zip(*rows)]
            report(result.returncode == 0 and len(rows[0]) > 2 and len(rows[0]) == len(rows[1]) and all(near),
                   "logistic regression: ref's means", expected.stdout + result.stdout + result.stderr[-2000:])
            no_mistake(facts, "logistic regression")
            report(facts.get("graph_launches", 0) > 100 and facts.get("graph_launches") > facts.get("launches"),
                   "its gradients are CUDA graphs", facts)
            if options.all:
                result, facts = run(check)
                report(result.returncode == 0 and " 0 wrong" in result.stdout, "numc check finds nothing wrong",
                       result.stdout[-3000:] + result.stderr)
                no_mistake(facts, "numc check")
        else:
            result, _ = run([options.tool, "info"], NUMC_BACKEND="ref")
            version = re.search(r"NVRTC (\d+\.\d+)", result.stdout)
            if version is None:
                skip("kernels compile for sm_80 and sm_90", "NVRTC is not installed here")
                print(f"1..{number}")
                return 0
            print(f"# NVRTC {version[1]}")
            for target in ("80", "90") if options.all else ("90",): # the text is the same, and the models' is compiled for both
                result, facts = run(check, FAKE_CUDA_CAPABILITY=target, NUMC_CACHE="/dev/null/none")
                text = result.stdout + result.stderr
                bad = [line for line in text.splitlines() if "could not compile" in line]
                report(not bad and facts.get("loaded", 0) > 50 and result.returncode in (0, 1),
                       f"sm_{target}, numc check: {facts.get('loaded', 0)} programs compiled", "\n".join(bad) or text[-2000:])
                no_mistake(facts, f"sm_{target}, numc check")
            # Models look at what was computed, so their programs go through the stand-in too, which hands them to the real one.
            told = os.path.join(scratch, "told")
            real = {"NUMC_CUDA_PATH": f"{options.driver}:{options.libraries}", "FAKE_CUDA_NVRTC": nvrtc_of(clean),
                    "FAKE_CUDA_COMPILED": told, "NUMC_CACHE": "/dev/null/none", "NUMC_BACKEND": "cuda"}

            def compiles(name, command, **environment):
                if os.path.exists(told):
                    os.remove(told)
                result, facts = run(command, **real, **environment)
                count = os.path.getsize(told) if os.path.exists(told) else 0
                report(result.returncode == 0 and count == 2 * facts.get("loaded", 0) > 0,
                       f"{name}: {count} programs compiled for sm_80 and sm_90", result.stdout[-2000:] + result.stderr[-2000:])

            compiles("eight schools", schools)
            if options.programs is None or not os.path.isdir(options.posteriordb):
                skip("posteriors", "no libnumc_io, or no posteriordb")
            else:
                compiles("posteriors", [options.programs] + ([] if options.all else SOME), NUMC_POSTERIORDB=options.posteriordb)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
