"""Compile each public header alone, with warnings as errors, and check that it is in the list of installed files.

Writes TAP: one case per header and language (and per compiler: clang joins when it is on the machine).
"""
import argparse
import os
import shutil
import subprocess
import sys

STRICT = ["-fsyntax-only", "-Werror", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow"]


def compile_alone(compiler, language, header, include):
    program = f'#include "numc/{header}"\n#include "numc/{header}"\nint numc_headers_test(void);\n'
    standard = ["-x", "c", "-std=c11"] if language == "c" else ["-x", "c++", "-std=c++17"]
    return subprocess.run(
        compiler + standard + STRICT + ["-I", include, "-"],
        input=program, capture_output=True, text=True, check=False)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--include", required=True)
    arguments.add_argument("--c", required=True)
    arguments.add_argument("--cpp", default="")
    arguments.add_argument("--installed", nargs="*", default=[])
    options = arguments.parse_args()

    compilers = {"c": [options.c.split()], "c++": [options.cpp.split()] if options.cpp else []}
    for language, name in (("c", "clang"), ("c++", "clang++")):
        if shutil.which(name) and compilers[language] and compilers[language][0][-1] != name:
            compilers[language].append([name])

    installed = {os.path.basename(path) for path in options.installed}
    headers = sorted(os.listdir(os.path.join(options.include, "numc")))
    number = failed = 0

    def report(good, name, output=""):
        nonlocal number, failed
        number += 1
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        for line in output.splitlines():
            print(f"# {line}")

    for header in headers:
        report(header in installed, f"{header} is installed")
        for language in ("c", "c++"):
            if language == "c" and header.endswith(".hpp"):
                continue
            for compiler in compilers[language]:
                result = compile_alone(compiler, language, header, options.include)
                report(result.returncode == 0, f"{header} alone as {language} with {os.path.basename(compiler[-1])}",
                       result.stderr)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
