"""The time line of one invoice, or board, in words: who told whom what, and when. Pure.

It is read off the chats, the calls that the simulators met, the wallets and the row: the bot has no
part in it. Times are Unix seconds of the demo's clock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot import texts
from bot.core.amounts import format_sats
from bot.core.board import Board, BoardState
from bot.core.invoice import Face, Invoice, PartKind, State
from bot.demo import views
from bot.demo.node import NodeCall
from bot.demo.process import Life
from bot.demo.telegram import Call, Message, Press
from bot.demo.wallets import Payment

Kind = Literal["step", "trouble", "waiting", "gap"]

#: Seconds from which on a call took long enough to say so.
LONG_S = 0.5
#: Characters of a message that are quoted.
QUOTED = 60
#: Lines of a board that are quoted where an edit changed more.
LINES = 3

#: Between what the first line of a board says of it.
_CLAUSES = re.compile(r", | – ")
_ENDS = (State.SETTLED, State.EXPIRED, State.CANCELLED, State.FAILED, State.DROPPED)
_SENDS = ("sendPhoto", "sendMessage", "sendDocument")
_RECEIVED = f"{texts.FACE_SIGNS[Face.PAID]} Received "
_EDITS = ("editMessageMedia", "editMessageCaption", "editMessageText", "editMessageReplyMarkup")


@dataclass(frozen=True)
class Entry:
    """One line. `way` says between whom; of a gap `until` is its end, None: it goes on."""

    at: float
    way: str
    text: str
    kind: Kind = "step"
    until: float | None = None


@dataclass(frozen=True)
class Around:
    """What the demo knows beside the row. `name` is of a person, `message` by chat and number."""

    calls: Sequence[Call]
    presses: Sequence[Press]
    node_calls: Sequence[NodeCall]
    lives: Sequence[Life]
    payments: Mapping[bytes, Payment]
    seen: Mapping[tuple[int, State], float]
    name: Callable[[int], str]
    message: Callable[[int, int], Message | None]
    now: float


@dataclass
class _Story:
    entries: list[Entry] = field(default_factory=list)

    def add(self, at: float, way: str, text: str, kind: Kind = "step") -> None:
        self.entries.append(Entry(at, way, text, kind))


def tell(
    asked: Message | None, row: Invoice | None, around: Around, board: Board | None = None
) -> list[Entry]:
    """Everything about the command `asked` and its `row`, the oldest first.

    `board`: what the row is a part of, or without a row what the command has made.
    """
    story = _Story()
    answer = around.message(row.chat_id, row.reply_to or 0) if row is not None else None
    asks = [each for each in (asked, None if answer is asked else answer) if each is not None]
    for each in asks:
        _written(story, each, around, "command" if each is asked else "answer")
    if row is not None:
        _row(story, asked, row, around)
        _presses(story, row, board, around)
        _node(story, row, around)
    _telegram(story, asks, row, around)
    if board is not None and row is not None:
        _on_board(story, row, board, around)
    elif board is not None:
        _board(story, asked, board, around)
    if not story.entries:
        return []
    begins = min(entry.at for entry in story.entries)
    ends = max(entry.at for entry in story.entries) if _is_over(row, board) else around.now
    story.entries += [gap for gap in _gaps(around, begins) if gap.at <= ends]
    return sorted(story.entries, key=lambda entry: entry.at)


def _is_over(row: Invoice | None, board: Board | None) -> bool:
    """Whether nothing more is to come, with or without a bot."""
    if row is not None:
        is_shown = row.card_shown is row.face and not row.is_news
        return row.state in _ENDS and is_shown
    if board is None:
        return False
    return (board.state is BoardState.CLOSED or board.is_over) and not board.is_news


def _written(story: _Story, asked: Message, around: Around, what: str) -> None:
    who = around.name(asked.author.id) if asked.author else "Somebody"
    written_at = asked.versions[0].at if asked.versions else float(asked.date)
    story.add(written_at, f"{who} → Telegram", f"Writes “{_short(views.text(asked))}”.")
    for number, at in enumerate(asked.fetched):
        again = " once more: it was not confirmed" if number else ""
        story.add(at, "Telegram → bot", f"The bot fetches the {what}{again}.")
    if not asked.fetched:
        story.add(around.now, "Telegram", f"The {what} waits for the bot.", "waiting")


def _row(story: _Story, asked: Message | None, row: Invoice, around: Around) -> None:
    """The row's first appearance, and its end. What is read is late: what followed limits it."""
    first = _seen_first(row, around)
    if first is not None:
        asks = [call.at for call in around.node_calls if call.payment_hash == row.payment_hash]
        # the press on a board makes a part, and not the link that is followed then
        fetched = asked.fetched[:1] if asked is not None and not row.board_id else []
        ends = [
            life.ended_at
            for life in around.lives
            for at in fetched
            if life.ended_at is not None and life.began_at <= at <= life.ended_at
        ]
        at = max([min([first, *asks[:1], *ends]), *fetched])
        story.add(at, "Bot → database", f"Written down as a row: {_amount(row)}.")
    words = {
        State.SETTLED: "The row says: paid.",
        State.EXPIRED: "The row says: expired.",
        State.CANCELLED: "The row says: cancelled.",
        State.FAILED: "The row says: no invoice was made.",
    }
    seen_at = around.seen.get((row.id, row.state))
    if row.state in words and seen_at is not None:
        edits = [call.at for call in _edits_after(row, around)]
        story.add(min([seen_at, *edits]), "Bot → database", words[row.state])


