"""Install the build into a scratch folder, build C and C++ programs against it with pkg-config, and run them on each backend.

Writes TAP. Nothing of the build tree is in the programs' environment: the backends must be found where they were installed.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

number = 0
DEVICES = ["opencl", "cuda"]  # they may find none on this machine


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}")
    for line in str(detail).splitlines():
        print(f"# {line}")
    return good


def run(command, **options):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return result.returncode, (result.stdout + result.stderr).strip()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--meson", required=True)
    arguments.add_argument("--build", required=True)
    arguments.add_argument("--c", required=True)
    arguments.add_argument("--cpp", default="")
    arguments.add_argument("--backends", nargs="*", default=[])
    arguments.add_argument("--default-backend", required=True)
    arguments.add_argument("--io", action="store_true")
    options = arguments.parse_args()
    sources = os.path.dirname(os.path.abspath(__file__))

    clean = {key: value for key, value in os.environ.items() if not key.startswith(("NUMC_", "LD_", "PKG_CONFIG"))}
    with tempfile.TemporaryDirectory() as scratch:
        status, output = run([options.meson, "install", "-C", options.build, "--no-rebuild", "--quiet"],
                             env=clean | {"DESTDIR": scratch})
        if not report(status == 0, "meson install", output):
            print(f"1..{number}")
            return 0
        pc_files = glob.glob(os.path.join(scratch, "**", "numc.pc"), recursive=True)
        report(len(pc_files) == 1, "numc.pc is installed", pc_files)
        clean["PKG_CONFIG_PATH"] = os.path.dirname(pc_files[0])

        def pkg_config(*words):
            status, output = run(["pkg-config", *words], env=clean)
            return output if status == 0 else ""

        folder = pkg_config("--variable=libdir", "numc")
        report(os.path.exists(os.path.join(folder, "libnumc.so.0")), "libnumc has its soname's link", folder)
        plugins = pkg_config("--variable=plugindir", "numc")
        files = sorted(os.listdir(plugins)) if os.path.isdir(plugins) else []
        report(files == sorted(f"numc-{name}.so" for name in options.backends), "the plugin directory holds the backends",
               f"{plugins}: {files}")

        environment = clean | {"LD_LIBRARY_PATH": folder}
        c = options.c.split() + ["-std=c11"]
        with open(os.path.join(sources, "..", "..", "README.md"), encoding="utf-8") as text:
            sample = re.search(r"^```c\n(.*?)^```", text.read(), re.MULTILINE | re.DOTALL)[1]
        with open(os.path.join(scratch, "README.c"), "w", encoding="utf-8") as text:
            text.write(sample)
        programs = [(c, "program.c", "numc"), (c, os.path.join(scratch, "README.c"), "numc")]
        if options.cpp:
            programs.append((options.cpp.split() + ["-std=c++17"], "program.cpp", "numc"))
        if options.io:
            programs.append((c, "program_io.c", "numc_io"))
        for compiler, source, package in programs:
            path = os.path.join(sources, source)
            source = os.path.basename(source)
            program = os.path.join(scratch, "program-" + source.replace(".", "-"))
            status, output = run(compiler + [path, "-o", program]
                                 + pkg_config("--cflags", "--libs", package).split() + ["-Wl,--as-needed"], env=clean)
            if not report(status == 0, f"{source} builds with pkg-config {package}", output):
                continue
            for backend in ["ref"] + [name for name in options.backends if name not in DEVICES]:
                status, output = run([program, backend], env=environment | {"NUMC_BACKEND": backend}, cwd=scratch)
                report(status == 0, f"{source} runs with NUMC_BACKEND={backend}", output)
            status, output = run([program, options.default_backend], env=environment, cwd=scratch)
            report(status == 0, f"{source} runs on the default backend", output)
            status, output = run([program, "nonsense"], env=environment | {"NUMC_BACKEND": "nonsense"}, cwd=scratch)
            report(status != 0 and "nonsense" in output, f"{source} reports an unknown backend", output)
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
