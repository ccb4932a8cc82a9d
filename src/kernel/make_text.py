"""Writes a header and what it includes as one C array: text for a compiler that has no files, such as the scalar kernel.

usage: make_text.py FOLDER HEADER NAME OUTPUT DEPENDENCIES [BASE]

What the header BASE includes is left out: the text will follow BASE's."""
import os
import re
import sys

folder, header, symbol, output, dependencies = sys.argv[1:6]
seen = []


def expand(name):
    """A header with its own includes in place, each once; comments and indentation are left out."""
    if name in seen:
        return ""
    seen.append(name)
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
    text = re.sub(r'^#include "([^"]+)"\n', lambda match: expand(match.group(1)), text, flags=re.M)
    return re.sub(r"\n+", "\n", re.sub(r"^[ \t]+|[ \t]+$", "", text, flags=re.M))


def shortened(text):
    """Without blanks that separate nothing, but in directives. Those of a - -b, a / *b and 0xe + 1 do."""
    assert not any(" " in string for string in re.findall(r'"[^"\n]*"', text)), "a string holds blanks"
    lines, directive = [], False
    for line in text.split("\n"):
        directive = line.startswith("#") or (directive and lines[-1].endswith("\\"))
        if not directive:
            line = re.sub(r" *([][(){};,=<>?:!|&^%]+) *", r"\1", line)
            line = re.sub(r"(?<=[\w\])])(?<![eEpP]) ([-+*/]) (?=[\w(])", r"\1", line)
        lines.append(line)
    return "\n".join(lines)


if len(sys.argv) > 6:
    expand(sys.argv[6])
data = shortened(expand(header)).encode("ascii") + b"\0"
with open(output, "w", encoding="ascii") as file:
    file.write("/* Made by make_text.py from %s. */\n" % header)
    file.write("extern const char %s[%d];\n" % (symbol, len(data)))
    file.write("const char %s[%d] = {\n" % (symbol, len(data)))
    for i in range(0, len(data), 24):
        file.write(",".join(str(byte) for byte in data[i:i + 24]) + ",\n")
    file.write("};\n")
with open(dependencies, "w", encoding="utf-8") as file:
    file.write("%s: %s\n" % (output, " ".join(os.path.join(folder, name) for name in seen)))
