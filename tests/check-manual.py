#!/usr/bin/python3
"""The manual pages and conf/otad.conf have what the programs have, no more.

    check-manual.py SOURCE-ROOT PRINT-KEYS OTAD OTACTL OTAD-LAUNCH

Keys, commands, options, handler actions, variables, fields of JSON, kinds of
errors: each must stand in its manual page, and nothing else there.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1])
PRINT_KEYS, OTAD, OTACTL, OTAD_LAUNCH = sys.argv[2:6]
problems = []


def compare(what, said, true):
    """Both are sets."""
    for item in sorted(true - said):
        problems.append(f"{what}: {item} is missing")
    for item in sorted(said - true):
        problems.append(f"{what}: {item} does not exist")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          text=True).stdout


def source(path):
    return (ROOT / path).read_text(encoding="utf-8")


def page(name):
    return source(f"docs/man/{name}.scd")


def section(text, title):
    """What stands below `# TITLE`, up to the next one."""
    found = re.search(rf"^# {re.escape(title)}\n(.*?)(?=^# |\Z)", text,
                      re.M | re.S)
    if not found:
        problems.append(f"a manual page has no section {title}")
        return ""
    return found[1]


def entries(text):
    """The lines that head an entry: they begin with a bold word."""
    return re.findall(r"^\*.*$", text, re.M)


# ---- the configuration ----

def keys_of_the_code():
    """{section: keys}, {type of module: keys that not every type has}."""
    sections, types = {}, {}
    for line in run(PRINT_KEYS).splitlines():
        part, key = line.split()
        _, is_type, name = part.partition("type:")
        where = types if is_type else sections
        where.setdefault(name or part, set()).add(key)
    return sections, types


def check_keys_of_types(types):
    text = section(page("otad.conf.5"), "[MODULE NAME] SECTION")
    listed = text.partition("*Type=*")[2].partition("\n\n*")[0]
    said = {name: set(re.findall(r"\*(\w+)=\*", keys)) for name, keys in
            re.findall(r"^\s*_(\w+)_: (.*?)(?=^\s*_\w+_: |\Z)", listed,
                       re.M | re.S)}
    for name in sorted(set(said) | set(types)):
        compare(f"otad.conf(5), Type={name}", said.get(name, set()),
                types.get(name, set()))


def check_keys_of_the_page(keys):
    text = page("otad.conf.5")
    titles = re.findall(r"^# (\[.*\] SECTION)$", text, re.M)
    compare("otad.conf(5), sections",
            {re.match(r"\[(\w+)", title)[1].capitalize() for title in titles},
            set(keys))
    for title in titles:
        part = re.match(r"\[(\w+)", title)[1].capitalize()
        said = set(re.findall(r"\*(\w+)=\*",
                              "\n".join(entries(section(text, title)))))
        compare(f"otad.conf(5), [{part}]", said, keys.get(part, set()))


def check_keys_in_passing(keys):
    known = set().union(*keys.values())
    for name in ("otad.8", "otactl.1", "otad.conf.5", "otad-launch.8",
                 "otad-handler.7"):
        said = set(re.findall(r"\*(\w+)=", page(name)))
        compare(f"{name}, keys in passing", said - known, set())


def check_example_file(keys):
    text = source("conf/otad.conf")
    known = set().union(*keys.values())
    said = set(re.findall(r"\b([A-Z]\w+)=", text))
    # Of systemd, where it says how to pass a secret; and what a key looks like.
    compare("conf/otad.conf", said - {"LoadCredential", "ReadWritePaths", "Key"}, known)
    parts = re.split(r"^\[(\w+)\]$", text, flags=re.M)
    for part, body in zip(parts[1::2], parts[2::2]):
        body = body.partition("\n# ---")[0]
        if part in ("Mqtt", "Download", "Update", "Paths"):
            compare(f"conf/otad.conf, [{part}]",
                    set(re.findall(r"^#?(\w+)=", body, re.M)), keys[part])


# ---- command lines ----

def options_in_help(text):
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", text, re.M))


def options_in_entries(text):
    return {option for entry in entries(text)
            for option in re.findall(r"\*(--[\w-]*)\*", entry)}


def check_programs():
    for name, program in (("otad.8", OTAD), ("otad-launch.8", OTAD_LAUNCH)):
        said = set(options_in_entries(section(page(name), "OPTIONS")))
        text = run(program, "--help")
        compare(f"{name}, options", said,
                set(re.findall(r"(?<![\w-])(--\w[\w-]*)", text)) |
                (said & {"--"}))


def commands_in_help(text):
    commands = set()
    for line in text.split("\n\n")[1].splitlines():
        words = line.split()
        if "|" in words[1]:
            commands |= {f"{words[0]} {word}" for word in words[1].split("|")}
        else:
            commands.add(words[0])
    return commands


def check_commands():
    text = page("otactl.1")
    heads = {re.match(r"\*([a-z ]+)\*", entry)[1]: entry
             for entry in entries(section(text, "COMMANDS"))}
    help_text = run(OTACTL, "--help")
    commands = commands_in_help(help_text)
    compare("otactl(1), commands", set(heads), commands)
    everywhere = options_in_help(help_text)
    some = set()
    for command in set(heads) & commands:
        head = heads[command]
        own = options_in_help(run(OTACTL, *command.split(), "--help")) - \
            (everywhere - {"--version"})
        said = set(re.findall(r"\*(--[\w-]+)\*", head))
        compare(f"otactl(1), {command}", said, own)
        some |= own
    for_all, _, for_some = section(text, "OPTIONS").partition("For some of them")
    compare("otactl(1), options of all", options_in_entries(for_all), everywhere)
    compare("otactl(1), options of some", options_in_entries(for_some), some)


# ---- handlers ----

def check_handlers():
    text = page("otad-handler.7")
    code = source("src/install/exec.c") + source("src/install/version-query.c")
    actions = set(re.findall(r'_action = \{ "(\w+)"', code)) | \
        set(re.findall(r'handler, "(\w+)"', code))
    compare("otad-handler(7), actions",
            {entry.strip("*") for entry in entries(section(text, "ACTIONS"))},
            actions)
    compare("otad-handler(7), variables",
            {entry.strip("*")
             for entry in entries(section(text, "ENVIRONMENT"))},
            set(re.findall(r'"(OTA_\w+)"',
                           source("src/install/environment.c"))))


# ---- JSON ----

def fields(body):
    return re.sub(r"\s+", " ", re.sub(r"#.*", "", body)).strip()


def check_json():
    text = section(page("otactl.1"), "JSON")
    varlink = re.sub(r"#.*", "", source("src/control/io.otad.varlink"))
    true = {name: fields(body) for name, body in
            re.findall(r"^type (\w+) \((.*?)^\)", varlink, re.M | re.S)}
    replies = {name: fields(body) for name, body in
               re.findall(r"^method (\w+)\([^)]*\) -> \((.*?)\)$", varlink,
                          re.M | re.S)}
    true["Stats"] = replies["GetStats"]
    true["Offered"] = replies["Update"]
    true["Status"] = replies["GetStatus"].replace("modules: int",
                                                  "modules: []Module")
    said = {name: fields(body) for name, body in
            re.findall(r"^type (\w+) \((.*?)^\)", text, re.M | re.S)}
    compare("otactl(1), types", {f"{n}: {b}" for n, b in said.items()},
            {f"{n}: {b}" for n, b in true.items()})
    kinds = set(re.findall(r'/\* "([a-z-]+)"', source("include/otad/base/error.h")))
    listed = re.search(r"^_error_ is ([^.]+)\.", text, re.M)[1]
    compare("otactl(1), kinds of errors",
            set(re.split(r",\s*|\s+or\s+", re.sub(r"\s+", " ", listed))), kinds)


# ---- docs/monitoring.md ----

def check_monitoring():
    text = source("docs/monitoring.md")
    compare("docs/monitoring.md, MESSAGE_IDs",
            set(re.findall(r"^\|.*`([0-9a-f]{32})`", text, re.M)),
            set(re.findall(r'"([0-9a-f]{32})"', source("src/base/messages.c"))))
    compare("docs/monitoring.md, metrics",
            {name for line in re.findall(r"^\| `otad_.*", text, re.M)
             for name in re.findall(r"`otad_(\w+)`", line.split("|")[1])},
            set(re.findall(r'put_(?:plain|counter|title)\(out, "(\w+)"',
                           source("src/control/metrics-text.c"))))


def main():
    keys, types = keys_of_the_code()
    check_keys_of_the_page(keys)
    check_keys_of_types(types)
    check_keys_in_passing(keys)
    check_example_file(keys)
    check_programs()
    check_commands()
    check_handlers()
    check_json()
    check_monitoring()
    if problems:
        sys.exit("\n".join(problems))


main()
