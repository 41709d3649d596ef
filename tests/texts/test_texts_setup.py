"""What setup writes can be read again, whatever was answered; and what it says is in order."""

from __future__ import annotations

import ast
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import errors
from bot.config import KEYS
from bot.core.wishes import OutputProblem
from bot.errors import SettingsNotWritten
from bot.findings import About, Kind, bad, fine
from bot.texts import setup, why
from bot.texts.new_settings import settings_file

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def written(**changes: Any) -> str:
    return settings_file(
        **{
            "token": "1:x",
            "token_file": "",
            "username": "some_bot",
            "api_url": "",
            "host": "127.0.0.1:10009",
            "tls_cert": "/tls.cert",
            "macaroon": "bot.macaroon",
            "root_key_id": "7",
            "proxy": "",
            "owners": [],
            "database": "invoice-bot.db",
            "kept": {},
            **changes,
        }
    )


@given(TEXT, TEXT, TEXT)
def test_whatever_was_answered_is_read_again_as_it_was(host: str, path: str, token: str) -> None:
    text = written(host=host, tls_cert=path, token=token, database=path, owners=[7, 5])
    read = tomllib.loads(text)
    assert read["lnd"] == {"host": host, "tls_cert": path, "macaroon": "bot.macaroon"}
    assert read["telegram"] == {"token": token}
    assert read["database"] == {"url": f"sqlite:///{path}"}
    assert read["access"] == {"owners": [7, 5]}


@given(TEXT)
def test_no_name_of_a_bot_adds_a_line_to_the_settings(username: str) -> None:
    assert tomllib.loads(written(username=username)) == tomllib.loads(written())


def test_every_key_is_one_of_the_example_and_optional_ones_are_left_out() -> None:
    full = written(api_url="http://x", proxy="http://x:1", token_file="t")
    for text in (written(), full):
        for section, keys in tomllib.loads(text).items():
            assert keys.keys() <= set(KEYS[section])
    assert "proxy" not in written()
    assert "token = " not in full
    assert "deletemacaroonid 7" in full
    assert "deletemacaroonid" not in written(root_key_id="0")


def test_what_is_kept_of_an_older_file_is_read_again_as_it_was() -> None:
    kept = {
        "lnd": {"private_route_hints": False},
        "invoices": {"max_sats": 5, "payee": 'A "b"'},
        "access": {"owners": [1], "users": [2, 3], "open": True},
        "limits": {"open_per_chat": 3},
        "database": {"url": "sqlite:///x", "keep": "2d"},
    }
    read = tomllib.loads(written(kept=kept, owners=[1], database="x"))
    for section, values in kept.items():
        assert values.items() <= read[section].items()
    assert "SIGHUP" in written()
    assert "macaroon that is there" in setup.use_present(Path("/x"))
    assert setup.owners_of([5], {7: "Ada"}) == "5; Ada (7), who owns the bot already"


@pytest.mark.parametrize("line", [*written().splitlines()])
def test_no_line_of_the_settings_is_longer_than_a_screen(line: str) -> None:
    assert len(line) <= 100


def test_no_sentence_of_setup_is_wider_than_a_terminal() -> None:
    source = ast.parse(Path(setup.__file__).read_text())
    fixed = [
        node.elts
        for node in ast.walk(source)
        if isinstance(node, ast.Tuple) and all(isinstance(each, ast.Constant) for each in node.elts)
    ]
    lines = [str(each.value) for elements in fixed for each in elements]  # type: ignore[attr-defined]
    assert len(lines) > 15
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("problem", OutputProblem)
def test_whatever_keeps_the_settings_from_being_written_has_a_sentence(
    problem: OutputProblem,
) -> None:
    expected = (
        *(OutputProblem.NOT_A_FILE, OutputProblem.FOLDER_MISSING),
        *(OutputProblem.FOLDER_READ_ONLY, OutputProblem.NOT_WRITTEN),
    )
    if problem in expected:
        said = why(SettingsNotWritten(problem=problem, path="/x/y", reason="disk full"))
        assert "/x" in said
        assert said.endswith(".")


@pytest.mark.parametrize("kind", [*errors.NodeError.family()])
def test_every_refusal_of_the_node_ends_as_a_sentence_and_says_what_to_do(
    kind: type[errors.NodeError],
) -> None:
    said = setup.node_refused(kind(), "127.0.0.1:1")
    what, hint = said.splitlines()[:2]
    assert what[-1] == "."
    assert hint.startswith("  ")
    assert hint[-1] in ".?k" or hint.endswith("lncli create")
    assert "this bot's macaroon" not in said.lower()


def test_what_others_said_turns_and_hides_no_line() -> None:
    evil = "a\x1b[2J\u202eb\nc"
    finding = bad(About.TELEGRAM, Kind.UNREACHABLE, api_url=evil, reason=evil)
    lines = [
        setup.token_refused(finding),
        setup.node_of(evil, "127.0.0.1:1", evil),
        setup.bot_of(evil, evil),
        *setup.claim(f"https://t.me/{evil}?start=x"),
        *setup.open_bot(evil),
        *setup.facts([fine(About.NODE, Kind.IDENTITY, alias=evil, version=evil, network=evil)]),
        setup.node_refused(errors.NodeOdd(detail=evil), "127.0.0.1:1"),
        setup.file_of(Path(evil), Path(evil)),
    ]
    for line in lines:
        assert "\x1b" not in line
        assert "\u202e" not in line
        assert "\nc" not in line
    assert os.linesep == "\n"
