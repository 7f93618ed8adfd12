#!/usr/bin/python3
"""A document must hold, between its markers, what the code prints of itself.

    check-diagram.py PRINT-PROGRAM DOCUMENT [--write]
"""

import re
import subprocess
import sys


def main():
    program, path = sys.argv[1:3]
    source = program.rsplit("/", 1)[-1] + ".c"
    made = subprocess.run([program], check=True, capture_output=True,
                          text=True).stdout
    text = open(path, encoding="utf-8").read()
    # A diagram stands in a fence, a table by itself.
    found = re.search(r"(<!-- \w+: made by tests/" + re.escape(source) +
                      r"[^\n]*-->\n(?:```\w*\n)?)(.*?)((?:```\n)?<!-- end of \w+ -->)",
                      text, re.S)
    if not found:
        sys.exit(f"{path}: the markers of tests/{source} are missing")
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as document:
            document.write(text[:found.start(2)] + made + text[found.end(2):])
    elif found[2] != made:
        sys.exit(f"{path}: it does not say what the code does; run "
                 f"tests/check-diagram.py {program} {path} --write")


main()
