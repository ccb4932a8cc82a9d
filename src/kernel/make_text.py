"""Writes the scalar kernel's headers as one C array, numc_kernel_text: what a compiler that has no files is given.

usage: make_text.py FOLDER OUTPUT DEPENDENCIES"""
import os
import re
import sys

folder, output, dependencies = sys.argv[1:]
seen = []


def expand(name):
    """A header with its own includes in place, each once; comments are left out."""
    if name in seen:
        return ""
    seen.append(name)
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    text = re.sub(r'^#include "([^"]+)"\n', lambda match: expand(match.group(1)), text, flags=re.M)
    return re.sub(r"\n[ \n]*\n", "\n", re.sub(r"[ \t]+$", "", text, flags=re.M))


data = expand("kernel.h").encode("ascii") + b"\0"
with open(output, "w", encoding="ascii") as file:
    file.write("/* Made by make_text.py from the headers of src/kernel. */\n")
    file.write("extern const char numc__kernel_library[%d];\n" % len(data))
    file.write("const char numc__kernel_library[%d] = {\n" % len(data))
    for i in range(0, len(data), 24):
        file.write(",".join(str(byte) for byte in data[i:i + 24]) + ",\n")
    file.write("};\n")
with open(dependencies, "w", encoding="utf-8") as file:
    file.write("%s: %s\n" % (output, " ".join(os.path.join(folder, name) for name in seen)))
