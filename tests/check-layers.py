#!/usr/bin/env python3
"""Folders are layers: says where an #include leads upwards or sideways.

    check-layers.py ROOT

reads every C file below ROOT/src and ROOT/include and prints FILE:LINE and
what is wrong with each include that breaks a rule; exit status 1 then. First
it proves on a small tree of its own that it can find each kind of breach.
"""

import pathlib
import re
import sys
import tempfile

# From the bottom up. A folder includes itself and the rows before its own;
# folders of one row do not know each other.
ROWS = (
    ("base",),
    ("model",),
    ("config",),
    ("mqtt", "fetch", "verify"),
    ("cloud", "install"),
    ("update",),
    ("control",),
    ("otad", "otactl", "launch"),
)

# Library types stay in one folder.
LIBRARIES = (
    (re.compile(r"mosquitto"), "mqtt"),
    (re.compile(r"curl/"), "fetch"),
    (re.compile(r"systemd/sd-event\.h$"), "base"),
    (re.compile(r"ini\.h$"), "config"),
    (re.compile(r"archive(_entry)?\.h$"), "install"),
)

ROW_OF = {folder: row for row, folders in enumerate(ROWS) for folder in folders}
INCLUDE = re.compile(r"\s*#\s*(?:include|include_next|import)\b\s*(.*)")
TARGET = re.compile(r'(?:"([^"]+)"|<([^>]+)>)')


def fault_of_project_header(folder, name):
    """What is wrong with "otad/..." in a file of `folder`, or None."""
    parts = name.split("/")
    if len(parts) != 3 or parts[1] not in ROW_OF:
        return f"{name} is in no layer"
    other = parts[1]
    if other == folder or ROW_OF[other] < ROW_OF[folder]:
        return None
    if ROW_OF[other] > ROW_OF[folder]:
        return f"{folder} is below {other}, so it must not include {name}"
    return f"{folder} and {other} are siblings: {name} is not for it"


def fault_of_private_header(path, public, name):
    """What is wrong with "name.h", which is to stand beside `path`."""
    if public:
        return f"a public header includes the private {name}"
    if "/" in name:
        return f"{name}: private headers are for the files beside them only"
    if not (path.parent / name).is_file():
        return f"{name} does not stand beside it"
    return None


def fault_of_library_header(folder, name):
    """What is wrong with <name>, or with it in quotes."""
    for pattern, owner in LIBRARIES:
        if pattern.match(name) and folder != owner:
            return f"only {owner} may include {name}"
    return None


def fault_of_include(path, folder, public, text):
    """What is wrong with `text`, all that stands behind #include."""
    match = TARGET.match(text)
    if not match:
        return f"cannot tell what #include {text} names"
    quoted, angled = match.groups()
    name = quoted or angled
    fault = fault_of_library_header(folder, name)
    if fault:
        return fault
    if name.startswith("otad/"):
        return fault_of_project_header(folder, name)
    return fault_of_private_header(path, public, name) if quoted else None


def faults_of_file(path, folder, public):
    """Yields (line number, fault)."""
    if folder not in ROW_OF:
        yield 1, f"folder {folder or '.'} is in no row of this test's table"
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            fault = fault_of_include(path, folder, public, match.group(1))
            if fault:
                yield number, fault


def faults_of_tree(root):
    """Yields (path, line number, fault)."""
    for top, public in (("src", False), ("include/otad", True)):
        base = root / top
        for path in sorted(base.rglob("*.[ch]")):
            parts = path.relative_to(base).parts
            folder = parts[0] if len(parts) > 1 else ""
            for number, fault in faults_of_file(path, folder, public):
                yield path.relative_to(root).as_posix(), number, fault


