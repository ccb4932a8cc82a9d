"""Whether numc_xp's prototypes and structs are those of the headers: one C file of static assertions, compiled with
-fsyntax-only, a case of TAP per function and struct."""
import argparse
import ast
import os
import subprocess
import sys
import tempfile


def tables(path):
    """The names `prototypes` and `structs` of numc_xp/_library.py, which is run without a library."""
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    body = [node for node in tree.body
            if not (isinstance(node, (ast.Assign, ast.Expr)) and {"library", "C", "context", "raise_pending"}
                    & {name.id for name in ast.walk(node) if isinstance(name, ast.Name)})]
    found = {}
    exec(compile(ast.Module(body, []), path, "exec"), found)
    return found


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--include", required=True)
    arguments.add_argument("--c", required=True)
    options = arguments.parse_args()
    found = tables(os.path.join(os.path.dirname(os.path.abspath(__file__)), "numc_xp", "_library.py"))

    cases = []
    for name, (result, *parameters) in sorted(found["prototypes"].items()):
        text = ", ".join(parameters) or "void"
        cases.append((name, f"__builtin_types_compatible_p(__typeof__(&({name})), {result} (*)({text}))"))
    for struct, name in found["structs"].items():
        size = found["ctypes"].sizeof(struct)
        checks = [f"sizeof({name}) == {size}"]
        for field, _ in struct._fields_:
            if not (name == "numc_operand" and field != "kind"):
                checks.append(f"offsetof({name}, {field}) == {getattr(struct, field).offset}")
        cases.append((name, " && ".join(checks)))

    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "prototypes.c")
        with open(path, "w", encoding="utf-8") as out:
            out.write('#include "numc/numc.h"\n#include "numc/dlpack.h"\n')
            for number, (name, check) in enumerate(cases):
                out.write(f"#line {number + 1} \"case\"\n_Static_assert({check}, \"{name}\");\n")
        ran = subprocess.run([*options.c.split(), "-std=gnu11", "-fsyntax-only", "-fno-diagnostics-show-caret",
                              "-I", options.include, path], capture_output=True, text=True, check=False,
                             env={**os.environ, "LC_ALL": "C"})
    wrong = {}
    for line in ran.stderr.splitlines():
        if line.startswith("case:") and " error: " in line:
            wrong.setdefault(int(line.split(":")[1]), line)
    if ran.returncode and not wrong:
        print("\n".join("# " + line for line in ran.stderr.splitlines()))
        wrong = {number: "the file does not compile" for number in range(1, len(cases) + 1)}
    for number, (name, _) in enumerate(cases, 1):
        print(f"ok {number} - {name}" if number not in wrong else f"not ok {number} - {name}\n# {wrong[number]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
