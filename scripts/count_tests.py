"""Count the cases of the last `meson test` and print what failed; the last line is "N passed, N failed[, N skipped]".

CMocka programs (run with CMOCKA_MESSAGE_OUTPUT=TAP) and TAP scripts count case by case; any other test is one case. A
program that crashed, timed out or failed without naming a case, or stopped before its plan was done, adds a failure.
Exit status: 0 when something passed and nothing failed.
"""
import argparse
import glob
import json
import os
import re
import sys

CASE = re.compile(r"^(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*([^#]*)(#\s*skip)?", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.(\d+)\b(\s*#\s*skip)?", re.IGNORECASE)


def cases_of(test):
    """(passed, names of failed cases, skipped) of one entry of the log."""
    passed, failed, skipped, planned = 0, [], 0, 0
    for line in test.get("stdout", "").splitlines():
        plan, case = PLAN.match(line), CASE.match(line)
        if plan:
            planned += int(plan[1])
        elif case and case[3]:
            skipped += 1
        elif case and case[1]:
            failed.append(case[2].strip())
        elif case:
            passed += 1
    result = test["result"]
    seen = passed + len(failed) + skipped
    if result == "SKIP":
        return passed, failed, max(1, skipped)
    if result in ("OK", "EXPECTEDFAIL"):
        if seen == 0:
            return 1, [], 0
        if seen < planned:
            failed.append(f"only {seen} of {planned} cases ran")
    elif not failed:
        failed.append(f"{result.lower()}, exit status {test.get('returncode')}")
    return passed, failed, skipped


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeat", default="scripts/test")
    arguments.add_argument("folder")
    options = arguments.parse_args()

    passed = failed = skipped = 0
    for log in glob.glob(os.path.join(options.folder, "meson-logs", "testlog*.json")):
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    continue
                test = json.loads(line)
                ok, bad, left = cases_of(test)
                passed, failed, skipped = passed + ok, failed + len(bad), skipped + left
                if bad:
                    name = test["name"].split(" / ")[-1]
                    print(f"\n-- failed: {test['name']}: {'; '.join(bad)}")
                    output = (test.get("stdout", "") + "\n" + test.get("stderr", "")).strip().splitlines()
                    kept = [text for text in output if not re.match(r"^ok\b", text)]
                    print("\n".join("   " + text for text in kept[-60:]))
                    print(f"   repeat: {options.repeat} {name}")
    if passed + failed + skipped == 0:
        print("\nno test was run")
        failed = 1
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
