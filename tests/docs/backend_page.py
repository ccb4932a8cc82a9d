"""Hold the counted and listed parts of docs/new-backend.md to the code: the template's lines, the contract's slots (as `numc check
--slots` prints them), the scalar operations that have no name in the array standard (those docs/array-api.md does not list).

`backend_page.py ROOT NUMC` compares and writes TAP; with --write behind, it writes the parts into the page instead.
"""
import os
import re
import subprocess
import sys
import textwrap

root, tool = sys.argv[1:3]
page_path = os.path.join(root, "docs", "new-backend.md")


def read(*names):
    with open(os.path.join(root, *names), encoding="utf-8") as file:
        return file.read()


def code_lines(text):
    """Lines that hold more than a comment."""
    return sum(1 for line in re.sub(r"/\*.*?\*/", lambda found: "\n" * found[0].count("\n"), text, flags=re.S).splitlines() if line.strip())


def lines():
    text = read("examples", "backend-template", "plain.c")
    table = text[text.index("static const numc_backend table"):]
    slots = len(re.findall(r"^\s*\.(\w+) = \1,$", table, re.M))
    return f"It has {len(text.splitlines())} lines, {code_lines(text)} of them code, for {slots} functions.\n"


def slots():
    return subprocess.run([tool, "check", "--slots"], check=True, capture_output=True, text=True).stdout


def scalars():
    listed = set(re.findall(r"^\| ([a-z_0-9]+) \|", read("docs", "array-api.md"), re.M)) | {"convert"}  # astype
    header = read("include", "numc", "backend.h")
    header = header[header.index("#define NUMC_SCALAR_TABLE"):header.index("typedef enum numc_scalar")]
    names = re.findall(r"X\(\d+, [A-Z0-9_]+, (\w+),", header)
    beyond = [name for name in names if name not in listed]
    samplers = [name for name in beyond if name.startswith("random_")]
    others = [name for name in beyond if name not in samplers]
    text = (f"Of the {len(names)} scalar operations {len(names) - len(beyond)} are the standard's. Beyond it are {len(others)} functions, "
            f"{', '.join(others)}; and {len(samplers)} for random numbers, {', '.join(samplers)}.")
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def main():
    with open(page_path, encoding="utf-8") as file:
        page = file.read()
    parts = {"lines": lines, "slots": slots, "scalars": scalars}
    good = True
    for number, (name, make) in enumerate(parts.items(), 1):
        begin, end = f"<!-- {name}: written by tests/docs/backend_page.py -->\n", "<!-- end -->\n"
        at = page.index(begin) + len(begin)
        until = page.index(end, at)
        if "--write" in sys.argv[3:]:
            page = page[:at] + make() + page[until:]
            continue
        same = page[at:until] == make()
        good = good and same
        print(f"{'ok' if same else 'not ok'} {number} - {name}: docs/new-backend.md says what the code says")
        if not same:
            print("# run tests/docs/backend_page.py ROOT NUMC --write")
    if "--write" in sys.argv[3:]:
        with open(page_path, "w", encoding="utf-8") as file:
            file.write(page)
    else:
        print(f"1..{len(parts)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
