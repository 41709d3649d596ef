"""What a message of the bot's is, told by its text: a face, a notice, a sentence. Quotes no prose.

What the bot says is made in `bot.texts`, so the patterns are made there too: each text is made with
values that nobody writes, and what stands around them is what a message is known by.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace
from enum import StrEnum
from functools import cache

from bot import texts
from bot.config import DAY_S
from bot.core.board import Board, BoardState, Seat
from bot.core.failure import Failure
from bot.core.invoice import Face, Invoice, PartKind, State
from bot.core.knocks import Knock, KnockState
from bot.core.notices import Kind, Notice
from bot.errors import NodeTimeout
from bot.texts.cards import MAY_BE_DUPLICATE, part_of
from tests import bills

_SATS = 7_654_321
_AMOUNT = f"{_SATS:,}"
_NAME = "Zebedee"
_NUMBER = 987_654
_WHY = "Whywhywhy"
_HASH = b"hash"
#: An invoice as owners know it: how much, who asked for it, and where.
_WHICH = re.compile(re.escape(re.escape(f"for {_AMOUNT} ")) + r".*?\\\)")
_DATE = "1970-01-01 00:00 UTC"


class Role(StrEnum):
    """What a message is that is no card."""

    ANNOUNCEMENT = "announcement"  # of a payment
    PAYMENT_NOTICE = "payment notice"  # to an owner
    PAYMENT_REQUEST = "payment request"  # in a message of its own
    PAYMENT_REQUEST_GONE = "payment request gone"
    BOARD = "board"  # of a bill that is split, or of a collection
    BOARD_END = "board end"
    REMINDER = "reminder"  # to those who have not paid their part of a bill
    KNOCK = "knock"  # to an owner: somebody asks to be let in
    LET_IN = "let in"  # where they asked: they are
    SENTENCE = "sentence"


def plain(markup: str) -> str:
    """Telegram HTML as people read it."""
    return html.unescape(re.sub("<[^>]*>", "", markup))


def role_of(text: str) -> Face | Role:
    """What a text of the bot's is; as people read it, or as HTML."""
    text = plain(text) if "<" in text else text
    if text.startswith("ln"):
        return Role.PAYMENT_REQUEST
    if _request_gone() in text.splitlines():
        return Role.PAYMENT_REQUEST_GONE
    for role, starts in (_board_starts() | _of_guests()).items():
        if text.startswith(starts):
            return role
    for face, start in _starts().items():
        if text.startswith(start) and _begins_with_an_amount(text[len(start) :]):
            return face
    if text.endswith(_question()) or text.startswith(_gift_question()):
        return Face.QUESTION
    sign = text.partition(" ")[0]
    if sign == texts.FACE_SIGNS[Face.WAITING]:
        return Face.WAITING
    failed = any(line.startswith(_no_invoice()) for line in text.splitlines())
    if sign == texts.FACE_SIGNS[Face.FAILED] and failed:
        return Face.FAILED
    if text.startswith((_payment_notice(), _part_notice())):
        return Role.PAYMENT_NOTICE
    if sign == texts.FACE_SIGNS[Face.PAID]:
        return Role.ANNOUNCEMENT
    return Role.SENTENCE


def board_is_over(text: str) -> bool:
    """Whether a board says that nothing more of it can be paid."""
    return any(pattern.match(text) for pattern in _boards_over())


def names(text: str, sats: int) -> bool:
    """Whether the first line names this amount; 0: any amount."""
    first = text.partition("\n")[0].partition(" – ")[0]
    if not sats:
        return _any_amount() in first
    return re.search(rf"(?<![\d,.]){sats:,} sats?\b", first) is not None


def headline(face: Face, sats: int) -> str:
    """What a card with this face says first, behind its sign."""
    row = _row(amount_msat=sats * 1000, paid_msat=sats * 1000)
    return plain(texts.card(row, face).html).partition("\n")[0].partition(" ")[2]


def may_be_duplicate(text: str) -> bool:
    """Whether a card or an announcement says that it may be a duplicate."""
    lines = text.splitlines()
    return _line_of_a_duplicate_card() in lines or _line_of_a_duplicate_announcement() in lines


def is_of_own_part(text: str) -> bool:
    """Whether it says to somebody that it is of their own part of a bill."""
    return part_of(_row(board_id=1), 7) in text


