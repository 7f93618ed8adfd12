"""Compares every message of a story with the document's trace.

An expected message is One(topic, payload, qos), a run of them Some(ONE...): any
number, each like one of those. Payloads are compared as JSON values, types
included; a function in the place of a value says whether it will do.

What goes out at QoS 1 and what goes out at QoS 0 have one order each: MQTT
promises no more (3.1.1, section 4.6), and aedes makes use of it. mosquitto keeps
the order of all.
"""

import collections
import time

import lab

One = collections.namedtuple("One", "topic payload qos")


class Some:
    """A run of messages, each like one of `ones`."""

    def __init__(self, *ones):
        self.ones = ones


def a_text(value):
    return isinstance(value, str) and value != ""


def an_id(value):
    """Aliyun style: a 32 bit number in decimal."""
    return isinstance(value, str) and value.isdigit() and int(value) < 1 << 32


def an_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def seconds(value):
    """A time of today."""
    return an_int(value) and abs(value - time.time()) < 3600


def milliseconds(value):
    return an_int(value) and seconds(value // 1000)


def text_like(start):
    """A text that begins with the kind, and says more."""
    return lambda value: isinstance(value, str) and \
        value.startswith(start) and len(value) <= 128


def tens(value):
    """What a download shows on its way from 0 to 90."""
    return an_int(value) and value in range(10, 90, 10)


def ten_words(value):
    return value in map(str, range(10, 90, 10))


def fits(pattern, value):
    """Whether a JSON value is what the pattern says."""
    if callable(pattern):
        return pattern(value)
    if isinstance(pattern, dict):
        return isinstance(value, dict) and pattern.keys() == value.keys() and \
            all(fits(pattern[key], value[key]) for key in pattern)
    if isinstance(pattern, list):
        return isinstance(value, list) and len(pattern) == len(value) and \
            all(map(fits, pattern, value))
    return type(pattern) is type(value) and pattern == value


def is_one(one, message):
    return (one.topic, one.qos) == (message.topic, message.qos) and \
        fits(one.payload, message.payload)


def _show(one):
    return f"{one.topic} {one.payload} qos {one.qos}"


def _fail(what, story, at):
    lines = [f"  {'-->' if i == at else '   '} {m.topic} {m.text} qos {m.qos}"
             for i, m in enumerate(story)]
    raise lab.Failure(f"{what}; message {at + 1} of\n" + "\n".join(lines))


def _walk(story, expected):
    at = 0
    for one in expected:
        if isinstance(one, Some):
            while at < len(story) and any(is_one(o, story[at])
                                          for o in one.ones):
                at += 1
            continue
        if at == len(story) or not is_one(one, story[at]):
            _fail(f"expected {_show(one)}", story, at)
        at += 1
    if at < len(story):
        _fail("more than expected", story, at)


def _of(expected, qos):
    for one in expected:
        if isinstance(one, Some):
            yield Some(*(o for o in one.ones if o.qos == qos))
        elif one.qos == qos:
            yield one


def said(broker, heard, since=0):
    """What the device said: all that is not on the topics it hears."""
    return [m for m in broker.messages[since:]
            if m.topic not in heard and m.topic != "lab/ready"]


def check(broker, heard, expected, since=0):
    """`heard`: the topics on which the platform speaks."""
    story = said(broker, heard, since)
    if lab.WITNESS:
        for qos in (0, 1):
            _walk([m for m in story if m.qos == qos],
                  list(_of(expected, qos)))
    else:
        _walk(story, expected)