def _presses(story: _Story, row: Invoice, board: Board | None, around: Around) -> None:
    """What was pressed on its card; before that of a part, what it was made for."""
    made_at, own = _seen_first(row, around), _cards(row)
    before: Press | None = None
    for press in around.presses:
        if (press.message.chat.id, press.message.id) in own:
            _press(story, press, press.user.first_name)
        elif board is not None and made_at is not None and press.pressed_at <= made_at:
            is_here = press.message.chat.id in (board.chat_id, row.chat_id)
            before = press if is_here and press.user.id == row.asker_id else before
    if before is not None:
        _press(story, before, before.user.first_name)


def _press(story: _Story, press: Press, who: str) -> None:
    story.add(press.pressed_at, f"{who} → Telegram", f"Presses “{press.label}”.")


def _seen_first(row: Invoice, around: Around) -> float | None:
    return min((at for (number, _), at in around.seen.items() if number == row.id), default=None)


def title(
    asked: Message | None,
    row: Invoice | None,
    board: Board | None = None,
    *,
    name: Callable[[int], str],
) -> str:
    """What it is the time line of. `name` is of a person."""
    if row is not None and row.board_id:  # who follows a link has written no more than /start
        return _part_title(row, name(row.asker_id))
    if asked is not None:
        said = " ".join(views.text(asked).split())
        return "A link, followed" if said == "/start" and (asked.text or "") != "/start" else said
    if row is not None:
        return f"{_amount(row)} {row.memo}".strip()
    return "" if board is None else f"{format_sats(board.sum_msat)} {board.memo}".strip()


def _part_title(row: Invoice, payer: str) -> str:
    memo = f"“{row.memo}”" if row.memo else ""
    if row.part_kind is PartKind.GIFT:
        return f"A gift of {_amount(row)} to {memo or 'a collection'}"
    of = f"part of {memo or 'a bill'}, {_amount(row)}"
    if row.part_kind is PartKind.OTHERS:
        whose = f"{row.part_for.split()[0]}’s" if row.part_for else "a free"
        return f"{payer} pays {whose} {of}"
    return f"{payer}’s {of}"


def _amount(row: Invoice) -> str:
    return format_sats(row.amount_msat) if row.amount_msat else "any amount"


def _edits_after(row: Invoice, around: Around) -> list[Call]:
    """Edits of its card since it was paid, which follow the row."""
    payment = around.payments.get(row.payment_hash)
    if row.state is not State.SETTLED or payment is None:
        return []
    return [
        call
        for call in around.calls
        if call.method in _EDITS and _is_of(call, row) and call.at >= payment.at
    ]


def _node(story: _Story, row: Invoice, around: Around) -> None:
    payment = around.payments.get(row.payment_hash)
    knows = False  # the bot, of the payment
    for call in around.node_calls:
        if call.payment_hash != row.payment_hash:
            continue
        if call.method == "SubscribeInvoices":
            if payment is not None and call.at >= payment.at:
                told = "The node’s stream tells once more" if knows else "The node’s stream tells"
                story.add(call.at, "Node → bot", f"{told}: paid.")
                knows = True
        elif _has_said(call):
            if payment is not None and call.at >= payment.at and not knows:
                story.add(call.at, "Node → bot", "Asked about the invoice, the node says: paid.")
                knows = True
        else:
            _node_call(story, call)
    if payment is not None:
        who = around.name(payment.person_id)
        story.add(payment.at, f"{who}’s wallet → node", f"Pays {format_sats(payment.msat)}.")
    elif row.state is State.EXPIRED and row.expires_at <= around.now:
        story.add(float(row.expires_at), "Node", "The time to pay is over.")


