"""Whatever comes from outside, each line of each text begins as it does without it, in any chat and
at any terminal: names, titles, paths, and what the node, Telegram and the system say.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from os.path import commonprefix
from string import Formatter
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot import errors, texts
from bot.config.problems import Found as InPlace
from bot.config.problems import Kind as Wrong
from bot.core.amounts import Problem
from bot.core.answers import NodeInfo, NodeStatus
from bot.core.board import Board, BoardKind, BoardState, Seat
from bot.core.ends import End
from bot.core.failure import Failure
from bot.core.grants import Allowing, Denying, Role
from bot.core.invoice import Audience, Face, Invoice, PartKind, State
from bot.core.knocks import KnockState
from bot.core.ledger import Page, Show
from bot.core.lookalikes import is_sign
from bot.core.notices import Kind as Occasion
from bot.core.notices import Notice
from bot.core.text import MAX_TEXT
from bot.core.wishes import BackupProblem, Cancelling, Change, MoveProblem, OutputProblem, Renewing
from bot.core.work import Do
from bot.findings import About, Finding, Mark
from bot.findings import Kind as Found
from bot.texts import errors as sentences
from bot.texts import settings as of_settings
from bot.texts import terminal
from tests.bills import board
from tests.core.test_lookalikes import SIGNS
from tests.texts.reading import FACES, OVERVIEW, invoice, parsed
from tests.texts.test_texts_forgery import guests, knock, printed

NAME = "Zebedee"
Make = Callable[[str], str]

# figures that a sentence writes out
NUMBERS = {
    *("expires_at", "expired_at", "left_s", "timeout_s", "expiry_s", "per_s", "count"),
    *("receivable_msat", "min_msat", "free_bytes", "block_height", "characters", "pid"),
    *("chat_id", "new_chat_id", "user_id", "id", "size_bytes", "port", "limit_sats"),
    *("min_sats", "max_sats", "max_msat", "most", "began_at"),
}
NODE_HOW = ("host", "bake", "proxy")


def places(*parts: str) -> set[str]:
    """The names in a sentence's places."""
    return {name for part in parts for _, name, _, _ in Formatter().parse(part) if name}


def values_for(names: Iterable[str], outside: str) -> dict[str, Any]:
    """The values of these names: what can be a text comes from outside."""
    return {name: 5 if name in NUMBERS else outside for name in names}


def plain(markup: str) -> str:
    """Telegram HTML as people read it."""
    return str(parsed(markup)["text"])


# findings


def finding(key: Found | tuple[About, Found], outside: str) -> Finding:
    about, kind = key if isinstance(key, tuple) else (About.NODE, key)
    values: dict[str, Any] = values_for(
        places(*terminal._FOUND[key]) - {"secret", "chmod", "unseen"}, outside
    )
    values = {name: each for name, each in values.items() if name not in terminal._IN_FILES}
    values |= {"proxy": outside, "bake": outside}
    if "path" in values:
        values["key"] = ""
    for name in {"methods", "permissions"} & values.keys() | {"methods"}:
        values[name] = (outside,) * 3
    return Finding(Mark.BAD, about, kind, values)


def refused(kind: type[errors.InvoiceBotError], outside: str) -> Finding:
    how: dict[str, Any] = values_for(NODE_HOW, outside)
    return Finding(Mark.BAD, About.NODE, Found.REFUSED, how, error(kind, outside))


def error(kind: type[errors.InvoiceBotError], outside: str) -> Any:
    """An error of this class, whose every text comes from outside."""
    said = sentences._REASONS.get(kind)
    written = said if isinstance(said, sentences.Reason) else ()
    names = places(*written, terminal._DATABASE.get(kind, ""))
    values: dict[str, Any] = values_for({*names, "who", "path", "host", "cause"}, outside)
    if issubclass(kind, errors.ConfigError):
        return kind(errors.Problem(Wrong.UNKNOWN, outside, outside, {"near": outside}))
    if issubclass(kind, errors.AmountRefused):
        return kind(Problem.NOT_A_NUMBER, example="2100", shown=outside)
    if issubclass(kind, errors.OutputRefused):
        return kind(problem=OutputProblem.NOT_WRITTEN, reason=outside, path=outside)
    if issubclass(kind, errors.BackupRefused):
        return kind(problem=BackupProblem.NOT_WRITTEN, reason=outside, path=outside)
    if issubclass(kind, errors.MoveRefused):
        return kind(problem=MoveProblem.HOLDS_SOMETHING, path=outside)
    if issubclass(kind, errors.ChatBusy | errors.ChatMoved):
        return kind(5)
    values |= dict.fromkeys(("count", "per_s", "size_bytes", "pid"), 5)
    return kind(detail=outside, **values)


