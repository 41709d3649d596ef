"""What the bot's owners read: each notice says what happened, the node's status how it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from bot import texts
from bot.core.answers import NodeInfo, NodeStatus
from bot.core.invoice import State
from bot.core.notices import Kind, Notice
from bot.core.text import clean
from bot.core.work import Do
from bot.errors import NodeLocked, NodeUnreachable
from bot.findings import About, bad, fine
from bot.findings import Kind as Finding
from tests.rows import HASH, invoice
from tests.texts.reading import HOSTILE, checked, parsed, people_write

AT = 1_800_000_000

IN_A_GROUP = invoice(State.OPEN, chat_title="<Beans>")
IN_PRIVATE = invoice(State.OPEN, origin_chat_id=7, chat_id=7, amount_msat=0)
AS_THE_GROUP = invoice(State.OPEN, asker_id=-5, asker_name="", chat_title="Beans")
ASKING = invoice(State.ASKING, asker_name="", amount_msat=None)

NOTICES = [
    (
        Notice(Kind.STUCK, why="<KeyError>", step=Do.SEND_CARD, invoice=IN_A_GROUP),
        (
            'I can\'t finish the invoice for 2,100 sats (requested by "Anna" in "<Beans>") '
            "(send card: <KeyError>). See the log for details: "
            f"it calls that invoice {HASH[:4].hex()}."
        ),
    ),
    (
        Notice(Kind.CARD_REFUSED, why="Bad Request: CHAT_NOT_FOUND", invoice=IN_PRIVATE),
        (
            'Telegram rejected the card of the invoice for any amount (requested by "Anna" in '
            "private): Bad Request: CHAT_NOT_FOUND. I'm cancelling the invoice at the node."
        ),
    ),
    (
        Notice(Kind.CARD_REFUSED, why="no", count=40, invoice=ASKING),
        (
            "Telegram rejected the card of the invoice without an amount "
            "(requested by someone in a group): no. "
            "In the hour before, it rejected 39 other cards. "
            "I'm cancelling these invoices at the node."
        ),
    ),
    (
        Notice(Kind.CARD_UNTRUE, why="message can't be edited", invoice=AS_THE_GROUP),
        (
            "Telegram rejected an edit of the card of the invoice for 2,100 sats "
            '(requested as "Beans"): message can\'t be edited. '
            "I can't delete it either. It may look payable although it is not. Please delete it."
        ),
    ),
    (
        Notice(Kind.BOARD_STUCK, 7, "<KeyError>", step=Do.EDIT_CARD),
        ("I can't finish split or collection 7 (edit card: <KeyError>). See the log for details."),
    ),
    (
        Notice(Kind.BOARD_STUCK, 7, "", step=Do.REARRANGE),
        (
            "I can't finish split or collection 7 (rearrange: nothing changes). "
            "See the log for details."
        ),
    ),
    (
        Notice(Kind.BOARD_REFUSED, 7, "Bad Request: TOPIC_CLOSED"),
        (
            "Telegram rejected the message of split or collection 7: Bad Request: TOPIC_CLOSED. "
            "I'm closing it."
        ),
    ),
    (
        Notice(Kind.BOARD_UNTRUE, 7, "no", count=3),
        (
            "Telegram rejected an edit of the message of split or collection 7: no. "
            "It shows an older state until the next edit. "
            "In the hour before, the same happened to 2 others."
        ),
    ),
    (
        Notice(Kind.BOARD_UNTOLD, 7, "<no>"),
        (
            "Telegram rejected a message about split or collection 7: <no>. "
            "Its chat has not seen that message."
        ),
    ),
    (
        Notice(Kind.ADD_NOT_PERMITTED),
        (
            "I can't make invoices: my macaroon lacks a permission for that. "
            "Please bake one that has it. To see how, write /status."
        ),
    ),
    (
        Notice(Kind.CARD_UNTRUE, why="no", count=40, invoice=AS_THE_GROUP),
        (
            "Telegram rejected an edit of the card of the invoice for 2,100 sats "
            '(requested as "Beans"): no. '
            "I can't delete it either. It may look payable although it is not. Please delete it. "
            "In the hour before, the same happened to 39 other cards. "
            "See the log for their invoices."
        ),
    ),
    (
        Notice(Kind.CANCEL_NOT_PERMITTED),
        (
            "My macaroon lacks the permission to cancel. Invoices that people cancel stay open at "
            "the node until they expire. Please bake a macaroon with that permission."
        ),
    ),
    (
        Notice(Kind.OTHER_COPY),
        (
            "Another copy of me runs with the same token. Each of us gets only some of the "
            "commands. Please stop one of us."
        ),
    ),
    (
        Notice(Kind.DATABASE_AWAY, why="/data/bot.db was removed or replaced"),
        (
            "I can't write my database: /data/bot.db was removed or replaced. Commands and "
            "payments wait until I can. See the log for details."
        ),
    ),
    (
        Notice(Kind.OTHER_BOT, count=1),
        (
            "This database was another bot's until now. I can't edit the cards of that bot: they "
            "stay as they are. I'm sending 1 open invoice again."
        ),
    ),
    (
        Notice(Kind.OTHER_NODE, count=1),
        (
            "1 open invoice belongs to another node than the one I'm connected to. "
            "I can't track it until that node is back."
        ),
    ),
    (
        Notice(Kind.OTHER_NODE, count=3),
        (
            "3 open invoices belong to another node than the one I'm connected to. "
            "I can't track them until that node is back."
        ),
    ),
    (
        Notice(Kind.INBOUND_TOO_LITTLE, receivable_msat=790_000_000, invoice=IN_A_GROUP),
        (
            'The invoice for 2,100 sats (requested by "Anna" in "<Beans>") is for more than the '
            "node can receive: it can receive about 790,000 sats now. "
            "Please get more inbound liquidity, or set a smaller invoices.max_sats."
        ),
    ),
    (
        Notice(Kind.INBOUND_TOO_LITTLE, count=40, invoice=IN_A_GROUP),
        (
            'The invoice for 2,100 sats (requested by "Anna" in "<Beans>") is for more than the '
            "node can receive: it can't receive anything now. "
            "In the hour before, the same happened to 39 other invoices. "
            "Please get more inbound liquidity."
        ),
    ),
    (
        Notice(Kind.NOT_SYNCED),
        (
            "The Lightning node has not been synced to the chain for minutes. Payments can fail "
            "until it is. Check that it reaches its Bitcoin backend: see lncli getinfo and LND's "
            "log."
        ),
    ),
    (
        Notice(Kind.CERTIFICATE_EXPIRES, expires_at=AT, left_s=800_000, setting="lnd.tls_cert"),
        (
            "The Lightning node's certificate expires on 2027-01-15 08:00 UTC: after that, I can't "
            "connect to it. Once it has expired, restart LND, which creates a new one, and copy "
            "the new tls.cert to lnd.tls_cert."
        ),
    ),
    (
        Notice(Kind.CERTIFICATE_EXPIRES, expires_at=AT, left_s=-1, setting="lnd.lndconnect"),
        (
            "The Lightning node's certificate expired on 2027-01-15 08:00 UTC. Restart LND, which "
            "creates a new one, and put an address with the new tls.cert into lnd.lndconnect."
        ),
    ),
    (
        Notice(Kind.MACAROON_EXPIRES, expires_at=AT, left_s=800_000),
        (
            "My macaroon expires on 2027-01-15 08:00 UTC: after that, I can make no invoice. "
            "Please bake another one. To see how, write /status."
        ),
    ),
    (
        Notice(Kind.MACAROON_EXPIRES, expires_at=AT, left_s=0),
        (
            "My macaroon expired on 2027-01-15 08:00 UTC. "
            "Please bake another one. To see how, write /status."
        ),
    ),
]


@pytest.mark.parametrize(("notice", "text"), NOTICES)
def test_an_owner_reads_what_happened(notice: Notice, text: str) -> None:
    assert checked(texts.owner_notice(notice))["text"] == f"⚠️ {text}"


def test_good_news_is_no_warning() -> None:
    said = checked(texts.owner_notice(Notice(Kind.SYNCED_AGAIN)))["text"]
    assert said == "⚡ The Lightning node is synced to the chain again."


def test_every_kind_of_notice_is_tried() -> None:
    assert {notice.kind for notice, _ in NOTICES} == set(Kind) - {Kind.SYNCED_AGAIN}


@settings(deadline=None)
@given(people_write)
def test_whatever_the_other_side_says_is_parsed_and_fits(why: str) -> None:
    for kind in Kind:
        checked(texts.owner_notice(Notice(kind, 7, clean(why)[:1000], 3)))


@pytest.mark.parametrize("why", HOSTILE)
def test_the_worst_that_the_other_side_says_is_parsed_and_fits(why: str) -> None:
    for kind in Kind:
        checked(texts.owner_notice(Notice(kind, 7, clean(why), 3)))


INFO = NodeInfo(
    identity_pubkey="02" + "ab" * 32,
    alias="carol <1>",
    version="0.21.99-beta",
    network="mainnet",
    synced_to_chain=True,
    block_height=900_123,
)


def test_the_status_of_a_node_that_is_away_says_why() -> None:
    assert texts.node_status(NodeStatus(away=NodeUnreachable(), info=INFO)) == (
        "⚠️ The Lightning node can't be reached."
    )
    locked = texts.node_status(NodeStatus(away=NodeLocked(), info=None))
    assert locked == f"⚠️ {texts.why(NodeLocked())}"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "⚡ Connected to carol <1> on mainnet, synced, at block 900,123."),
        (
            {"synced_to_chain": False},
            "⏳ Connected to carol <1> on mainnet, not synced, at block 900,123.",
        ),
        ({"network": ""}, "⚡ Connected to carol <1>, synced, at block 900,123."),
        (
            {"alias": ""},
            f"⚡ Connected to 02{'ab' * 32} on mainnet, synced, at block 900,123.",
        ),
    ],
)
def test_the_status_of_a_node_says_who_it_is(changes: dict[str, Any], text: str) -> None:
    info = replace(INFO, **changes)
    assert parsed(texts.node_status(NodeStatus(away=None, info=info)))["text"] == text


def test_the_status_says_of_the_macaroon_what_needs_fixing_as_the_command_line_does() -> None:
    lacks = bad(About.MACAROON, Finding.LACKS_CALLS, methods=("AddInvoice",), bake="lncli <bake>")
    fit = fine(About.MACAROON, Finding.ALLOWS_ALL)
    said = texts.node_status(NodeStatus(None, INFO), [fit, lacks])
    status, _, macaroon = checked(said)["text"].partition("\n\n")
    assert status == parsed(texts.node_status(NodeStatus(None, INFO)))["text"]
    assert macaroon == "⚠️" + texts.finding_line(lacks).removeprefix("✗")


def test_the_status_of_a_node_that_does_not_say_who_it_is() -> None:
    assert texts.node_status(NodeStatus(away=None, info=None)) == (
        "⚡ The Lightning node answers, but does not say who it is."
    )