def kinds_of(text: str) -> list[Kind | None]:
    """Which notices to the owners are in a message: of each paragraph of ours one, or none."""
    return [_kind_of(each) for each in text.split("\n\n") if each != plain(MAY_BE_DUPLICATE)]


def _kind_of(text: str) -> Kind | None:
    for kind, pattern in _notices().items():
        if pattern.fullmatch(text):
            return kind
    return None


def _row(**changes: object) -> Invoice:
    values: dict[str, object] = {
        "id": 1,
        "origin_chat_id": -5,
        "origin_message_id": 10,
        "chat_id": -5,
        "asker_id": 7,
        "asker_name": _NAME,
        "asked_at": 0.0,
        "amount_msat": _SATS * 1000,
        "expiry_s": 3600,
        "state": State.OPEN,
        "payment_hash": b"",
        "payment_request": "lnbc1",
        "failure": Failure(NodeTimeout.key),
    }
    return Invoice(**(values | changes))  # type: ignore[arg-type]


def _board(state: BoardState, *seats: Seat) -> Board:
    return bills.board(*seats, state=state, sum_msat=_SATS * 1000)


def _boards() -> list[Board]:
    """Each way in which a board begins: open, closed, and with all paid; also a collection's."""
    paid = bills.free(otherwise=True)
    states = [_board(state, bills.free()) for state in BoardState]
    bill = [*states, _board(BoardState.CLOSED, paid), _board(BoardState.CLOSED, paid, bills.free())]
    return bill + _collections()


def _collections() -> list[Board]:
    """With a goal, reached or not, and without one; with gifts and without any."""
    return [
        bills.collection(*gifts, sum_msat=goal_msat, state=state)
        for state in (BoardState.OPEN, BoardState.CLOSING, BoardState.CLOSED)
        for gifts in ((), (bills.gift(sats=_SATS),))
        for goal_msat in (0, _SATS * 1000, 2 * _SATS * 1000)
    ]


@cache
def _board_starts() -> dict[Role, tuple[str, ...]]:
    """How boards and their ends begin, up to the sum."""
    made = {
        Role.BOARD: [texts.board(each, None) for each in _boards()],
        Role.BOARD_END: [texts.board_announcement(each) for each in _boards()],
        Role.REMINDER: [texts.reminder(_board(BoardState.OPEN, bills.free()))],
    }
    return {r: tuple({_up_to_amount(each) for each in of}) for r, of in made.items()}


def _up_to_amount(markup: str) -> str:
    return re.split(r"\d| – ", plain(markup).partition("\n")[0])[0]


@cache
def _of_guests() -> dict[Role, tuple[str, ...]]:
    """How an owner hears of somebody who asks to be let in, and how that person hears of it."""
    asked = {state: _knock(state) for state in KnockState}
    shown = [plain(texts.knock(each)) for each in asked.values()]
    said = [
        plain(texts.let_in(asked[state], _NAME))
        for state in (KnockState.ALLOWED, KnockState.GROUP_ALLOWED)
    ]
    return {
        Role.KNOCK: (shown[0].partition('"')[0],),
        Role.LET_IN: (_common(*said),),
    }


def knock_state(text: str) -> KnockState:
    """What became of somebody who asks to be let in, as an owner reads it."""
    last = text.splitlines()[-1]
    for state in set(KnockState) - {KnockState.OPEN}:
        said = plain(texts.knock(_knock(state))).splitlines()[-1]
        if last.startswith(said.partition('"')[0]):
            return state
    return KnockState.OPEN


def _knock(state: KnockState) -> Knock:
    who = {"name": _NAME, "username": "", "chat_title": "", "answered_by": _NAME}
    asked = {"thread_id": None, "reply_to": None, "asked_at": 0.0, "told": True}
    return Knock(id=1, handle="h", person_id=7, chat_id=7, state=state, **who, **asked)  # type: ignore[arg-type]


@cache
def _boards_over() -> list[re.Pattern[str]]:
    """First lines of boards that are over, with any amounts."""
    over = [each for each in _boards() if each.state is BoardState.CLOSED]
    made = [plain(texts.board(replace(each, memo=""), None)) for each in over]
    lines = [re.escape(each.partition("\n")[0]) for each in made]
    return [
        re.compile(re.sub(r"\d[\d,]*", r"[\\d,]+", line) + "(?: – |$)", re.MULTILINE)
        for line in lines
    ]