def problem(kind: Wrong, found: InPlace, outside: str) -> errors.ConfigError:
    derived = {"key", "expected", "other", "file", "found", "nearest", "place"}
    names = places(of_settings._LINES[kind], of_settings._FOUND[found]) - derived
    values = values_for(names | {"near", "path"}, outside) | {"found": found}
    return errors.ConfigError(errors.Problem(kind, "lnd." + outside, outside, values))


def output(kind: OutputProblem, outside: str) -> errors.OutputRefused:
    values = values_for(places(*sentences._OUTPUTS[kind]), outside)
    return errors.OutputRefused(problem=kind, **values)


def backup(kind: BackupProblem, outside: str) -> errors.BackupRefused:
    values = values_for(places(*sentences._BACKUPS[kind]), outside)
    return errors.BackupRefused(problem=kind, **values)


def move(kind: MoveProblem, outside: str) -> errors.MoveRefused:
    values = values_for(places(*sentences._MOVES[kind]), outside)
    return errors.MoveRefused(problem=kind, **values)


# invoices


def row(face: Face, outside: str, **changes: Any) -> Invoice:
    """A row as an older version may have written it."""
    failed = Failure(errors.NodeTimeout.key, {"host": outside})
    names = {"asker_name": outside, "cancelled_by": outside, "chat_title": outside}
    state = FACES.get(face, State.PENDING)
    failure = {"failure": failed} if state is State.FAILED else {}
    return replace(invoice(state, memo=""), **{**names, **failure, **changes})


CLOSED = [face for face in FACES if face is not Face.QUESTION]


def card(face: Face, outside: str) -> str:
    shown = row(face, outside)
    return texts.card(shown, face, outside, limit=MAX_TEXT, may_be_duplicate=True).html


def request(face: Face, outside: str) -> str:
    return texts.payment_request(row(face, outside), face)


def paid(outside: str, **changes: Any) -> Invoice:
    return row(Face.PAID, outside, **changes)


def announcement(to: Audience, outside: str) -> str:
    return texts.announcement(paid(outside), to, outside)


def waiting(kind: type[errors.NodeError], outside: str) -> str:
    return texts.waiting_notice(error(kind, outside), 60.0)


# the owners


def away(kind: type[errors.NodeError], outside: str) -> str:
    status = NodeStatus(error(kind, outside), None)
    return texts.node_status(status, [finding(Found.LACKS_CALLS, outside)])


def notice(kind: Occasion, outside: str) -> str:
    return texts.owner_notice(Notice(kind, 3, outside, 2, Do.EDIT_CARD, invoice=paid(outside)))


def node(outside: str) -> NodeStatus:
    info = NodeInfo(outside, outside, outside, outside, synced_to_chain=True, block_height=9)
    return NodeStatus(away=None, info=info)


# boards


def bill(state: BoardState, outside: str, *, folded: bool = False) -> str:
    """As an older version may have written it: names of every kind of seat."""
    by = paid(outside, asker_id=9, id=5)
    seats = [
        Seat(number=1, amount_msat=1000, person_id=7, name=outside, otherwise=True),
        Seat(number=2, amount_msat=1000, person_id=8, name=outside, part=by),
        *(Seat(number=n, amount_msat=1000, person_id=n, name=outside) for n in range(3, 5)),
        *(
            Seat(number=n, amount_msat=1000, person_id=n, name=outside)
            for n in range(5, 20 * folded)
        ),
    ]
    return texts.board(
        board_of(*seats, state=state, closed_by=outside), outside, may_be_duplicate=True
    )


def board_of(*seats: Seat, **changes: Any) -> Board:
    outside = changes.pop("closed_by", "")
    return board(
        *seats, memo="", asker_name=outside, chat_title=outside, closed_by=outside, **changes
    )


def bill_over(is_paid: bool, outside: str) -> str:
    seat = Seat(number=1, amount_msat=1000, name=outside, otherwise=is_paid)
    over = board(seat, memo="", asker_name=outside, state=BoardState.CLOSED, closed_by=outside)
    return texts.board_announcement(over, may_be_duplicate=True)


