"""Refuse test names that no test of a build folder has, naming the nearest. Arguments: the folder, then names (* and ? as in shells).

With --tier1 a name that only long tests have is refused too, and says so.
"""
import difflib
import fnmatch
import json
import subprocess
import sys


def main():
    arguments = sys.argv[1:]
    short_only = arguments[:1] == ["--tier1"]
    folder, names = arguments[short_only], arguments[short_only + 1:]
    listing = subprocess.run(["meson", "introspect", "--tests", folder], capture_output=True, text=True, check=True)
    tests = [(test["name"], {suite.split(":")[-1] for suite in test["suite"]}) for test in json.loads(listing.stdout)]
    suites = set().union(*(own for _, own in tests))
    wrong = 0
    for name in names:
        found = [own for test, own in tests if fnmatch.fnmatchcase(test, name)]
        if found and not (short_only and all("tier2" in own for own in found)):
            continue
        wrong += 1
        if found:
            print(f"{name} is a long test: add --tier2")
        elif name in suites:
            print(f"{name} is a suite, not a test; its tests: " + ", ".join(test for test, own in tests if name in own))
        else:
            near = difflib.get_close_matches(name, sorted({test for test, _ in tests}), 3, 0.4)
            print(f"no test is called {name}" + (f"; the nearest: {', '.join(near)}" if near else ""))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
