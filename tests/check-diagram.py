#!/usr/bin/python3
"""docs/architecture.md must hold the diagram that the code's table prints.

    check-diagram.py PRINT-DIAGRAM DOCUMENT [--write]
"""

import subprocess
import sys

BEGIN = "<!-- diagram: made by tests/print-diagram.c; see tests/check-diagram.py --write -->\n```mermaid\n"
END = "```\n<!-- end of diagram -->"


def main():
    program, path = sys.argv[1:3]
    diagram = subprocess.run([program], check=True, capture_output=True,
                             text=True).stdout
    text = open(path, encoding="utf-8").read()
    before, begin, rest = text.partition(BEGIN)
    held, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{path}: the markers of the diagram are missing")
    if "--write" in sys.argv:
        with open(path, "w", encoding="utf-8") as document:
            document.write(before + BEGIN + diagram + END + after)
    elif held != diagram:
        sys.exit(f"{path}: the diagram is not that of the code; run "
                 f"tests/check-diagram.py {program} {path} --write")


main()