@cache
def _starts() -> dict[Face, str]:
    """How the cards begin, up to their amount."""
    faces = (Face.OPEN, Face.UNCONFIRMED, Face.PAID, Face.EXPIRED, Face.CANCELLED)
    return {face: plain(texts.card(_row(), face).html).partition(_AMOUNT)[0] for face in faces}


def _begins_with_an_amount(text: str) -> bool:
    return text.startswith(_any_amount()) or re.match(r"[\d,.]+ (?:m?sat|sats)\b", text) is not None


@cache
def _any_amount() -> str:
    (line, *_) = plain(texts.card(_row(amount_msat=0), Face.OPEN).html).splitlines()
    return line.removeprefix(_starts()[Face.OPEN])


@cache
def _payment_notice() -> str:
    """How the notice of a payment to an owner begins, up to the amount."""
    return plain(texts.payment_notice(_row(), 1)).partition(_AMOUNT)[0]


@cache
def _part_notice() -> str:
    """The same to whoever asked for a bill, of which it is a part."""
    return plain(texts.payment_notice(_row(board_id=1), 1, is_owner=False)).partition(_AMOUNT)[0]


@cache
def _question() -> str:
    return plain(texts.question(_row(amount_msat=None))).partition(_NAME)[2].lstrip('"')


@cache
def _gift_question() -> str:
    gift = _row(amount_msat=None, board_id=1, part_kind=PartKind.GIFT)
    return plain(texts.card(gift, Face.QUESTION).html).partition("?")[0]


@cache
def _no_invoice() -> str:
    """The last line of a failure, up to its amount, which may be missing."""
    last = [plain(texts.failed(_row(amount_msat=amount))).splitlines()[-1] for amount in (None, 1)]
    return _common(*last)


def _common(one: str, another: str) -> str:
    """How both begin; they are not the same."""
    common = 0
    while one[common] == another[common]:
        common += 1
    return one[:common]


@cache
def _request_gone() -> str:
    return plain(texts.payment_request(_row(), Face.PAID)).splitlines()[-1]


@cache
def _line_of_a_duplicate_card() -> str:
    return _added(
        texts.card(_row(), Face.OPEN).html,
        texts.card(_row(), Face.OPEN, may_be_duplicate=True).html,
    )


@cache
def _line_of_a_duplicate_announcement() -> str:
    return _added(texts.announcement(_row()), texts.announcement(_row(), may_be_duplicate=True))


def _added(without: str, with_line: str) -> str:
    (line,) = set(plain(with_line).splitlines()) - set(plain(without).splitlines())
    return line


@cache
def _notices() -> dict[Kind, re.Pattern[str]]:
    return {kind: re.compile("|".join(_patterns(kind)), re.DOTALL) for kind in Kind}


def _patterns(kind: Kind) -> list[str]:
    limit = {"lasted_s": _NUMBER * DAY_S, "limit_msat": _NUMBER * 1000}
    notice = Notice(kind, row_id=_NUMBER, why=_WHY, invoice=_row(payment_hash=_HASH), **limit)
    made = [
        plain(
            texts.owner_notice(
                replace(
                    notice,
                    count=count,
                    receivable_msat=msat,
                    left_s=left_s,
                    missed=missed,
                )
            )
        )
        for count, missed in ((1, 0), (2, 1), (_NUMBER, _NUMBER))
        for msat in (0, _NUMBER * 1000)
        for left_s in (0, 1)
    ]
    return [
        re.sub(_WHICH, ".*", re.escape(text))
        .replace(_HASH.hex(), "[0-9a-f]{8}")
        .replace(re.escape(f"{_NUMBER} days"), r"[\w ]+")
        .replace(re.escape(texts.why_failed(Failure(_WHY))), ".*")
        .replace(str(_NUMBER), r"[\d,]+")
        .replace(str(_NUMBER - 1), r"[\d,]+")
        .replace(re.escape(f"{_NUMBER:,}"), r"[\d,]+")
        .replace(_WHY, ".*")
        .replace(re.escape(_DATE), r"[\d-]+ [\d:]+ UTC")
        for text in made
    ]  # fmt: skip