GOOD_TREE = {
    "include/otad/base/error.h": "#pragma once\n#include <stdbool.h>\n",
    "include/otad/model/offer.h": '#include "otad/base/error.h"\n',
    "include/otad/config/config.h": '#include "otad/model/offer.h"\n',
    "include/otad/update/updater.h": '#include "otad/cloud/cloud.h"\n',
    "include/otad/cloud/cloud.h": '#include "otad/model/offer.h"\n',
    "src/base/loop.c": "#include <systemd/sd-event.h>\n",
    "src/base/json-scan.h": "#pragma once\n",
    "src/mqtt/mqtt.c": '#include <mosquitto.h>\n#include "own.h"\n',
    "src/mqtt/own.h": "// #include <curl/curl.h>\n",
    "src/fetch/fetch.c": "#include <curl/curl.h>\n",
    "src/config/config.c": "#include <ini.h>\n",
    "src/install/archive.c": "#include <archive.h>\n#include <archive_entry.h>\n",
    "src/otad/main.c": '#include "otad/update/updater.h"\n#include <systemd/sd-daemon.h>\n',
}

# A file each, with the one line that must be found.
BAD_TREE = {
    "include/otad/base/upward.h": (1, '#include "otad/model/offer.h"\n'),
    "include/otad/model/upward.h": (1, '#include "otad/config/config.h"\n'),
    "include/otad/cloud/sibling.h": (1, '#include "otad/install/installer.h"\n'),
    "include/otad/base/private.h": (2, '#pragma once\n#include "json-scan.h"\n'),
    "include/otad/base/beside.h": (1, '#include "error.h"\n'),
    "include/otad/base/library.h": (1, "#include <mosquitto.h>\n"),
    "include/otad/stray.h": (1, "#pragma once\n"),
    "src/model/upward.c": (3, "\n\n#include \"otad/cloud/cloud.h\"\n"),
    "src/update/upward.c": (1, '  #  include  "otad/control/control.h"\n'),
    "src/mqtt/sibling.c": (1, '#include "otad/fetch/fetch.h"\n'),
    "src/verify/sibling.c": (1, "#include <otad/mqtt/mqtt.h>\n"),
    "src/otad/sibling.c": (1, '#include "otad/launch/launch.h"\n'),
    "src/cloud/nested/upward.c": (1, '#include "otad/update/updater.h"\n'),
    "src/update/mosquitto.c": (1, "#include <mosquitto.h>\n"),
    "src/mqtt/curl.c": (1, "#include <curl/multi.h>\n"),
    "src/fetch/event.c": (1, "#include <systemd/sd-event.h>\n"),
    "src/update/ini.c": (1, '#include "ini.h"\n'),
    "src/verify/archive.c": (1, "#include <archive_entry.h>\n"),
    "src/update/reach.c": (1, '#include "../base/json-scan.h"\n'),
    "src/update/absent.c": (1, '#include "absent.h"\n'),
    "src/update/unknown.c": (1, '#include "otad/nowhere/x.h"\n'),
    "src/update/flat.c": (1, '#include "otad/x.h"\n'),
    "src/update/deep.c": (1, '#include "otad/base/deep/x.h"\n'),
    "src/update/macro.c": (1, "#include HEADER\n"),
    "src/nowhere/new.c": (1, "int x;\n"),
    "src/stray.c": (1, "int x;\n"),
}


def plant(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def check_self():
    """Complaints about this test itself, none when it can be trusted."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        plant(root, GOOD_TREE)
        wrong = [f"finds fault with the good {path}:{number}: {fault}"
                 for path, number, fault in faults_of_tree(root)]
        plant(root, {name: text for name, (_, text) in BAD_TREE.items()})
        found = [(path, number) for path, number, _ in faults_of_tree(root)]
    planted = [(name, number) for name, (number, _) in BAD_TREE.items()]
    wrong += [f"is blind to {path}:{number}"
              for path, number in planted if (path, number) not in found]
    wrong += [f"finds {path}:{number}, which is none"
              for path, number in found if (path, number) not in planted]
    return wrong


def main():
    if len(sys.argv) != 2:
        print("usage: check-layers.py ROOT", file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[1])
    complaints = [f"check-layers.py itself {wrong}" for wrong in check_self()]
    if not any((root / "src").rglob("*.c")):
        complaints.append(f"{root}: no sources to check")
    complaints += [f"{path}:{number}: {fault}"
                   for path, number, fault in faults_of_tree(root)]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
