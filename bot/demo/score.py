"""The score: what was asked, shown, paid and told, and what was lost or came twice. Pure.

Each figure is counted from what is in the chats, at the node, in the wallets and in the rows, and
none is kept. What is late counts as lost only after a time in which bot, node and
Telegram were all there.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bot import texts
from bot.core.invoice import Face, Invoice, State
from bot.demo.telegram import Chat, Message, User
from bot.texts.cards import MAY_BE_DUPLICATE

#: Seconds in which everything was there, after which what is still missing is lost.
GRACE_S = 15.0

_COMMAND = re.compile(r"/invoice(@\w+)?(\s|$)", re.IGNORECASE)
_SAYS_SO = html.unescape(re.sub("<[^>]*>", "", MAY_BE_DUPLICATE))
_PAID = texts.FACE_SIGNS[Face.PAID]
#: Nothing of these is ever shown.
_SILENT = (State.ASKING, State.DROPPED)
#: What was over before anybody saw it is not shown later.
_OVER = (State.EXPIRED, State.CANCELLED)


@dataclass(frozen=True)
class World:
    """Everything that is compared. `paid` are the payment hashes that wallets have paid."""

    chats: Iterable[Chat]
    bot: User
    rows: Collection[Invoice]
    paid: Collection[bytes]
    at_node: Collection[bytes]


@dataclass(frozen=True)
class Score:
    """The figures. `repeated`: messages that came again, and say so."""

    asked: int = 0
    cards: int = 0
    paid: int = 0
    told: int = 0
    lost: int = 0
    twice: int = 0
    repeated: int = 0


@dataclass
class Late:
    """What is not there yet, and since when, on a clock that nobody moves."""

    grace_s: float = GRACE_S
    since: dict[object, float] = field(default_factory=dict)

    def lost(self, missing: Collection[object], now: float, calm_since: float | None) -> int:
        """How many of these have been missing, while all was there, for longer than is right."""
        self.since = {each: self.since.get(each, now) for each in missing}
        if calm_since is None:
            return 0
        return sum(now - max(calm_since, since) >= self.grace_s for since in self.since.values())


def count(world: World, late: Late, *, now: float, calm_since: float | None) -> Score:
    """The score now. `now` and `calm_since` are of a clock that nobody moves; None: no calm."""
    chats = {chat.id: chat for chat in world.chats}
    rows = [row for row in world.rows if row.state not in _SILENT]
    answers = _answers(chats.values(), world.bot)
    commands = _unanswered(chats.values(), rows, answers, world.bot)
    cards = {row.id: cards for row in rows if (cards := _cards(chats, answers, row))}
    paid = [row for row in rows if row.payment_hash in world.paid]
    untold = [row for row in paid if not any(map(_begins_paid, cards.get(row.id, ())))]
    uncarded = [row for row in rows if row.id not in cards and not _needs_none(row, answers)]
    strays = set(world.paid) - {row.payment_hash for row in rows}
    missing = [
        *(("command", key) for key in commands),
        *(("card", row.id) for row in uncarded),
        *(("payment", row.id) for row in untold),
        *(("payment", each) for each in strays),
    ]
    twice, repeated = _surplus(rows, answers, world)
    return Score(
        asked=len(rows) + len(commands),
        cards=len(cards),
        paid=len(world.paid),
        told=len(paid) - len(untold),
        lost=late.lost(missing, now, calm_since),
        twice=twice,
        repeated=repeated,
    )


Answers = Mapping[tuple[int, int], list[Message]]


def _answers(chats: Iterable[Chat], bot: User) -> dict[tuple[int, int], list[Message]]:
    """The bot's messages, by the chat and the message that they reply to."""
    found: dict[tuple[int, int], list[Message]] = {}
    for chat in chats:
        for each in chat.messages.values():
            if each.author is bot and each.reply_to is not None and not each.deleted:
                found.setdefault((chat.id, each.reply_to.id), []).append(each)
    return found


def _unanswered(
    chats: Iterable[Chat], rows: Iterable[Invoice], answers: Answers, bot: User
) -> list[tuple[int, int]]:
    """Commands that have no row and no answer, by chat and message."""
    known = {(row.origin_chat_id, row.origin_message_id) for row in rows}
    return [
        (chat.id, each.id)
        for chat in chats
        if chat.migrated_to is None
        for each in chat.messages.values()
        if each.author is not bot
        and not each.deleted
        and _COMMAND.match(each.text or "")
        and (chat.id, each.id) not in known
        and (chat.id, each.id) not in answers
    ]


def _cards(chats: Mapping[int, Chat], answers: Answers, row: Invoice) -> list[Message]:
    """The row's card, or where that is none now, the pictures that answer its command.

    A notice that the command waits is no card yet.
    What a group has of a card from before it moved stays there, and no row knows it.
    """
    chat = chats.get(row.chat_id)
    card = chat.messages.get(row.card_id or 0) if chat is not None else None
    if card is not None and not card.deleted and row.card_shown is not Face.WAITING:
        return [card]
    command = (row.origin_chat_id, row.origin_message_id)
    return [each for each in answers.get(command, ()) if each.photo is not None]


def _needs_none(row: Invoice, answers: Answers) -> bool:
    """Whether nobody waits for its card: it is over, or another answer says why there is none."""
    is_refused = row.state is State.FAILED and (row.chat_id, row.reply_to or 0) in answers
    return is_refused or row.state in _OVER


def _surplus(rows: Collection[Invoice], answers: Answers, world: World) -> tuple[int, int]:
    """What is there twice without a word, and what came again and says so."""
    asked = Counter((row.chat_id, row.reply_to or 0) for row in rows)
    settled = Counter(
        (row.chat_id, row.reply_to or 0) for row in rows if row.payment_hash in world.paid
    )
    # there its messages are void, and no row is there now: what came again came all the same
    moved = {chat.id for chat in world.chats if chat.migrated_to is not None}
    commands = {(row.origin_chat_id, row.origin_message_id) for row in rows if not row.board_id}
    cards_of = _pictures(rows, answers)
    twice = repeated = 0
    for key in {**answers, **cards_of}:
        messages, cards = answers.get(key, []), cards_of.get(key, [])
        # what answers no invoice's command is a board, or its end
        told = [each for each in messages if each.photo is None and _begins_paid(each)]
        told = told if key in asked or (key[0] in moved and key in commands) else []
        for group, right in ((cards, asked[key]), (told, settled[key])):
            silent = sum(not _ever_says_so(each) for each in group)
            repeated += len(group) - silent
            twice += 0 if key[0] in moved else max(0, silent - right)
    if world.rows:  # an invoice that no row knows is one too many
        twice += len(set(world.at_node) - {row.payment_hash for row in world.rows})
    return twice, repeated


def _pictures(rows: Iterable[Invoice], answers: Answers) -> dict[tuple[int, int], list[Message]]:
    """The cards by the message that they belong to.

    A question that became the card replies to what brought it, and its row to the answer.
    """
    belongs = {
        (row.chat_id, number): (row.chat_id, row.reply_to or 0)
        for row in rows
        for number in (row.card_id, *row.duplicates)
    }
    found: dict[tuple[int, int], list[Message]] = {}
    for key, messages in answers.items():
        for each in messages:
            if each.photo is not None:
                found.setdefault(belongs.get((key[0], each.id), key), []).append(each)
    return found


def _begins_paid(message: Message) -> bool:
    return (message.text or "").startswith(_PAID)


def _ever_says_so(message: Message) -> bool:
    """Whether it has ever said that it may be a duplicate: a paid card says so no longer."""
    return any(_SAYS_SO in (version.text or "") for version in message.versions)
