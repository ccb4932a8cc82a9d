"""Run the whole cuda backend without a device.

standin: over stand-ins for the driver and for NVRTC, which compile CUDA C for the host and run it: eight schools with ref's table, and
numc check. nvrtc: over the stand-in driver and the real NVRTC, for sm_80 and sm_90: every kernel that numc check, eight schools
and the reference posteriors ask for is compiled; what it computes is not looked at, since nothing runs it.

Tier 1 takes the rows of float64 and part of the posteriors; --all takes all. Writes TAP.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

SOME = ["eight_schools-eight_schools_noncentered", "garch-garch11", "gp_pois_regr-gp_pois_regr", "bball_drive_event_0-hmm_drive_0",
        "kidiq-kidscore_momiq", "nes1972-nes"]
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


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("what", choices=["standin", "nvrtc"])
    arguments.add_argument("--tool", required=True)
    arguments.add_argument("--example", required=True)
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
            report(facts.get("graph_launches", 0) > 100, "its gradients are CUDA graphs", facts)
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
            for target in ("80", "90"):
                def compiles(name, command, **environment):
                    result, facts = run(command, FAKE_CUDA_CAPABILITY=target, NUMC_CACHE="/nowhere", NUMC_BACKEND="cuda", **environment)
                    text = result.stdout + result.stderr
                    bad = [line for line in text.splitlines() if "could not compile" in line or "cannot be opened" in line]
                    report(not bad and facts.get("loaded", 0) > 0 and result.returncode in (0, 1),
                           f"sm_{target}, {name}: {facts.get('loaded', 0)} programs compiled", "\n".join(bad) or text[-2000:])
                    no_mistake(facts, f"sm_{target}, {name}")
                compiles("numc check", check)
                compiles("eight schools", [options.example, "--chains", "1", "--warmup", "0", "--draws", "1"])
                if options.programs is None or not os.path.isdir(options.posteriordb):
                    skip(f"sm_{target}, posteriors", "no libnumc_io, or no posteriordb")
                else:
                    compiles("posteriors", [options.programs] + ([] if options.all else SOME), NUMC_POSTERIORDB=options.posteriordb)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
