#!/usr/bin/env python3
"""take-example.py DOCUMENT SOURCE-ROOT OUTPUT-FOLDER

Takes the blocks of docs/adding-a-cloud.md out of it: each stands below a line
that names its file. The row goes into a copy of the table, beside a copy of
platforms.c, so that both can be built with the rest as it is.
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^`([^`\n]+)`[^\n]*:\n\n```\w+\n(.*?)^```$", re.M | re.S)
TABLE = "src/cloud/platforms.def"


def main():
    document, root, folder = map(pathlib.Path, sys.argv[1:])
    blocks = dict(BLOCK.findall(document.read_text()))
    row = blocks.pop(TABLE)
    if row.count("\n") != 1:
        sys.exit(f"{document}: more than one row for {TABLE}")
    for path, text in blocks.items():
        (folder / pathlib.Path(path).name).write_text(text)
    (folder / "platforms.def").write_text((root / TABLE).read_text() + row)
    (folder / "platforms.c").write_text(
        (root / "src/cloud/platforms.c").read_text())


if __name__ == "__main__":
    main()
