"""Make a locale called `comma`, whose decimal point is a comma, in the folder given: no machine need have one installed.

Programs see it with LOCPATH set to the folder and setlocale(LC_ALL, "comma"). The character map is plain ASCII.
"""
import os
import subprocess
import sys

SOURCE = """comment_char %
escape_char /
LC_CTYPE
END LC_CTYPE
LC_NUMERIC
decimal_point ","
thousands_sep "."
grouping 3;3
END LC_NUMERIC
"""


def main():
    folder = os.path.abspath(sys.argv[1])
    os.makedirs(folder, exist_ok=True)
    names = [f"<U{code:04X}> /x{code:02x}" for code in range(128)]
    charmap = "\n".join(["<code_set_name> ANSI_X3.4-1968", "<comment_char> %", "<escape_char> /", "<mb_cur_min> 1",
                         "<mb_cur_max> 1", "CHARMAP"] + names + ["END CHARMAP", ""])
    with open(os.path.join(folder, "comma.source"), "w", encoding="ascii") as file:
        file.write(SOURCE)
    with open(os.path.join(folder, "ascii.charmap"), "w", encoding="ascii") as file:
        file.write(charmap)
    # -c: categories that are left out are warnings only, and the exit status is then 1.
    result = subprocess.run(["localedef", "-c", "-f", "./ascii.charmap", "-i", "./comma.source", "./comma"],
                            cwd=folder, capture_output=True, text=True, check=False)
    if not os.path.exists(os.path.join(folder, "comma", "LC_NUMERIC")):
        sys.exit(result.stdout + result.stderr)
    with open(os.path.join(folder, "comma.made"), "w", encoding="ascii") as file:
        file.write("made\n")


if __name__ == "__main__":
    main()
