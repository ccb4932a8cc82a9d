"""Build the template of new backends as somebody else would: a project of its own against an installed libnumc, with the C
compiler alone and with its own meson.build; check it, and sample eight schools on it by its absolute path, with ref's draws.

Writes TAP.
"""
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile

number = 0


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}")
    for line in [] if good else str(detail).splitlines()[:40]:
        print(f"# {line}")
    return good


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--meson", required=True)
    arguments.add_argument("--build", required=True)
    arguments.add_argument("--c", required=True)
    arguments.add_argument("--tool", action="store_true")
    options = arguments.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    template = os.path.join(here, "..", "..", "examples", "backend-template")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NUMC_", "LD_", "PKG_CONFIG"))}
    clean["NUMC_JIT"] = "off"

    def run(command, **settings):
        settings.setdefault("env", clean)
        return subprocess.run(command, capture_output=True, text=True, check=False, **settings)

    def words(*arguments):
        return run(["pkg-config", *arguments]).stdout.split()

    with tempfile.TemporaryDirectory() as scratch:
        result = run([options.meson, "install", "-C", options.build, "--no-rebuild", "--quiet"], env=clean | {"DESTDIR": scratch})
        found = glob.glob(os.path.join(scratch, "**", "numc.pc"), recursive=True)
        if not report(result.returncode == 0 and len(found) == 1, "libnumc is installed", result.stdout + result.stderr):
            print(f"1..{number}")
            return 0
        clean["PKG_CONFIG_PATH"] = os.path.dirname(found[0])
        libraries = words("--variable=libdir", "numc")[0]
        clean["LD_LIBRARY_PATH"] = libraries
        tool = os.path.join(words("--variable=prefix", "numc")[0], "bin", "numc")
        c = options.c.split() + ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]

        # The template's folder is copied: nothing around it may be needed.
        project = os.path.join(scratch, "project")
        shutil.copytree(template, project)
        plain = os.path.join(scratch, "by-hand.so")
        result = run(c + ["-shared", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off", os.path.join(project, "plain.c"), "-o", plain]
                     + words("--cflags", "numc"))
        report(result.returncode == 0, "the compiler alone builds it, without a warning", result.stderr)
        built = os.path.join(project, "build", "numc-plain.so")
        result = run([options.meson, "setup", "--werror", os.path.join(project, "build"), project])
        result = run([options.meson, "compile", "-C", os.path.join(project, "build")]) if result.returncode == 0 else result
        report(result.returncode == 0 and os.path.exists(built), "its own meson.build builds it", result.stdout + result.stderr)
        needed = run(["readelf", "--dynamic", "--wide", built]).stdout
        report("libnumc" not in needed, "it links nothing of libnumc's", needed)

        program = os.path.join(scratch, "draws")
        result = run(c + [os.path.join(here, "program_draws.c"), "-o", program] + words("--cflags", "--libs", "numc"))
        report(result.returncode == 0, "a program builds against the installation", result.stderr)
        expected = run([program], env=clean | {"NUMC_BACKEND": "ref"}, cwd=scratch)
        lines = expected.stdout.splitlines()
        report(expected.returncode == 0 and len(lines) == 2 * 100 * 18, "eight schools: draws on ref", expected.stderr)
        for path in (plain, built):
            name = os.path.basename(path)
            result = run([program], env=clean | {"NUMC_BACKEND": path, "NUMC_FALLBACK": "error"}, cwd=scratch)
            report(result.returncode == 0 and result.stdout == expected.stdout and result.stderr == "0 fallbacks\n",
                   f"{name}: ref's draws, bit for bit, and nothing fell back", result.stderr)
            if options.tool:
                result = run([tool, "check", "--quiet", "--bits", path], cwd=scratch)
                report(result.returncode == 0 and " 0 wrong, 0 skipped" in result.stdout, f"{name}: numc check finds nothing wrong",
                       result.stdout[-200:] + result.stderr)
        # Installed beside the others it has a name.
        result = run([options.meson, "install", "-C", os.path.join(project, "build"), "--quiet"],
                     env={key: value for key, value in clean.items() if key != "DESTDIR"})
        result = run([program], env=clean | {"NUMC_BACKEND": "plain"}, cwd=scratch)
        report(result.returncode == 0 and result.stdout == expected.stdout, "installed, it is found by its name", result.stderr)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