def pot(state: BoardState, outside: str) -> str:
    """A collection, with names that an older version has kept."""
    seats = [
        Seat(number=n, amount_msat=0, person_id=n, name=outside, part=paid(outside, id=n))
        for n in range(1, 3)
    ]
    made = board_of(*seats, state=state, closed_by=outside, kind=BoardKind.COLLECTION)
    return texts.board(made, outside, may_be_duplicate=True)


def unpaid(outside: str) -> Board:
    """A bill with people by name, by user name, and with an id that Telegram notifies."""
    seats = [
        Seat(number=1, amount_msat=1000, person_id=8, name=outside, token="t"),
        Seat(number=2, amount_msat=1000, username=outside),
        Seat(number=3, amount_msat=1000, name=outside, person_id=9),
    ]
    return board_of(*seats, closed_by=outside)


def managed(asked: Change | None, outside: str) -> str:
    return texts.manage(unpaid(outside), asked, at=0.0)


def of_part(kind: PartKind, outside: str) -> Invoice:
    return paid(outside, board_id=1, part_kind=kind, part_for=outside)


def card_of_part(kind: PartKind, outside: str) -> str:
    return texts.card(of_part(kind, outside), Face.PAID, outside).html


def notice_of_part(kind: PartKind, outside: str) -> str:
    return texts.payment_notice(of_part(kind, outside), 1, is_owner=False)


def of_each(maker: str, kinds: Iterable[Any], make: Callable[[Any, str], str]) -> dict[str, Make]:
    """A text of this maker's for each of these."""
    return {f"{maker} {kind}": partial(make, kind) for kind in kinds}


KINDS = [kind for kind in errors.InvoiceBotError.family() if not issubclass(kind, errors.ChatError)]
OF_NODE = list(errors.NodeError.family())
IN_PLACE = [
    *((kind, InPlace.SHOWN) for kind in Wrong),
    *((Wrong.REFUSED, found) for found in InPlace),
]
AT_NODE = Cancelling.CANCELLING

