"""JSON with values within values, and with numbers of any length: nothing else in it is lost."""

from __future__ import annotations

import json
import math

import pytest

from bot.chat.parsing import DEEPEST, DIGITS, MOST, number_of_first, parse

#: Signs that mean nothing within a text.
TEXTS = ("", "]}", '"', '\\"[{', "\\", "a\\\\", "\u20bf \U0001f355", "\n\t\0")


@pytest.mark.parametrize("depth", [DEEPEST, 1500, 50_000])
@pytest.mark.parametrize("kind", [('{"x":', "}"), ("[", "]"), ('[{"]":', "}]"), ("[1,", ",2]")])
def test_what_is_too_deep_is_left_out_and_nothing_else(depth: int, kind: tuple[str, str]) -> None:
    begin, end = kind
    texts = json.dumps(TEXTS)
    deep = begin * depth + texts + end * depth
    said = parse(f'{{"before":{texts},"deep":{deep},"after":[{texts},{{"n":7}}],"n":{{}}}}')
    assert said["before"] == list(TEXTS)
    assert said["after"] == [list(TEXTS), {"n": 7}]
    assert said["n"] == {}


def test_what_is_not_too_deep_for_python_is_there_whole() -> None:
    assert parse("[" * 2 * DEEPEST + "]" * 2 * DEEPEST) == json.loads(
        "[" * 2 * DEEPEST + "]" * 2 * DEEPEST
    )


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_number_of_any_length_is_read_and_one_that_nobody_has_is_infinite(sign: str) -> None:
    said = parse(f'{{"n":[{sign}{"9" * 5000},{sign}{"9" * 4000},{sign}{2**63}],"id":7}}')
    endless = -math.inf if sign else math.inf
    assert said == {"n": [endless, endless, int(f"{sign}{2**63}")], "id": 7}
    assert len(str(2**64)) <= DIGITS


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100_000, "]" * 10, '{"a":' * 5000 + "1" + "}" * 4999, '{"a":"', '{"a":"\\', "[1 2]"],
)
def test_what_is_no_json_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- it promises no more
        parse(text)


def test_of_what_is_too_long_nothing_is_looked_through() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse("[" * MOST + "]" * MOST)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ('{"ok":true,"result":[{"update_id":7,"message":{', 7),
        (' { "ok" : true , "result" : [ { "update_id" : 7 , "x": {"update_id":8}', 7),
        ('{"ok":true,"result":[{"message":{"text":"\\"update_id\\":6"},"update_id":7}]}', 7),
        ('{"ok":true,"result":[{"message":{"text":"\\"update_id\\":6"}}]}', None),
        ('{"ok":true,"result":[{"update_id":"7"', None),
        ('{"ok":true,"result":[{"update_id":-7', None),
        ('{"ok":true,"result":[{"update_id":' + "7" * 30, None),
        ('{"ok":true,"result":[]}', None),
        ("", None),
    ],
)
def test_the_number_of_an_update_that_nobody_can_read(answer: str, number: int | None) -> None:
    assert number_of_first(answer.encode()) == number
