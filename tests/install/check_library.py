"""Check libnumc as a file: a soname, only numc_* exported, needs only libc, libm, threads and dl, under 2 MB stripped.

Writes TAP. The argument is the shared library.
"""
import os
import re
import subprocess
import sys
import tempfile

LIMIT = 2 * 1024 * 1024
ALLOWED = re.compile(r"^(libc|libm|libpthread|libdl|ld-linux[-\w]*)\.so\.\d+$")


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main():
    library = sys.argv[1]
    number = 0

    def report(good, name, detail):
        nonlocal number
        number += 1
        print(f"{'ok' if good else 'not ok'} {number} - {name}\n# {detail}")

    dynamic = output_of("readelf", "--dynamic", "--wide", library)
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    report(soname == ["libnumc.so.0"], "soname", soname)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    report(all(ALLOWED.match(name) for name in needed), "needs only libc, libm, threads and dl", needed)
    report("TEXTREL" not in dynamic, "no text relocations", "")

    names = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", library).splitlines()]
    foreign = [name for name in names if not re.match(r"^numc_[a-z0-9]", name)]
    report(not foreign and "numc_version" in names, "exports only numc_ names", f"{len(names)} names; foreign: {foreign}")

    # Constant tables that hold pointers lie in .data.rel.ro, which is read-only once loaded. What the compiler's own
    # start-up files bring is named __ or completed.N.
    mutable = [line.split()[-1] for line in output_of("objdump", "--syms", library).splitlines()
               if re.search(r"\s\.(data|bss|tdata|tbss)\s", line) and re.search(r"^\S+ .{6}O", line)]
    mutable = [name for name in mutable if not re.match(r"^(completed\.\d+|__\w+)$", name)]
    report(not mutable, "no writable process-wide state", mutable)

    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, "libnumc.so")
        subprocess.run(["strip", "-o", stripped, library], check=True)
        size = os.path.getsize(stripped)
    report(size < LIMIT, "under 2 MB stripped", f"{size} bytes")
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