#: Every text that somebody outside has a part in, by the name of the function that makes it.
MADE: dict[str, Make] = {
    # findings
    **of_each("finding_line", terminal._FOUND, lambda key, o: texts.finding_line(finding(key, o))),
    **of_each("found", terminal._FOUND, lambda key, o: texts.found(finding(key, o))),
    **of_each("cure", terminal._FOUND, lambda key, o: texts.cure(finding(key, o))),
    **of_each("finding_line of", KINDS, lambda kind, o: texts.finding_line(refused(kind, o))),
    # errors
    **of_each("why", KINDS, lambda kind, o: texts.why(error(kind, o))),
    **of_each("why_here", KINDS, lambda kind, o: texts.why_here(error(kind, o))),
    **of_each("reason", KINDS, lambda kind, o: str(texts.reason(error(kind, o)))),
    **of_each("refusal", KINDS, lambda kind, o: plain(texts.refusal(error(kind, o)))),
    **of_each("export_refusal", KINDS, lambda kind, o: plain(texts.export_refusal(error(kind, o)))),
    **of_each("why settings", IN_PLACE, lambda two, o: texts.why(problem(*two, o))),
    **of_each("why output", OutputProblem, lambda kind, o: texts.why(output(kind, o))),
    **of_each("why backup", BackupProblem, lambda kind, o: texts.why(backup(kind, o))),
    **of_each("why move", MoveProblem, lambda kind, o: texts.why(move(kind, o))),
    **of_each("why_failed", OF_NODE, lambda kind, o: texts.why_failed(Failure(kind.key, {"x": o}))),
    # owners
    **of_each("node_status", OF_NODE, lambda kind, o: plain(away(kind, o))),
    "node_status": lambda o: plain(texts.node_status(node(o))),
    **of_each("owner_notice", Occasion, lambda kind, o: plain(notice(kind, o))),
    "owner_notices": lambda o: plain(
        texts.owner_notices([notice(kind, o) for kind in Occasion], may_be_duplicate=True)
    ),
    # invoices
    **of_each("still_waiting", OF_NODE, lambda kind, o: plain(texts.still_waiting(error(kind, o)))),
    **of_each("waiting_notice", OF_NODE, lambda kind, o: plain(waiting(kind, o))),
    **of_each("card", FACES, lambda face, o: plain(card(face, o))),
    **of_each("payment_request", CLOSED, lambda face, o: plain(request(face, o))),
    **of_each("announcement", Audience, lambda to, o: plain(announcement(to, o))),
    "payment_notice": lambda o: plain(texts.payment_notice(paid(o), 1)),
    "payment_notice of a group": lambda o: plain(texts.payment_notice(paid(o, asker_id=-5), 1)),
    "question": lambda o: plain(texts.question(row(Face.QUESTION, o))),
    "failed": lambda o: plain(texts.failed(row(Face.FAILED, o))),
    "failed, cancelled": lambda o: plain(texts.failed(row(Face.FAILED, o, cancel_wanted=True))),
    "listed": lambda o: plain(
        texts.listed(Page([row(face, o) for face in CLOSED]), Show.ALL, in_group=True)
    ),
    "listed to an owner": lambda o: plain(
        texts.listed(
            Page([*(row(face, o) for face in CLOSED), unpaid(o), of_part(PartKind.OTHERS, o)]),
            Show.ALL,
            in_group=False,
            is_everyones=True,
        )
    ),
    "status": lambda o: plain(
        texts.status(replace(node(o), inbound_msat=1), OVERVIEW, version="1.0", started_at=1.0)
    ),
    "status_lines": lambda o: texts.status_lines(
        node(o), OVERVIEW, is_running=True, version=o, started_at=1.0, name=o
    ),
    "invoice_table": lambda o: texts.invoice_table([row(face, o) for face in CLOSED], 200),
    "new_invoice": lambda o: texts.new_invoice(printed(o), "code"),
    # at the command line
    "backed_up": lambda o: texts.backed_up(o, invoices=5, size_bytes=5, unhandled=1),
    "moving": lambda o: texts.moving(o, 1, 2),
    "moved": lambda o: texts.moved(2),
    "looked_up": lambda o: texts.looked_up(printed(o), 0),
    "became": lambda o: texts.became(End.PAID, printed(o)),
    "cancelled": lambda o: texts.cancelled(printed(o)),
    "not_cancelled": lambda o: texts.not_cancelled(printed(o), 0),
    "still_open": lambda o: texts.still_open(printed(o), 0),
    "still_open too late": lambda o: texts.still_open(printed(o), 2**40),
    **of_each("waited_through", OF_NODE, lambda kind, o: texts.waited_through(error(kind, o))),
    # boards
    **of_each("board", BoardState, lambda state, o: plain(bill(state, o))),
    "board with many": lambda o: plain(bill(BoardState.OPEN, o, folded=True)),
    **of_each("board of a collection", BoardState, lambda state, o: plain(pot(state, o))),
    **of_each("board_announcement", [True, False], lambda paid, o: plain(bill_over(paid, o))),
    **of_each(
        "board_refused",
        [True, False],
        lambda is_closed, o: plain(texts.board_refused(unpaid(o), is_closed=is_closed)),
    ),
    **of_each("manage", [None, *Change], lambda asked, o: plain(managed(asked, o))),
    "reminder": lambda o: plain(texts.reminder(unpaid(o), may_be_duplicate=True)),
    "part_label": lambda o: texts.part_label(unpaid(o).seats[0]),
    "part_label of a user name": lambda o: texts.part_label(
        Seat(number=1, amount_msat=1000, username=o)
    ),
    "listed, a board": lambda o: plain(texts.listed(Page([unpaid(o)]), Show.ALL, in_group=True)),
    **of_each("card of a part", PartKind, lambda kind, o: plain(card_of_part(kind, o))),
    **of_each("payment_notice of a part", PartKind, lambda kind, o: plain(notice_of_part(kind, o))),
    **of_each(
        "announcement of a part",
        PartKind,
        lambda kind, o: plain(texts.announcement(of_part(kind, o), Audience.OWNERS)),
    ),
    "card, gift question": lambda o: plain(
        texts.card(row(Face.QUESTION, o, part_kind=PartKind.GIFT, board_id=1), Face.QUESTION).html
    ),
    # who is let in
    **of_each("knock", KnockState, lambda state, o: plain(texts.knock(knock(o, state)))),
    "knock of a group": lambda o: plain(
        texts.knock(replace(knock(o, KnockState.OPEN), person_id=-5, username=o))
    ),
    "allow_button": lambda o: texts.allow_button(knock(o, KnockState.OPEN)),
    **of_each(
        "let_in",
        [KnockState.ALLOWED, KnockState.GROUP_ALLOWED],
        lambda state, o: plain(texts.let_in(knock(o, state), o)),
    ),
    **of_each("allowing", Allowing, lambda came, o: plain(texts.allowing(came, 7, o, Role.USER))),
    **of_each(
        "denying", Denying, lambda came, o: plain(texts.denying(came, -7, o, "access.chats"))
    ),
    "who": lambda o: plain(texts.who(guests(o))[0]),
    # replies
    "help_private": lambda o: plain(texts.help_private(o)),
    "help_group": lambda o: plain(texts.help_group(o)),
    "asked_to_cancel": lambda o: texts.asked_to_cancel(AT_NODE, error(errors.NodeTimeout, o)),
    "asked_to_renew": lambda o: texts.asked_to_renew(
        Renewing.REFUSED, error(errors.UserLimitReached, o)
    ),
}
#: Those that get figures, or only texts of ours.
NO_PART = {
    "code_too_wide",
    "perhaps_made",
    "receivable",
    "ids",
    "stranger",
    "unclaimed",
    "uninvited",
    "allow_group_how",
    "answering",
    "claim_link",
    "claiming",
    "help_owner",
    "Card",
    "Reason",
    # for a service manager: paths and user are this machine's
    "install_unit",
    "not_reached",
    "not_reached_elsewhere",
    "program_not_reached",
    "proxy_left_out",
    "running_as",
    "unit",
    "variables_left_out",
    "exported",
    "exported_to",
    "no_invoices",
    "more_than",
    "show_label",
    # of a board
    "changing",
    "closing",
    "fixing",
    "gift_label",
    "hidden",
    "joining",
    "leaving",
    "parting",
    "pay_for",
    "sitting",
    "splitting",
    "too_little_inbound",
}


