"""Seeded mutations of bytes and of JSON values: the same seed gives the same hostile files on every machine."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable
from typing import Any

BOUNDARIES = (
    0,
    1,
    -1,
    127,
    128,
    255,
    256,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**63 - 1,
)
INTERESTING = b"\x00\x01\x7f\x80\xff \"'\\/{}[]().,-"


def nested(depth: int, value: Any = 0) -> Any:
    """Return lists in lists, `depth` of them."""
    for _ in range(depth):
        value = [value]
    return value


NAMES = (
    *(
        "../../canary/victim",
        "/etc/passwd",
        "..",
        ".",
        "",
        "\0",
        "a\0b",
        "~/x",
        "C:\\x",
        "con",
        "-rf",
        "%s%n",
    ),
    *(
        "\ud800",
        "\u202eevil",
        "\x1b[2J",
        "line\nbreak",
        "é" * 300,
        "x" * 100_000,
        "0" * 32,
        "f" * 32,
        "0" * 33,
    ),
)
NUMBERS = (
    *(0, -1, 1, 2, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400, 10**4300 - 1),
    *(-0.0, 0.5, 1e308, 1e-320, float("nan"), float("inf")),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        [],
        {},
        [[]],
        [{}],
        {"": {}},
        {"id": None},
        [None],
        "records/" + "0" * 32 + ".sealed",
    ),
    *(nested(40), nested(400), nested(450, {"a": 1}), [0] * 10_000, {str(i): i for i in range(3000)}),
)


def mutate_bytes(random_: random.Random, content: bytes, other: bytes = b"") -> bytes:
    """Return bytes that were changed in one to three places."""
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        content = random_.choice(_BYTES)(random_, content, other)
    return content


def _flip(random_: random.Random, content: bytes, other: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(random_.choice((1, 1, 2, 8))):
        changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def _set(random_: random.Random, content: bytes, other: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    changed[_place(random_, len(changed))] = random_.choice(INTERESTING)
    return bytes(changed)


def _truncate(random_: random.Random, content: bytes, other: bytes) -> bytes:
    return content[: random_.randrange(len(content) + 1)]


def _extend(random_: random.Random, content: bytes, other: bytes) -> bytes:
    return content + random_.choice((b"\0", b"\n", random_.randbytes(16), bytes(5000), content))


def _delete(random_: random.Random, content: bytes, other: bytes) -> bytes:
    start, end = _span(random_, content)
    return content[:start] + content[end:]


def _duplicate(random_: random.Random, content: bytes, other: bytes) -> bytes:
    start, end = _span(random_, content)
    return content[:end] + content[start:end] * random_.choice((1, 1, 50)) + content[end:]


def _splice(random_: random.Random, content: bytes, other: bytes) -> bytes:
    start, end = _span(random_, other or content)
    at = random_.randrange(len(content) + 1)
    return content[:at] + (other or content)[start:end] + content[at + random_.choice((0, end - start)) :]


def _integer(random_: random.Random, content: bytes, other: bytes) -> bytes:
    """Write an integer from the edge of its type over a place, mostly one near the beginning."""
    width, order = random_.choice((1, 2, 4, 8)), random_.choice(("little", "big"))
    at = _place(random_, len(content))
    number = random_.choice(BOUNDARIES) % 256**width
    return (
        content[:at] + number.to_bytes(width, "big" if order == "big" else "little") + content[at + width :]
    )


def _number(random_: random.Random, content: bytes, other: bytes) -> bytes:
    """Replace one number that is written in digits."""
    found = list(re.finditer(rb"\d+", content))
    if not found:
        return _flip(random_, content, other)
    match = random_.choice(found)
    number = str(random_.choice((*BOUNDARIES, 2**64, 10**30, 10**400)))
    return content[: match.start()] + number.encode() + content[match.end() :]


_BYTES: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (
    *(_flip, _flip, _set, _truncate, _extend, _delete, _duplicate, _splice, _integer, _integer, _number),
)


def _place(random_: random.Random, length: int) -> int:
    return random_.randrange(max(1, min(length, random_.choice((8, 64, length)))))


def _span(random_: random.Random, content: bytes) -> tuple[int, int]:
    start = random_.randrange(len(content) + 1)
    return start, min(len(content), start + random_.choice((1, 4, 32, 500)))


def mutate_json(random_: random.Random, value: Any) -> Any:
    """Return a JSON value in which one to three things are others, missing, doubled, renamed or from elsewhere."""
    value = copy.deepcopy(value)
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        value = _mutate_json(random_, value)
    return value


def _mutate_json(random_: random.Random, value: Any) -> Any:
    places = list(_places(value))
    if not places:
        return _hostile(random_, value)
    holder, key = random_.choice(places)
    act = random_.randrange(8)
    if act < 5:
        holder[key] = _hostile(random_, holder[key])
    elif act == 5:
        del holder[key]
    elif act == 6 and isinstance(holder, dict):
        holder[random_.choice(NAMES)] = holder.pop(key)
    elif act == 6:
        holder.append(copy.deepcopy(holder[key]))
    else:
        other, name = random_.choice(places)
        holder[key] = copy.deepcopy(other.get(name) if isinstance(other, dict) else other[name % len(other)])
    return value


def _places(value: Any, depth: int = 0) -> Any:
    if depth > 8:
        return
    keys: Any = (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys[:30]:
        yield value, key
        yield from _places(value[key], depth + 1)


def _hostile(random_: random.Random, value: Any) -> Any:
    """Return something else, half of the times of the same type, so that deeper checks are reached."""
    if isinstance(value, str) and random_.random() < 0.6:
        if value and random_.random() < 0.5:
            at = random_.randrange(len(value))
            return value[:at] + random_.choice("0f/.\0g") + value[at + 1 :]
        return random_.choice(NAMES)
    if isinstance(value, int | float) and random_.random() < 0.6:
        return random_.choice(NUMBERS)
    return copy.deepcopy(random_.choice((*NAMES, *NUMBERS, *VALUES)))
