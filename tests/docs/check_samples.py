"""Compiles every C block of the documentation, those with an ellipsis excepted, as strictly as the library itself.

Blocks of one page share a translation unit: later ones may use what earlier ones define."""
import os
import re
import shlex
import subprocess
import sys
import tempfile

root, compiler = sys.argv[1], shlex.split(sys.argv[2])
pages = [os.path.join(root, "README.md")] + sorted(
    os.path.join(root, "docs", name) for name in os.listdir(os.path.join(root, "docs")) if name.endswith(".md"))
flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function", "-Wno-unused-const-variable",
         "-fsyntax-only", "-I", os.path.join(root, "include")]
results = []
for page in pages:
    with open(page, encoding="utf-8") as file:
        blocks = re.findall(r"^```c\n(.*?)^```$", file.read(), re.M | re.S)
    blocks = [block for block in blocks if "..." not in block]
    if not blocks:
        continue
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as source:
        source.write("#include <math.h>\n#include <stdio.h>\n#include <numc/numc.h>\n#include <numc/predictive.h>\n")
        source.write("\n".join(blocks))
        source.flush()
        run = subprocess.run(compiler + flags + [source.name], capture_output=True, text=True)
    results.append((os.path.relpath(page, root), len(blocks), run.returncode == 0, run.stderr))

print("1..%d" % len(results))
for number, (page, count, good, text) in enumerate(results, 1):
    print("%s %d - %s: %d C blocks" % ("ok" if good else "not ok", number, page, count))
    for line in text.splitlines():
        print("# " + line)
sys.exit(0 if results and all(good for _, _, good, _ in results) else 1)