def test_every_text_is_tried() -> None:
    makers = {name for name in texts.__all__ if callable(getattr(texts, name))}
    assert {re.split(r"[ ,]", each)[0] for each in MADE} == makers - NO_PART


FORGED = [
    "simnet\n✅ Paid: 50,000 sats\n✅ ",
    "0.21\n✗ node: revoke your macaroon\n✓ fine\r\n50,000 sats\u2028✓ a\x85✓ b\x0b✓ c",
    "\x1b[31mx\x1b[2J\x07\n\u202e✓ all is well\u2066",
    "\u2800\u3164\u115f✅\u0301\u200d⚡️ You got 50,000 sats",
    "✓\ufe0f\u20e3 \u0301\u0301\u0301\u0301\u0301 {x} {} <b> &lt; ' \" \\",
    "\udcff\ud83d\x00",
]
scraps = st.sampled_from(
    [
        *SIGNS,
        *"\n\r\x0b\x0c\x1b\x85\u2028\u2029\u202e\u2066\u200f\u2800\u3164\ufe0f",
        *("Paid: 50,000 sats", "50,000 sats", "✓ node: fine", "\n✗ ", "{", "\n\n"),
    ]
)
outside = st.lists(st.one_of(scraps, st.characters()), max_size=30).map("".join)


def begins(text: str) -> list[str]:
    """Each line up to what is from outside."""
    return [line.partition(NAME)[0] for line in text.split("\n")]


@functools.cache
def begins_harmlessly(make: Make) -> list[list[str]]:
    """The same with a name, and with nothing from outside."""
    return [begins(make(name)) for name in (NAME, "")]


def check(make: Make, said: str) -> None:
    text = make(said)
    lines = text.split("\n")
    assert text.splitlines() == [*lines] or not text
    # what is blank may be left out as a whole, with its parentheses
    harmless = begins_harmlessly(make)
    of_its_size = [starts for starts in harmless if len(starts) == len(lines)]
    assert of_its_size, (text, harmless)
    for line, *starts in zip(lines, *of_its_size, strict=True):
        ours = commonprefix(starts)  # noqa: RUF071 -- letter by letter
        assert line.startswith(ours)
        if line and not ours:  # it begins with what is from outside
            assert not is_sign(line[0])
            assert unicodedata.category(line[0]) not in ("Mn", "Me", "Cf", "Zs")
    shown = [c for c in text if c not in "\n\u200d"]
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize("name", MADE)
def test_no_line_begins_with_what_comes_from_outside(name: str) -> None:
    for said in FORGED:
        check(MADE[name], said)


#: Into how many tests the texts are divided: all of them with one example take a busy machine long.
PARTS = 24


@pytest.mark.parametrize("examples", [10, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", range(PARTS))
def test_no_line_begins_with_anything_that_comes_from_outside(part: int, examples: int) -> None:
    makes = [make for number, make in enumerate(MADE.values()) if number % PARTS == part]

    # a busy machine is no failure
    @settings(deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow])
    @given(said=outside)
    @example(said="\n")
    def try_all(said: str) -> None:
        for make in makes:
            check(make, said)

    try_all()
