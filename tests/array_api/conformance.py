"""Fetch the conformance suite of the array API standard at the commit we know, and run it on numc_xp, backend by backend.
scripts/array-api is the way to call it; nothing of the suite is part of this repository."""
import argparse
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree

SUITE = "https://github.com/data-apis/array-api-tests"
COMMIT = "55fcc60179efa2680ddd6cd926ddf17b83530e2b"
VERSION = "2025.12"
# hypothesis 6.151 is the first to know 2025.12, and from 6.156 it is built with a compiler of its own.
PACKAGES = ["hypothesis>=6.151,<6.156", "ndindex>=1.8,<2", "pytest>=8", "pytest-json-report>=1.5", "pytest-metadata>=3"]

here = os.path.dirname(os.path.abspath(__file__))
build = os.path.join(os.path.dirname(os.path.dirname(here)), "build")

# Loaded by pytest for --quick.
QUICK = '''
import pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    from hypothesis import Phase, settings
    settings.register_profile("quick", parent=settings.get_profile("array-api-tests"),
                              phases=[Phase.explicit, Phase.generate])
    settings.load_profile("quick")
'''


def run(*command):
    print("==", *command, flush=True)
    try:
        return subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error}\nThis needs the network, git and Python's venv (in Debian: apt-get install git python3-venv).\n"
                 "0 passed, 1 failed, 0 skipped")


def environment():
    """A Python of its own with what the suite needs; made once."""
    folder = os.path.join(build, "array-api-python")
    python = os.path.join(folder, "bin", "python3")
    ready = os.path.join(folder, "ready")
    if not os.path.exists(ready):
        shutil.rmtree(folder, ignore_errors=True)
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
        with open(ready, "w", encoding="utf-8"):
            pass
    return python


def checkout(given):
    """The folder of the suite."""
    folder = given or os.environ.get("NUMC_ARRAY_API_TESTS")
    if not folder:
        folder = os.path.join(build, "array-api-tests")
        if not os.path.exists(os.path.join(folder, "array-api", "src")):
            shutil.rmtree(folder, ignore_errors=True)
            run("git", "clone", "--quiet", SUITE, folder)
            run("git", "-C", folder, "checkout", "--quiet", COMMIT)
            run("git", "-C", folder, "submodule", "--quiet", "update", "--init", "--depth", "1")
    folder = os.path.abspath(folder)
    for part in ("array_api_tests", os.path.join("array-api", "src")):
        if not os.path.isdir(os.path.join(folder, part)):
            sys.exit(f"{folder} has no {part}: it must be a checkout of {SUITE} with its submodule")
    return folder


def run_suite(python, suite, backend, options, rest):
    """(passed, failed, skipped) of one backend."""
    report = os.path.join(build, f"array-api-{backend}.xml")
    if os.path.exists(report):
        os.remove(report)
    plugins = os.path.join(build, "array-api-plugins")
    os.makedirs(plugins, exist_ok=True)
    with open(os.path.join(plugins, "numc_quick.py"), "w", encoding="utf-8") as plugin:
        plugin.write(QUICK)
    command = [python, "-m", "pytest", "-q", "--disable-deadline", f"--max-examples={options.examples}",
               f"--hypothesis-seed={options.seed}", f"--junitxml={report}", "-W", "ignore", "-rfEs",
               "--skips-file", os.path.join(here, "skips.txt"), "--xfails-file", os.devnull]
    command += (["-p", "numc_quick"] if options.quick else []) + (rest or ["array_api_tests"])
    print(f"\n== {backend}:", *command, flush=True)
    subprocess.run(command, cwd=suite, check=False, env={
        **os.environ, "NUMC_BACKEND": backend, "NUMC_LIBRARY": os.path.join(build, "libnumc.so"),
        "ARRAY_API_TESTS_MODULE": "numc_xp", "ARRAY_API_TESTS_VERSION": VERSION,
        "PYTHONPATH": os.pathsep.join([here, plugins])})
    if not os.path.exists(report):
        return 0, 1, 0
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed += 1
        elif "skipped" in kinds:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--examples", type=int, default=200)
    arguments.add_argument("--backends", default="cpu ref")
    arguments.add_argument("--suite")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--quick", action="store_true")
    options, rest = arguments.parse_known_args()

    python, suite = environment(), checkout(options.suite)
    lines, total = [], [0, 0, 0]
    for backend in options.backends.split():
        counts = run_suite(python, suite, backend, options, rest)
        lines.append(f"{backend}: %d passed, %d failed, %d skipped" % counts)
        total = [sum(pair) for pair in zip(total, counts)]
    print("\n" + "\n".join(lines))
    print("%d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
