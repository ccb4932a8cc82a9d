"""What must and what must not compile: numbers and arrays mixed, expressions nested 12 deep, two numbers, a void pointer.

Writes TAP, one case per snippet and compiler.
"""
import argparse
import os
import shutil
import subprocess
import sys
import time

SECONDS = 10   # for the deep expressions; without care each level multiplies the text and 12 levels never end


def nested(depth, both):
    text = "x"
    for _ in range(depth):
        text = f"numc_add({text}, {text if both else '1'})"
    return text


# (what, statement, must it compile)
SNIPPETS = [
    ("array and int", "return numc_add(x, 1);", True),
    ("double and array", "return numc_multiply(0.5, x);", True),
    ("constant array and bool", "const numc_array *c = x; return numc_logical_and(c, (bool)1);", True),
    ("float, long and unsigned", "return numc_add(1.0f, numc_subtract(2L, numc_add(x, 3u)));", True),
    ("two arrays", "return numc_add(x, x);", True),
    ("argument with an increment", "int i = 0; numc_array *y = numc_add(x, ++i); (void)y; return i == 1 ? y : x;", True),
    ("12 deep", f"return {nested(12, False)};", True),
    ("5 deep on both sides", f"return {nested(5, True)};", True),
    ("unary in binary", "return numc_add(numc_exp(numc_negative(numc_multiply(x, 2))), numc_log(x));", True),
    ("where with numbers", "return numc_where(numc_less(x, 0), 0.0, x);", True),
    ("two numbers", "(void)x; return numc_add(1, 2);", False),
    ("void pointer", "void *p = x; return numc_add(p, x);", False),
    ("string", "return numc_add(x, \"1\");", False),
    ("context", "numc_context *c = 0; return numc_add(x, c);", False),
]
PROGRAM = "#include <numc/numc.h>\nnumc_array *snippet(numc_array *x);\nnumc_array *snippet(numc_array *x)\n{{\n    {}\n}}\n"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--include", required=True)
    arguments.add_argument("--c", required=True)
    options = arguments.parse_args()
    compilers = [options.c.split()]
    if shutil.which("clang") and compilers[0][-1] != "clang":
        compilers.append(["clang"])
    number = 0
    for compiler in compilers:
        for what, statement, wanted in SNIPPETS:
            number += 1
            begin = time.monotonic()
            result = subprocess.run(
                compiler + ["-x", "c", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror",
                            "-fsyntax-only", "-I", options.include, "-"],
                input=PROGRAM.format(statement), capture_output=True, text=True, check=False)
            seconds = time.monotonic() - begin
            good = (result.returncode == 0) == wanted and seconds < SECONDS
            # A refusal must be about the statement, which is line 5.
            if good and not wanted:
                good = "<stdin>:5:" in result.stderr
            print(f"{'ok' if good else 'not ok'} {number} - {what} {'compiles' if wanted else 'does not compile'} "
                  f"with {os.path.basename(compiler[-1])}")
            if not good:
                print("\n".join(f"# {line}" for line in [f"{seconds:.1f} s"] + result.stderr.splitlines()[:20]))
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
