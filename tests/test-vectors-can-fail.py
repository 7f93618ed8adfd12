#!/usr/bin/env python3
"""test-vectors-can-fail.py TEST-VECTORS FILE

Proves that the vectors can fail: takes one expectation at a time, makes it
wrong in one way, and requires that TEST-VECTORS exits with 1 and names the
case.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile


def wrong_scalar(value):
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return "" if value.startswith("$any-") else value + "x"
    return 0  # null becomes a number


def scalars(value, path=()):
    """Paths to everything in `value` that is no container."""
    if isinstance(value, dict) and value:
        for key in value:
            yield from scalars(value[key], path + (key,))
    elif isinstance(value, list) and value:
        for index, element in enumerate(value):
            yield from scalars(element, path + (index,))
    elif not isinstance(value, (dict, list)):
        yield path


def replaced(value, path, make):
    """`value` with what `path` leads to replaced by make(it)."""
    if not path:
        return make(value)
    result = copy.copy(value)
    result[path[0]] = replaced(value[path[0]], path[1:], make)
    return result


def other_type(value):
    if isinstance(value, bool) or value is None:
        return "x"
    if isinstance(value, int):
        return str(value)
    if value == "$any-int":
        return "$any-string"
    if value == "$any-string":
        return "$any-int"
    return [value]


def mutated_inbound(case):
    """Each way in which a decoded message could be expected wrongly."""
    expect = case["expect"]
    for kind in ("update", "no-update", "reject", "ignore"):
        if kind != expect["kind"]:
            yield dict(case, expect=dict(expect, kind=kind))
    for path in scalars(expect):
        for make in (wrong_scalar, other_type):
            yield dict(case, expect=replaced(expect, path, make))
    yield dict(case, expect=dict(expect, surplus=1))
    if expect["kind"] != "ignore":
        yield dict(case, topic=case["topic"] + "/other")


def mutated_outbound(case):
    """Each way in which a published message could be expected wrongly."""
    topic, payload = case["expect_topic"], case["expect_payload"]
    if topic is None:
        yield dict(case, expect_topic="some/topic", expect_payload={})
        return
    yield dict(case, expect_topic=None, expect_payload=None)
    yield dict(case, expect_topic=topic + "x")
    if "expect_qos" in case:
        yield dict(case, expect_qos=1 - case["expect_qos"])
    yield dict(case, expect_payload=dict(payload, surplus=1))
    for key in payload:
        less = {k: v for k, v in payload.items() if k != key}
        yield dict(case, expect_payload=less)
    for path in scalars(payload):
        for make in (wrong_scalar, other_type):
            yield dict(case, expect_payload=replaced(payload, path, make))


def run(program, vectors):
    """Exit status and output for `vectors` as a file of their own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(vectors, file)
    try:
        done = subprocess.run([program, file.name], capture_output=True,
                              text=True, check=False)
    finally:
        os.unlink(file.name)
    return done.returncode, done.stdout


def check(program, vectors):
    """The mutants that were not noticed."""
    unnoticed = []
    mutants = {"inbound": [], "outbound": []}
    makers = {"inbound": mutated_inbound, "outbound": mutated_outbound}

    for direction, make in makers.items():
        for case in vectors[direction]:
            for number, mutant in enumerate(make(case)):
                mutant["name"] = f"{direction} {case['name']} #{number}"
                mutants[direction].append(mutant)

    # All at once says which are not noticed, ...
    status, output = run(program, dict(vectors, **mutants))
    failed = set(line[len("FAILED "):] for line in output.splitlines()
                 if line.startswith("FAILED "))
    names = [m["name"] for group in mutants.values() for m in group]
    unnoticed += [name for name in names if name not in failed]
    summary = f"{len(names) - len(failed)} passed, {len(failed)} failed"
    if status != 1 or output.splitlines()[-1] != summary:
        unnoticed.append(f"the summary: exit {status}, {output[-60:]!r}")

    # ... one by one that a single one is enough for exit 1.
    for direction in makers:
        for mutant in mutants[direction][::40]:
            one = copy.copy(vectors)
            one[direction] = vectors[direction] + [mutant]
            status, _ = run(program, one)
            if status != 1:
                unnoticed.append(f"{mutant['name']} alone: exit {status}")
    return len(names), unnoticed


def main():
    program, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    status, output = run(program, vectors)
    if status != 0:
        sys.exit(f"the vectors themselves fail:\n{output}")
    count, unnoticed = check(program, vectors)
    for unusable in ({}, {"format": 1}, dict(vectors, format=2),
                     dict(vectors, platform="none"),
                     dict(vectors, inbound=[], outbound=[])):
        status, _ = run(program, unusable)
        if status != 2:
            unnoticed.append(f"an unusable file: exit {status}")
    for name in unnoticed:
        print("not noticed:", name)
    print(f"{count} mutants, {len(unnoticed)} not noticed")
    sys.exit(1 if unnoticed else 0)


main()
