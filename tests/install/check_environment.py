"""Check that docs/environment.md names exactly the NUMC_ variables that the programs look up, each once.

Writes TAP. A variable is looked up where a program passes its name to getenv, os.environ.get or one of our own forms, documented where it
begins a table row. What the build passes to a single test is that test's affair.
"""
import os
import re
import sys

LOOKUP = re.compile(r'(?:getenv|environment\w*|os\.environ\.get)\s*\(\s*(?:\w+\s*,\s*)?"(NUMC_[A-Z0-9_]+)"')
FOLDERS = ["src", "backends", "tools", "examples", "bench", "include", "tests/posteriors", "tests/array_api"]


def main():
    root = sys.argv[1]
    used = {}
    for folder in FOLDERS:
        for path, _, files in os.walk(os.path.join(root, folder)):
            for file in files:
                if file.endswith((".c", ".h", ".hpp", ".cpp", ".py")):
                    name = os.path.join(path, file)
                    with open(name, encoding="utf-8") as text:
                        for variable in LOOKUP.findall(text.read()):
                            used.setdefault(variable, os.path.relpath(name, root))
    with open(os.path.join(root, "docs", "environment.md"), encoding="utf-8") as text:
        rows = re.findall(r"^\| `(NUMC_[A-Z0-9_]+)", text.read(), re.MULTILINE)
    documented = set(rows)
    number = 0
    for variable in sorted(documented | set(used)):
        number += 1
        if variable not in documented:
            print(f"not ok {number} - {variable} is documented\n# looked up in {used[variable]}")
        elif variable not in used:
            print(f"not ok {number} - {variable} is looked up by some program")
        elif rows.count(variable) > 1:
            print(f"not ok {number} - {variable} has one row, not {rows.count(variable)}")
        else:
            print(f"ok {number} - {variable}")
    number += 1
    print(f"{'ok' if used else 'not ok'} {number} - the sources look up some variable")
    print(f"1..{number}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
