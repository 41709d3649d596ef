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
from bot.errors import MacaroonExpired, NodeLocked, NodeUnreachable
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
            "It shows an older state until Telegram takes one. "
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
        Notice(Kind.WEBHOOK_REFUSED, why="Bad webhook: HTTPS url must be provided for webhook"),
        (
            "I get no messages: Telegram refuses my webhook (Bad webhook: HTTPS url must be "
            "provided for webhook). Please fix telegram.webhook in the settings, and restart me. "
            "invoice-bot check says what is wrong with it."
        ),
    ),
    (
        Notice(Kind.WEBHOOK_FAILS, why="SSL error {certificate verify failed}"),
        (
            "Telegram can't deliver messages to my webhook (SSL error {certificate verify "
            "failed}). They wait at Telegram for a day at most. Please check the proxy in "
            "front of me, and its certificate."
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
        Notice(Kind.NODE_AWAY, why=NodeLocked.key, lasted_s=300),
        (
            "The Lightning node has been away for 5 minutes. The Lightning node's wallet is "
            "locked. Until it is back, I can't make invoices and don't see payments. Write /status "
            "to check it."
        ),
    ),
    (
        Notice(Kind.NODE_AWAY, why=NodeUnreachable.key, lasted_s=301, missed=3),
        (
            "The Lightning node has been away for 5 minutes. The Lightning node can't be reached. "
            "Until it is back, I can't make invoices and don't see payments. Write /status "
            "to check it. Since my last notice of this, it happened 3 more times and was over soon."
        ),
    ),
    (
        Notice(Kind.MACAROON_REFUSED, why=MacaroonExpired.key),
        (
            "I can't make invoices, and don't see payments. This bot's macaroon has expired. "
            "Please bake another macaroon for this node. No restart is needed."
        ),
    ),
    (
        Notice(Kind.INBOUND_LOW, receivable_msat=790_000_000, limit_msat=1_000_000_000),
        (
            "The Lightning node can receive about 790,000 sats now, in all its channels together. "
            "Invoices can be for up to 1,000,000 sats: a payment of that much will fail. "
            "Please get more inbound liquidity, or set a smaller invoices.max_sats."
        ),
    ),
    (
        Notice(Kind.INBOUND_LOW, limit_msat=1_000_000_000, missed=1),
        (
            "The Lightning node can't receive anything now: payments will fail. Please get more "
            "inbound liquidity. "
            "Since my last notice of this, it happened 1 more time and was over soon."
        ),
    ),
    (
        Notice(Kind.STUCK, why="", count=3, step=Do.SEND_CARD, invoice=IN_A_GROUP),
        (
            'I can\'t finish the invoice for 2,100 sats (requested by "Anna" in "<Beans>") '
            "(send card: nothing changes). See the log for details: "
            f"it calls that invoice {HASH[:4].hex()}. "
            "In the hour before, the same happened to 2 other invoices."
        ),
    ),
    (
        Notice(Kind.BOARD_STUCK, 7, "", count=2, step=Do.REARRANGE),
        (
            "I can't finish split or collection 7 (rearrange: nothing changes). "
            "See the log for details. In the hour before, the same happened to 1 other."
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


GOOD = {
    Kind.SYNCED_AGAIN: "The Lightning node is synced to the chain again.",
    Kind.NODE_BACK: "The Lightning node is back. It was away for 3 hours.",
    Kind.CAN_MAKE_INVOICES: "I can make invoices again.",
    Kind.CAN_CANCEL: "I can cancel invoices at the Lightning node again.",
    Kind.WEBHOOK_WORKS: "I get messages from Telegram again. What waited comes now.",
    Kind.INBOUND_ENOUGH: "The Lightning node can receive the largest invoice again.",
    Kind.DATABASE_BACK: "I can write my database again. What waited goes on.",
}


@pytest.mark.parametrize("kind", GOOD)
def test_good_news_is_no_warning(kind: Kind) -> None:
    said = checked(texts.owner_notice(Notice(kind, lasted_s=3 * 3600)))["text"]
    assert said == f"⚡ {GOOD[kind]}"


def test_every_kind_of_notice_is_tried() -> None:
    assert {notice.kind for notice, _ in NOTICES} | set(GOOD) == set(Kind)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (359, "5 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (2 * 86_400 - 1, "48 hours"),
        (2.6 * 86_400, "3 days"),
    ],
)
def test_an_outage_lasted_about_so_long(seconds: float, text: str) -> None:
    said = checked(texts.owner_notice(Notice(Kind.NODE_BACK, lasted_s=seconds)))["text"]
    assert said.endswith(f"It was away for {text}.")


def test_several_notices_are_one_message_and_a_second_one_says_so() -> None:
    said = [texts.owner_notice(Notice(kind)) for kind in (Kind.NOT_SYNCED, Kind.OTHER_COPY)]
    once = checked(texts.owner_notices(said, may_be_duplicate=False))["text"]
    assert once.split("\n\n") == [checked(each)["text"] for each in said]
    twice = checked(texts.owner_notices(said, may_be_duplicate=True))["text"]
    assert twice.split("\n\n")[:2] == once.split("\n\n")
    assert twice.endswith("This may be a duplicate of a message above.")


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
