"""Check that docs/environment.md names exactly the NUMC_ variables that the programs look up, each once.

Writes TAP. A variable is looked up where a program passes its name to getenv, os.environ.get or one of our own forms, documented where it
begins a table row. The first table is the library's and its backends': those of src/backend/environment.c, with the values it takes, in
its order. The second is that of benchmarks, scripts and tests; what the build passes to a single test is that test's affair.
"""
import os
import re
import sys

LOOKUP = re.compile(r'(?:getenv|environment\w*|os\.environ\.get)\s*\(\s*(?:\w+\s*,\s*)?"(NUMC_[A-Z0-9_]+)"')
LIBRARY = ["src", "backends", "include"]
PROGRAMS = ["tools", "examples", "bench", "tests/posteriors", "tests/array_api"]
NAME = r"NUMC_[A-Z0-9_]+"


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as text:
        return text.read()


def looked_up(root, folders):
    names = {}
    for folder in folders:
        for path, _, files in os.walk(os.path.join(root, folder)):
            for file in files:
                if file.endswith((".c", ".h", ".hpp", ".cpp", ".py")):
                    for name in LOOKUP.findall(read(path, file)):
                        names.setdefault(name, os.path.relpath(os.path.join(path, file), root))
    return names


def main():
    root = sys.argv[1]
    library = looked_up(root, LIBRARY)
    programs = {name: where for name, where in looked_up(root, PROGRAMS).items() if name not in library}
    known = re.findall(rf'\{{"({NAME})", \w+, "([^"]*)"\}}', read(root, "src", "backend", "environment.c"))
    rows = [re.findall(rf"^\| `({NAME})` \| ([^|]*) \|", table, re.MULTILINE)
            for table in read(root, "docs", "environment.md").split("|---|---|---|")[1:]]
    tables = [[name for name, _ in table] for table in rows]
    checks = [("environment.md has two tables", len(tables) == 2, f"it has {len(tables)}"),
              ("the sources look up variables", library and programs, "none was found"),
              ("the first table says what the library takes, in its order",
               rows and known == [(name, values.replace("`", "'")) for name, values in rows[0]], f"it takes {known}")]
    for used, table, what in zip((library, programs), tables, ("library's", "programs'")):
        for name in sorted(set(table) | set(used)):
            checks.append((f"{name} is looked up and has one row, in the {what} table", name in used and table.count(name) == 1,
                           f"looked up in {used.get(name, 'nothing')}, {table.count(name)} rows"))
    for number, (what, good, why) in enumerate(checks, 1):
        print(f"ok {number} - {what}" if good else f"not ok {number} - {what}\n# {why}")
    print(f"1..{len(checks)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