def _node_call(story: _Story, call: NodeCall) -> None:
    does = {
        "AddInvoice": "Add the invoice",
        "LookupInvoice": "Look up the invoice",
        "CancelInvoice": "Cancel the invoice",
    }.get(call.method, call.method)
    match call.outcome:
        case "answered":
            story.add(call.at, "Bot → node", f"{does}. Done{_took(call.at, call.ended_at)}.")
        case "refused" if "already exists" in call.why:
            story.add(call.at, "Bot → node", f"{does}. The node has it already.")
        case "refused":
            story.add(call.at, "Bot → node", f"{does}. Refused: {call.why}.", "trouble")
        case "lost":
            story.add(call.at, "Bot → node", f"{does}. The answer is lost.", "trouble")
        case _:
            story.add(call.at, "Bot → node", f"{does} …", "waiting")


def _telegram(story: _Story, asks: Sequence[Message], row: Invoice | None, around: Around) -> None:
    """What the bot sent and edited. `asks`: the command, and the answer to its question."""
    asked = {(each.chat.id, each.id) for each in asks}
    has_card = False
    for call in around.calls:
        is_card = row is not None and _is_of(call, row)
        is_reply = (call.chat_id, _replies_to(call)) in asked
        if call.method == "sendPhoto" and (is_card or is_reply):
            _call(story, call, "The card once more" if has_card else "The card")
            has_card = has_card or call.has_acted
        elif call.method in _SENDS and (is_card or is_reply or _tells(call, row)):
            _call(story, call, f"Says “{_line(call, around)}”")
        elif call.method in _EDITS and is_card:
            _call(story, call, f"Edits the card: “{_line(call, around)}”")
            has_card = True


def _on_board(story: _Story, row: Invoice, board: Board, around: Around) -> None:
    """How everybody reads on the board that this part is paid: what the bot did once it knew."""
    told_at = _told_at(row, around)
    if told_at is None:
        return
    shown = _shown(board, None, around)
    for call in around.calls:
        if call.at < told_at or not _is_board(call, shown):
            continue
        _board_call(story, call, around)
        if call.status == 200:
            return


def _board(story: _Story, asked: Message | None, board: Board, around: Around) -> None:
    """What was paid by it, and what its message says: its first one is an answer to `asked`."""
    hidden = [seat.person_id for seat in board.seats if seat.hidden]
    for seat in board.seats:
        for part in (seat.part, *seat.others):
            payment = None if part is None else around.payments.get(part.payment_hash)
            if payment is not None:
                who = "Somebody" if seat.hidden else around.name(payment.person_id)
                text = f"Pays {format_sats(payment.msat)}."
                story.add(payment.at, f"{who}’s wallet → node", text)
    shown = _shown(board, asked, around)
    for press in around.presses:
        if (press.message.chat.id, press.message.id) in shown:
            hides = press.user.id in hidden
            _press(story, press, "Somebody" if hides else press.user.first_name)
    command = None if asked is None else (asked.chat.id, asked.id)
    for call in around.calls:
        replies_to = (call.chat_id, _replies_to(call))
        if _is_board(call, shown) and (call.method in _EDITS or replies_to != command):
            _board_call(story, call, around)
        elif call.method in _SENDS and replies_to in shown:
            _call(story, call, f"Says “{_line(call, around)}”")


def _board_call(story: _Story, call: Call, around: Around) -> None:
    if call.method in _EDITS:
        _call(story, call, f"Edits the board: “{_changed(call, around)}”")
    else:
        _call(story, call, f"The board once more: “{_line(call, around)}”")


def _told_at(row: Invoice, around: Around) -> float | None:
    """When the node told the bot first that this is paid, as far as the calls say."""
    payment = around.payments.get(row.payment_hash)
    if payment is None:
        return None
    tells = [
        call.at
        for call in around.node_calls
        if call.payment_hash == row.payment_hash
        and call.at >= payment.at
        and (call.method == "SubscribeInvoices" or _has_said(call))
    ]
    return min(tells, default=None)


def _has_said(call: NodeCall) -> bool:
    return call.method == "LookupInvoice" and call.outcome == "answered"


def _shown(board: Board, asked: Message | None, around: Around) -> set[tuple[int, int]]:
    """The messages that have shown a board, by chat and number: also in the group that it was."""
    commands = {(board.origin_chat_id, board.origin_message_id)}
    commands |= set() if asked is None else {(asked.chat.id, asked.id)}
    answers = {
        (call.chat_id, call.message_id)
        for call in around.calls
        if call.method in _SENDS and (call.chat_id, _replies_to(call)) in commands
    }
    now = {(board.chat_id, each) for each in (board.card_id, *board.duplicates)}
    return {(chat, number) for chat, number in now | answers if chat and number}


def _is_board(call: Call, shown: Collection[tuple[int, int]]) -> bool:
    is_one = (call.chat_id or 0, call.message_id or 0) in shown
    return is_one and call.method in (*_SENDS, *_EDITS)


