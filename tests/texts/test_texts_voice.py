"""How the bot speaks: plain words, and whole sentences."""

from __future__ import annotations

import ast
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import errors, texts
from bot.core.answers import NodeInfo, NodeStatus
from bot.core.board import BoardState
from bot.core.grants import Allowing, Claiming, Denying, Role
from bot.core.invoice import Audience, Face, State
from bot.core.knocks import Answering, KnockState
from bot.core.ledger import Page, Show
from bot.core.notices import Kind, Notice
from bot.core.wishes import (
    Cancelling,
    Change,
    Changing,
    Closing,
    Fixing,
    Joining,
    Leaving,
    OutputProblem,
    Parting,
    Renewing,
    Sitting,
    Splitting,
)
from tests.bills import board
from tests.rows import invoice
from tests.texts.reading import hostile
from tests.texts.test_texts_amounts import BILLS, POTS
from tests.texts.test_texts_amounts import SENTENCES as AMOUNTS
from tests.texts.test_texts_errors import LEAVES, VALUES
from tests.texts.test_texts_forgery import guests, knock

SOURCE = Path(texts.__file__).parent

# Words that are old, or mean too many things.
AVOIDED = re.compile(
    r"\b(stands?|stood|anew|shall|mend|may not|its owner|any ?more|told|tells?|follow an? invoice|"
    r"whoever|behind|foreign|holds?|held|word|taken|is over|nothing is to)\b",
    re.IGNORECASE,
)


def written() -> Iterator[str]:
    """Every text in the source of `texts` but for docstrings."""
    for file in SOURCE.glob("*.py"):
        tree = ast.parse(file.read_text())
        docstrings = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            is_docstring = node in docstrings
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and not is_docstring:
                yield node.value


def test_no_sentence_has_a_word_that_is_avoided() -> None:
    found = [text for text in written() if AVOIDED.search(text)]
    assert found == []


def test_the_search_for_words_finds_them() -> None:
    sentences = [text for text in written() if " " in text]
    assert len(sentences) > 100
    assert any("needs to unlock it" in sentence for sentence in sentences)
    assert AVOIDED.search("An earlier copy may stand above.")


INFO = NodeInfo(
    identity_pubkey="02",
    alias="carol",
    version="0.21",
    network="mainnet",
    synced_to_chain=True,
    block_height=900_123,
)

SAID = [
    *(sentence for _, sentence in AMOUNTS.values()),
    *(sentence for _, sentence in (*BILLS.values(), *POTS.values())),
    *(texts.why(kind(**VALUES)) for kind in LEAVES),
    *(texts.why(errors.OutputRefused(problem=each, **VALUES)) for each in OutputProblem),
    *(texts.asked_to_cancel(each) for each in Cancelling),
    *(texts.asked_to_renew(each) for each in Renewing),
    *(texts.owner_notice(Notice(each, 7, "why", 2, invoice=invoice(State.OPEN))) for each in Kind),
    texts.owner_notice(Notice(Kind.INBOUND_LOW, receivable_msat=790_000_000, limit_msat=10**9)),
    *(line for msat in (0, 790_000_000) for line in texts.receivable(msat)),
    texts.node_status(NodeStatus(None, INFO)),
    texts.node_status(NodeStatus(None, None)),
    texts.node_status(NodeStatus(errors.NodeUnreachable(), None)),
    texts.TOO_LATE,
    texts.CANCEL_HOW,
    texts.NOT_ALLOWED,
    texts.NOT_TRACKED,
    texts.QUESTION_EXPIRED,
    texts.BUG,
    texts.help_private("some_bot"),
    texts.help_group("some_bot"),
    texts.listed(Page([]), Show.ALL, in_group=True),
    texts.question(hostile(Face.QUESTION, "", "Anna")),
    texts.failed(hostile(Face.FAILED, "", "Anna")),
    texts.waiting_notice(errors.NodeTimeout(), 60),
    texts.still_waiting(errors.NodeTimeout()),
    texts.announcement(hostile(Face.PAID, "", "Anna"), Audience.ASKER),
    texts.payment_request(hostile(Face.PAID, "", "Anna"), Face.PAID),
    *(texts.board(board(state=each), "carol") for each in BoardState),
    *(texts.board_announcement(board(memo="", state=each)) for each in BoardState),
    *(texts.sitting(each) for each in Sitting),
    *(texts.leaving(each) for each in Leaving),
    *(said for each in Splitting if (said := texts.splitting(each))),
    *(said for each in Closing if (said := texts.closing(each))),
    *(said for each in Parting if (said := texts.parting(each))),
    *(texts.board_announcement(board(), is_bare=True, in_private=each) for each in (True, False)),
    *(texts.board_refused(board(), is_closed=each) for each in (True, False)),
    *(texts.joining(each) for each in Joining),
    *(texts.fixing(each) for each in Fixing),
    *(texts.changing(change, each) for change in Change for each in Changing),
    *(texts.hidden(each) for each in (True, False)),
    *(texts.reminder(board(), may_be_duplicate=each) for each in (True, False)),
    *(texts.claiming(each) for each in Claiming if each in (Claiming.OWNED, Claiming.WRONG)),
    *(texts.allowing(came, 7, "Ben", role) for came in Allowing for role in Role),
    *(texts.denying(came, number, "Ben", "a") for came in Denying for number in (7, -7)),
    *(texts.answering(each) for each in Answering),
    *(texts.knock(knock("Ben", state)) for state in KnockState),
    *(texts.let_in(knock("Ben", state), "some_bot") for state in KnockState),
    texts.who(guests("Ben"))[-1],
    texts.ALLOW_HOW,
    texts.allow_group_how("some_bot"),
    texts.DENY_HOW,
    texts.ASKED_OWNER,
    texts.UNINVITED_ASKED,
    texts.NOT_KNOWN,
    texts.KNOWN_TWICE,
    texts.NO_PERSON,
    texts.NEW_OWNER,
    texts.OWNERS_AS_THEMSELVES,
    texts.OWNERS_NEW,
    texts.WHO_IN_PRIVATE,
    texts.pay_for(board()),
    texts.too_little_inbound(1_000_000),
    texts.SPLIT_IN_GROUPS,
    texts.COLLECT_IN_GROUPS,
    texts.NOBODY_ELSE,
    texts.GIFT_CHOSEN,
    texts.GIFT_CLOSED,
    texts.MOVED_DOWN,
]


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_ends_as_a_sentence(said: str) -> None:
    assert html.unescape(re.sub("<[^>]*>", "", said))[-1] in ".?"


def test_the_owner_is_always_the_bots() -> None:
    for text in written():
        text = text.replace("/allow owner", "")  # what people write
        assert len(re.findall(r"\bowner\b", text)) == len(
            re.findall(r"(?:bot's|bot|[Mm]y) owner\b", text)
        )
