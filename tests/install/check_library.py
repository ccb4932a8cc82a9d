"""Check what the build made as files: sonames, exported names, needed libraries, process-wide state, the core's size.

Writes TAP. Arguments: the core, then `--io FILE` and `--backend FILE` (any number), `--optimized` where size is to be looked at.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

LIMIT = 1_950_000  # bytes
SYSTEM = r"libc|libm|libpthread|libdl|ld-linux[-\w]*"
number = 0


def report(good, name, detail=""):
    global number
    number += 1
    print(f"{'ok' if good else 'not ok'} {number} - {name}\n# {detail}")


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def check_file(library, soname, exported, needed):
    """needed: pattern of library names without version; exported: pattern of names."""
    short = os.path.basename(library).split(".so")[0]
    dynamic = output_of("readelf", "--dynamic", "--wide", library)
    if soname:
        found = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
        report(found == [soname], f"{short}: soname {soname}", found)
    found = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    strange = [name for name in found if not re.match(rf"^({needed})\.so(\.\d+)*$", name)]
    report(not strange, f"{short}: needs only what it may", f"{found}; not allowed: {strange}")
    report("TEXTREL" not in dynamic, f"{short}: no text relocations")

    names = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", library).splitlines()]
    strange = [name for name in names if not re.match(rf"^({exported})$", name)]
    report(names and not strange, f"{short}: exports only {exported}", f"{len(names)} names; not allowed: {strange}")

    # Constant tables that hold pointers lie in .data.rel.ro, which is read-only once loaded. What the compiler's own
    # start-up files bring is named __ or completed.N.
    mutable = [line.split()[-1] for line in output_of("objdump", "--syms", library).splitlines()
               if re.search(r"\s\.(data|bss|tdata|tbss)\s", line) and re.search(r"^\S+ .{6}O", line)]
    mutable = [name for name in mutable if not re.match(r"^(completed\.\d+|__\w+)$", name)]
    return short, mutable


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("core")
    arguments.add_argument("--soversion", required=True)
    arguments.add_argument("--io", action="append", default=[])
    arguments.add_argument("--backend", action="append", default=[])
    arguments.add_argument("--optimized", action="store_true")
    options = arguments.parse_args()

    public = r"numc_[a-z0-9]\w*"
    short, mutable = check_file(options.core, f"libnumc.so.{options.soversion}", public, SYSTEM)
    report(not mutable, f"{short}: no writable process-wide state", mutable)
    if options.optimized:
        with tempfile.TemporaryDirectory() as folder:
            stripped = os.path.join(folder, "libnumc.so")
            subprocess.run(["strip", "-o", stripped, options.core], check=True)
            size = os.path.getsize(stripped)
        report(size < LIMIT, f"{short}: under {LIMIT / 1e6} MB stripped", f"{size} bytes")
    for library in options.io:
        short, mutable = check_file(library, f"libnumc_io.so.{options.soversion}", public, f"libnumc|libjansson|{SYSTEM}")
        report(not mutable, f"{short}: no writable process-wide state", mutable)
    for library in options.backend:
        # A backend may open what it likes, but links nothing of ours and shows one name.
        check_file(library, None, "numc_backend_query", r"(?!libnumc)[\w+-]+")
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