def _call(story: _Story, call: Call, what: str) -> None:
    way = "Bot → Telegram"
    if call.ended_at is None:
        story.add(call.at, way, f"{what} …", "waiting")
    elif call.is_lost:
        end = "It is done, but the answer is lost" if call.has_acted else "The connection breaks"
        story.add(call.at, way, f"{what}. {end}.", "trouble")
    elif call.status == 429:
        story.add(call.at, way, f"{what}. Refused: too many requests.", "trouble")
    elif call.status == 200:
        story.add(call.at, way, f"{what}.{_took(call.at, call.ended_at, ' Took')}")
    else:
        story.add(call.at, way, f"{what}. Refused ({call.status}).", "trouble")


def _is_of(call: Call, row: Invoice) -> bool:
    return (call.chat_id, call.message_id) in _cards(row)


def _cards(row: Invoice) -> set[tuple[int | None, int | None]]:
    """The messages that show it, by chat and number."""
    return {(row.chat_id, each) for each in (row.card_id, *row.duplicates) if each is not None}


def _tells(call: Call, row: Invoice | None) -> bool:
    """Whether it tells in private that this part is paid: no message stands above its card."""
    if row is None or not row.board_id or row.state is not State.SETTLED:
        return False
    said = str(call.params.get("text", ""))
    announcement, *_ = texts.announcement(row).splitlines()
    is_of = announcement.partition(" for ")[2]
    return call.chat_id == row.chat_id and said.startswith(_RECEIVED) and is_of in said


def _replies_to(call: Call) -> int | None:
    try:
        wanted = json.loads(call.params.get("reply_parameters") or "null")
    except (TypeError, ValueError):
        return None
    return wanted.get("message_id") if isinstance(wanted, dict) else None


def _line(call: Call, around: Around) -> str:
    """The first line of what the call made or changed, as people read it."""
    message = around.message(call.chat_id or 0, call.message_id or 0)
    if message is None:  # it made none
        return _said(str(call.params.get("text", "")).partition("\n")[0])
    shown = message.text or ""
    for version in message.versions:
        if version.at <= (call.ended_at or version.at):
            shown = version.text or ""
    return _said(shown.partition("\n")[0])


def _changed(call: Call, around: Around) -> str:
    """What is new in a board since this edit: of its first line the part that is, other lines."""
    message = around.message(call.chat_id or 0, call.message_id or 0)
    versions = message.versions if message is not None else []
    until = call.ended_at or around.now
    place = max((n for n, each in enumerate(versions) if call.at <= each.at <= until), default=0)
    if not place:
        return _line(call, around)
    before, after = ((versions[n].text or "").splitlines() for n in (place - 1, place))
    firsts = [_CLAUSES.split(lines[0]) if lines else [] for lines in (before, after)]
    first = ", ".join(each for each in firsts[1] if each not in firsts[0])
    new = [first] if first else []
    new += [line for line in after[1:] if line not in before]
    if not new:  # its buttons
        return _line(call, around)
    more = [f"and {len(new) - LINES} more"] if len(new) > LINES + 1 else []
    return "; ".join([*map(_said, new[:LINES] if more else new), *more])


def _gaps(around: Around, begins: float) -> list[Entry]:
    """The times without a bot since then, and each start; of what began before, the rest."""
    entries = []
    for life, after in zip(around.lives, [*around.lives[1:], None], strict=True):
        if life.ended_at is None:
            continue
        until = None if after is None else after.began_at
        if until is None or until > begins:
            entries.append(Entry(max(life.ended_at, begins), "Bot", "No bot", "gap", until))
        if after is not None and _works_from(after, begins) > begins:
            at = max(after.began_at, begins)
            text = "Starts …" if after.up_at is None else _started(after.up_at - at)
            entries.append(Entry(at, "Bot", text))
    return entries


def _works_from(life: Life, begins: float) -> float:
    """When it worked or had ended; one that still starts does so later than anything began."""
    return next((at for at in (life.up_at, life.ended_at) if at is not None), begins + 1)


def _started(took_s: float) -> str:
    return f"Starts, and works after {took_s:.1f} s."


def _took(began_at: float, ended_at: float | None, prefix: str = "") -> str:
    took_s = (ended_at or began_at) - began_at
    if took_s < LONG_S:
        return ""
    return f"{prefix} {took_s:.1f} s." if prefix else f", after {took_s:.1f} s"


def _said(text: str) -> str:
    """A line of the bot's for quotation marks: without its own."""
    return _short(text.replace('"', ""))


def _short(text: str) -> str:
    """In one line, without the full stop at its end."""
    flat = " ".join(text.split()).removesuffix(".")
    return flat if len(flat) <= QUOTED else f"{flat[: QUOTED - 1]}…"
