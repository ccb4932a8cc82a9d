"""Writes a header and what it includes as one C array: text for a compiler that has no files, such as the scalar kernel.

usage: make_text.py FOLDER HEADER NAME OUTPUT DEPENDENCIES [BASE | --bare]

What the header BASE includes is left out: the text will follow BASE's. --bare: as a C compiler without headers sees it
(NUMC_KERNEL_BARE), without conditionals: pieces.c, which chooses what a program needs, keeps those whole."""
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


def resolved(text):
    """Without conditionals: all of them ask whether a dialect's macro, or one of the kernel's own, is defined."""
    known, lines, nest = {"__GNUC__", "NUMC_KERNEL_BARE"}, [], []  # nest: [is taken, one was taken]
    for line in text.split("\n"):
        words = line.split()
        word = words[0] if words else ""
        if word in ("#if", "#ifdef", "#ifndef", "#elif"):
            asked = re.findall(r"defined\((\w+)\)", line) or words[1:2]
            assert "!" not in line and "&&" not in line, line
            holds = (known.isdisjoint(asked) if word == "#ifndef" else not known.isdisjoint(asked))
            if word == "#elif":
                nest[-1] = [holds and not nest[-1][1], holds or nest[-1][1]]
            else:
                nest.append([holds, holds])
        elif word == "#else":
            nest[-1] = [not nest[-1][1], True]
        elif word == "#endif":
            nest.pop()
        elif all(taken for taken, _ in nest):
            if word == "#define":
                known.add(re.match(r"\w+", words[1]).group())
            lines.append(line)
    return "\n".join(lines)


is_bare = sys.argv[6:] == ["--bare"]
if len(sys.argv) > 6 and not is_bare:
    expand(sys.argv[6])
data = shortened(expand(header))
data = (resolved(data) if is_bare else data).encode("ascii") + b"\0"
with open(output, "w", encoding="ascii") as file:
    file.write("/* Made by make_text.py from %s. */\n" % header)
    file.write("extern const char %s[%d];\n" % (symbol, len(data)))
    file.write("const char %s[%d] = {\n" % (symbol, len(data)))
    for i in range(0, len(data), 24):
        file.write(",".join(str(byte) for byte in data[i:i + 24]) + ",\n")
    file.write("};\n")
with open(dependencies, "w", encoding="utf-8") as file:
    file.write("%s: %s\n" % (output, " ".join(os.path.join(folder, name) for name in seen)))
