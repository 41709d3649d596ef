"""Updates → rows and replies; one `register` that reads as a table. Knows Telegram's updates.

A handler does nothing on the network: it checks, writes, and returns its replies, which go out
after the commit and outside of intake, best effort.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from telegram import CallbackQuery, Chat, ChatMember, MaybeInaccessibleMessage, Message, Update
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    BaseHandler,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot import amounts, logs, texts
from bot.access import Access
from bot.cards import read_press
from bot.chats import Chats, TelegramBot
from bot.config import InvoicesSettings
from bot.errors import LimitReached, MemoRefused, Refused
from bot.invoice import TOO_LATE_S, Face, Invoice, Priority, State, at_once
from bot.store import LANE_FOREIGN, Store, Tx

log = logs.get(__name__)

STRANGER_GROUP_EVERY_S = 3600.0
STRANGER_EVERY_S = 86_400.0
ID_EVERY_S = 60.0
LATEST = 10


@dataclass(frozen=True, slots=True)
class Say:
    """A message to send."""

    chat_id: int
    text: str
    reply_to: int | None = None
    thread_id: int | None = None
    quiet: bool = False
    asks: bool = False  # the reader's next message shall be a reply to it


@dataclass(frozen=True, slots=True)
class Answer:
    """What a press on a button is answered with."""

    query_id: str
    text: str
    alert: bool = False


@dataclass(frozen=True, slots=True)
class IfAdministrator:
    """Only Telegram can tell whether somebody is one: if so `then`, else `otherwise`."""

    chat_id: int
    user_id: int
    then: Callable[[], Awaitable[Sequence[Reply]]]
    otherwise: Sequence[Reply]


Reply = Say | Answer | IfAdministrator


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who asks: a person, or an anonymous administrator as the group itself."""

    id: int
    name: str
    is_chat: bool = False


class _Asks(filters.MessageFilter):
    """New messages that somebody wrote here themselves."""

    def filter(self, message: Message) -> bool:
        return (
            message.forward_origin is None
            and not message.is_automatic_forward
            and (message.sender_chat is None or message.sender_chat.id == message.chat.id)
            and message.from_user is not None
            and (not message.from_user.is_bot or message.sender_chat is not None)
        )


class _Addressed(filters.MessageFilter):
    """Commands that are meant for this bot for sure: in private, or with its name."""

    def filter(self, message: Message) -> bool:
        words = (message.text or "").split(maxsplit=1)
        return message.chat.type == Chat.PRIVATE or bool(words and "@" in words[0])


class Wake(Protocol):
    """Told which row to work on; `fresh` is that row where it is new."""

    def __call__(self, row_id: int, chat_id: int, fresh: Invoice | None = None) -> None: ...


class Handlers:
    """Turns updates into rows. `wake` is told which row to work on, after the commit."""

    def __init__(
        self,
        *,
        store: Store,
        chats: Chats,
        access: Access,
        settings: InvoicesSettings,
        wake: Wake,
        look_now: Callable[[], None],
        waited_s: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._chats = chats
        self._access = access
        self._settings = settings
        self._wake = wake
        self._look_now = look_now
        self._waited_s = waited_s
        self._clock = clock
        #: Groups' old ids → their new ones.
        self.moves: dict[int, int] = {}

    def register(self, application: Application[Any, Any, Any, Any, Any, Any]) -> None:
        """Who handles what."""
        asks = filters.UpdateType.MESSAGE & _Asks()
        addressed = asks & _Addressed()
        new = filters.UpdateType.MESSAGE
        table: Sequence[BaseHandler[Any, Any, Any]] = (
            CommandHandler("invoice", self._message(self.invoice), filters=asks),
            CommandHandler("cancel", self._message(self.cancel), filters=asks),
            CommandHandler("invoices", self._message(self.invoices), filters=addressed),
            CommandHandler(["help", "start"], self._message(self.help), filters=addressed),
            CommandHandler("id", self._message(self.ids), filters=addressed),
            MessageHandler(new & filters.StatusUpdate.MIGRATE, self._message(self.migrated)),
            MessageHandler(asks & filters.TEXT & ~filters.COMMAND, self._message(self.answer)),
            # a slip such as /invoice2100
            MessageHandler(
                asks & filters.ChatType.PRIVATE & filters.COMMAND, self._message(self.help)
            ),
            CallbackQueryHandler(self._query(self.pressed)),
            ChatMemberHandler(self._membership, ChatMemberHandler.MY_CHAT_MEMBER),
        )
        application.add_handler(TypeHandler(Update, self._heard), group=-1)
        for handler in table:
            application.add_handler(handler)

    # commands

    async def invoice(self, message: Message) -> Sequence[Reply]:
        """/invoice <amount> [memo]: a new row. /invoice alone: a row that asks for the amount."""
        asker = _asker(message)
        if (instead := await self._instead(message, asker)) is not None:
            return instead
        text = _after_command(message)
        try:
            amount_msat, memo = self._amount(text) if text else (None, "")
            memo = self._memo(memo or _quoted(message))
        except Refused as error:
            return [_reply(message, texts.refusal(error.sentence))]
        now = self._clock()
        columns = {
            **self._place(message),
            "asker_id": asker.id,
            "asker_name": asker.name,
            "asked_at": now - self._age_s(message),
            "amount_msat": amount_msat,
            "memo": memo,
            "state": State.ASKING if amount_msat is None else State.REQUESTED,
            **self._fresh(now),
        }

        def job(tx: Tx) -> tuple[Invoice, bool, Invoice | None]:
            there = tx.by_origin(
                columns["origin_chat_id"], columns["origin_message_id"], columns["origin_count"]
            )
            if there is not None:  # delivered again: its row is being worked on
                return there, False, None
            self._check_limits(tx, asker.id, columns["chat_id"], now)
            asked = None
            if amount_msat is None:  # one question at a time
                asked = tx.question(columns["chat_id"], columns["thread_id"], asker.id)
                if asked is not None:
                    tx.update(asked.id, state=State.DROPPED, due_at=None)
            return (*tx.add(**columns), asked)

        try:
            row, is_new, dropped = await self._store.do(job)
        except LimitReached as error:
            return [_reply(message, texts.refusal(error.sentence))]
        if dropped is not None:
            self._wake(dropped.id, dropped.chat_id)
        self._wake(row.id, row.chat_id, row if is_new else None)
        return []

    async def answer(self, message: Message) -> Sequence[Reply]:
        """A text that may be the answer to "How many sats?"."""
        replied = message.reply_to_message
        in_private = message.chat.type == Chat.PRIVATE
        to_us = replied is not None and _is_me(replied, self._chats.telegram_bot)
        if not in_private and not to_us:
            return []
        asker = _asker(message)
        chat_id, thread_id = self._chat_id(message), _thread(message)
        question, answered, replied_to = await self._store.do(
            lambda tx: (
                tx.question(chat_id, thread_id, asker.id),
                tx.answered(message.chat.id, message.message_id),
                tx.by_message(chat_id, replied.message_id) if replied and to_us else None,
            )
        )
        if answered is not None:  # delivered again
            self._wake(answered.id, answered.chat_id)
            return []
        if not self._access.may_ask(asker.id, chat_id):
            return []
        if question is None or (replied_to is not None and replied_to.id != question.id):
            # nothing is asked, or it was said of another card
            if replied_to is not None and replied_to.state is State.DROPPED:
                mine = replied_to.asker_id == asker.id
                return [_reply(message, texts.QUESTION_OVER)] if mine else []
            return [_reply(message, texts.help_private(self._name))] if in_private else []
        if (instead := await self._late(message, taken=lambda _: None)) is not None:
            return instead
        try:
            amount_msat, memo = self._amount(texts.clean(message.text or ""))
            memo = self._memo(memo or question.memo)
        except Refused as error:
            return [_reply(message, texts.refusal(error.sentence), asks=True)]
        now = self._clock()

        def job(tx: Tx) -> None:
            self._check_limits(tx, asker.id, chat_id, now, question=question.id)
            tx.update(
                question.id,
                state=State.REQUESTED,
                amount_msat=amount_msat,
                memo=memo,
                reply_to=self._reply_to(message),
                asked_at=now - self._age_s(message),
                card_id=None,
                card_shown=Face.NOTHING,
                sending="",
                unsure="",
                lane=Priority.NEW,
                # Drawn with the amount: where a backup was put back, the question's own hash may
                # have an invoice already, of another amount.
                **self._fresh(now),
            )

        try:
            await self._store.do(job)
        except LimitReached as error:
            return [_reply(message, texts.refusal(error.sentence))]
        self._wake(question.id, chat_id)
        return []

    async def cancel(self, message: Message) -> Sequence[Reply]:
        """/cancel as a reply to a card."""
        replied = message.reply_to_message
        to_us = replied is not None and _is_me(replied, self._chats.telegram_bot)
        row = None
        if replied is not None and not replied.forum_topic_created:
            row = await self._store.do(
                lambda tx: tx.by_message(message.chat.id, replied.message_id)
            )
        named = _named(replied) if replied is not None and to_us else None
        if row is None and replied is not None and named is not None:
            row = await self._of_card(named, replied)
        asker = _asker(message)
        # In a group a bare /cancel may be meant for another bot.
        for_us = row is not None or to_us or _Addressed().filter(message)
        no: Sequence[Reply] = []
        is_own = row is not None and row.asker_id == asker.id
        if for_us and not is_own and not self._access.may_ask(asker.id, self._chat_id(message)):
            no = await self._stranger(message, asker)
        elif for_us:
            sentence = texts.CANCEL_HOW if named is None else texts.NOT_FOLLOWED
            no = [_reply(message, sentence if row is None else texts.NOT_YOURS)]
        if row is None:
            return no
        payment_hash = row.payment_hash

        async def then() -> Sequence[Reply]:
            said = await self._cancel(payment_hash, asker)
            return [] if said is texts.CANCELLING else [_reply(message, said)]

        return await self._if_allowed(row, asker, then, no)

    async def invoices(self, message: Message) -> Sequence[Reply]:
        """/invoices: the asker's latest; in a group only that group's."""
        asker = _asker(message)
        if (instead := await self._instead(message, asker)) is not None:
            return instead
        in_group = message.chat.type != Chat.PRIVATE
        chat_id = self._chat_id(message) if in_group else None
        rows = await self._store.do(lambda tx: tx.latest(asker.id, chat_id, LATEST))
        return [_reply(message, texts.latest(rows, in_group=in_group))]

    async def help(self, message: Message) -> Sequence[Reply]:
        """/help and /start: what the bot does."""
        asker = _asker(message)
        if not self._access.may_ask(asker.id, self._chat_id(message)):
            return await self._stranger(message, asker)
        in_private = message.chat.type == Chat.PRIVATE
        text = texts.help_private(self._name) if in_private else texts.help_group(self._name)
        return [_reply(message, text)]

    async def ids(self, message: Message) -> Sequence[Reply]:
        """/id: the numbers for the allow-list."""
        asker = _asker(message)
        if not self._access.may_ask(asker.id, self._chat_id(message)):
            now = self._clock()
            if not await self._store.do(
                lambda tx: tx.claim_hint("id", asker.id, now=now, every_s=ID_EVERY_S)
            ):
                return []
        return [_reply(message, texts.ids(asker.id, message.chat.id))]

    async def migrated(self, message: Message) -> Sequence[Reply]:
        """The group became a supergroup: told once in the old one, once in the new one."""
        old, new = message.migrate_from_chat_id, message.migrate_to_chat_id
        old, new = (old, message.chat.id) if old is not None else (message.chat.id, new)
        if old is None or new is None or self.moves.get(old) == new:
            return []
        await self._store.do(lambda tx: tx.move_chat(old, new, self._clock()))
        self.follow(old, new)
        self._look_now()
        return []

    def follow(self, old_chat_id: int, new_chat_id: int) -> None:
        """Remember a group's new id."""
        self.moves[old_chat_id] = new_chat_id
        self._access.follow(old_chat_id, new_chat_id)

    # buttons

    async def pressed(self, query: CallbackQuery) -> Sequence[Reply]:
        """Cancel or Renew under a card."""
        press = read_press(query.data or "")
        message = query.message
        if press is None or message is None:
            return [Answer(query.id, texts.NOT_FOLLOWED, alert=True)]
        verb, payment_hash = press
        row = await self._of_card(payment_hash, message)
        if row is None:
            return [Answer(query.id, texts.NOT_FOLLOWED, alert=True)]
        asker = _Asker(query.from_user.id, texts.clean_name(query.from_user.full_name or ""))

        async def then() -> Sequence[Reply]:
            act = self._cancel if verb == "cancel" else self._renew
            return [Answer(query.id, await act(payment_hash, asker))]

        no = Answer(query.id, texts.NOT_YOURS, alert=True)
        return await self._if_allowed(row, asker, then, [no])

    async def _of_card(
        self, payment_hash: bytes, message: MaybeInaccessibleMessage
    ) -> Invoice | None:
        """The row that a card is of, by the payment hash on its button."""
        chat_id = self._moved(message.chat.id)
        message_id = message.message_id
        now = self._clock()

        def seen(tx: Tx) -> Invoice | None:
            row = tx.by_hash(payment_hash)
            if row is None or row.chat_id != chat_id:
                return None
            # Where the group moved on its old numbers are void.
            if message_id == row.card_id or message.chat.id != chat_id:
                return row
            # A copy that a crash left behind is brought up to date with the card from now on. But
            # a client may name any message: so the button has to stand there, as Telegram has it.
            if not isinstance(message, Message):
                return row
            if not row.has_stray(message_id) and _named(message) != payment_hash:
                return None
            strays = row.with_stray(message_id, Face.NOTHING)
            return tx.update(row.id, strays=strays, due_at=at_once(now))

        row = await self._store.do(seen)
        if row is not None:
            self._wake(row.id, row.chat_id)
        return row

    async def _if_allowed(
        self,
        row: Invoice,
        asker: _Asker,
        then: Callable[[], Awaitable[Sequence[Reply]]],
        otherwise: Sequence[Reply],
    ) -> Sequence[Reply]:
        """The asker, the owners, and a group's administrators may cancel and renew."""
        as_group = asker.is_chat and asker.id == row.chat_id
        if asker.id == row.asker_id or as_group or self._access.is_owner(asker.id):
            return await then()
        if row.chat_id > 0:  # a private chat has no administrators
            return otherwise
        return [IfAdministrator(row.chat_id, asker.id, then, otherwise)]

    async def _cancel(self, payment_hash: bytes, by: _Asker) -> str:
        """Want it cancelled; what to say."""
        now = self._clock()

        def job(tx: Tx) -> tuple[Invoice | None, str]:
            row = tx.by_hash(payment_hash)
            if row is None:
                return None, texts.NOT_FOLLOWED
            if row.state is State.SETTLED:
                return row, texts.ALREADY_PAID
            if row.state is State.ASKING:
                return tx.update(row.id, state=State.DROPPED, due_at=None), texts.NOT_ASKED
            if row.state not in (State.REQUESTED, State.OPEN):
                return row, texts.ALREADY_CLOSED
            is_away = row.lane == LANE_FOREIGN  # it is cancelled once its node is back
            row = tx.update(
                row.id,
                cancel_wanted=True,
                cancelled_by="" if by.id == row.asker_id else by.name,
                **(_anew(now, Priority.CANCELLED) | (_ASIDE if is_away else {})),
            )
            if is_away:
                return row, texts.NODE_AWAY
            return row, texts.CANCELLING if row.state is State.OPEN else texts.NOT_CONFIRMED

        row, said = await self._store.do(job)
        if row is not None:
            self._wake(row.id, row.chat_id)
        return said

    async def _renew(self, payment_hash: bytes, by: _Asker) -> str:
        """A new row for a closed one, once; what to say."""
        now = self._clock()
        fresh = self._fresh(now)

        def job(tx: Tx) -> tuple[list[Invoice], str]:
            row = tx.by_hash(payment_hash)
            if row is None:
                return [], texts.NOT_FOLLOWED
            if row.state is State.SETTLED:
                return [row], texts.ALREADY_PAID
            if row.state not in (State.EXPIRED, State.CANCELLED):
                return [row], texts.STILL_OPEN
            if row.renewed:
                return [row], texts.ALREADY_RENEWED
            if not self._access.may_ask(by.id, row.chat_id):
                return [row], texts.NOT_YOURS
            amounts.check_range(row.amount_msat or 0, **self._range)
            # The new row counts as its asker's: so does the limit, but for an owner, who has none.
            counted = by.id if self._access.is_owner(by.id) else row.asker_id
            who = "" if counted == by.id else row.asker_name
            self._check_limits(tx, counted, row.chat_id, now, who)
            renewal, _ = tx.add(
                origin_chat_id=row.origin_chat_id,
                origin_message_id=row.origin_message_id,
                origin_count=row.origin_count + 1,
                chat_id=row.chat_id,
                thread_id=row.thread_id,
                reply_to=row.reply_to,
                asker_id=row.asker_id,
                asker_name=row.asker_name,
                asked_at=now,
                amount_msat=row.amount_msat,
                memo=row.memo,
                state=State.REQUESTED,
                **fresh,
            )
            old = tx.update(row.id, renewed=True, **_anew(now, Priority.NEW))
            return [renewal, old], texts.RENEWING

        try:
            rows, said = await self._store.do(job)
        except Refused as error:
            return error.sentence
        for row in rows:
            self._wake(row.id, row.chat_id)
        return said

    # who and where

    async def _instead(self, message: Message, asker: _Asker) -> list[Reply] | None:
        """None if the command is to be carried out, else what is said instead, if anything."""
        chat_id = self._chat_id(message)
        if not self._access.may_ask(asker.id, chat_id):
            return await self._stranger(message, asker)
        origin = (message.chat.id, message.message_id, 0)
        return await self._late(message, taken=lambda tx: tx.by_origin(*origin))

    async def _late(
        self, message: Message, *, taken: Callable[[Tx], Invoice | None]
    ) -> list[Reply] | None:
        """None if it came in time, or was `taken` then and comes again; else what is said."""
        if self._age_s(message) <= TOO_LATE_S:
            return None
        now, chat_id = self._clock(), self._chat_id(message)

        def job(tx: Tx) -> tuple[bool, bool]:
            if taken(tx) is not None:
                return True, False
            return False, tx.claim_hint("late", chat_id, now=now, every_s=TOO_LATE_S)

        was_taken, claimed = await self._store.do(job)
        if was_taken:
            return None
        return [_reply(message, texts.TOO_LATE)] if claimed else []

    def _age_s(self, message: Message) -> float:
        """How long ago it was written, in seconds.

        Telegram's clock and ours may differ by anything: so it is no older than an update can be
        that comes now. Else a clock that is an hour fast would call each command too late.
        """
        by_clocks_s = self._clock() - message.date.timestamp()
        return max(0.0, min(by_clocks_s, self._waited_s()))

    async def _stranger(self, message: Message, asker: _Asker) -> list[Reply]:
        """Said once, quietly."""
        in_private = message.chat.type == Chat.PRIVATE
        subject = asker.id if in_private else self._chat_id(message)
        every_s = STRANGER_EVERY_S if in_private else STRANGER_GROUP_EVERY_S
        claimed = await self._store.do(
            lambda tx: tx.claim_hint("stranger", subject, now=self._clock(), every_s=every_s)
        )
        if not claimed:
            return []
        return [_reply(message, texts.stranger(asker.id, message.chat.id), quiet=True)]

    def _check_limits(
        self,
        tx: Tx,
        asker_id: int,
        chat_id: int,
        now: float,
        who: str = "",
        *,
        question: int | None = None,
    ) -> None:
        """`question`: the row that is answered, which counted as it was asked."""
        since = now - self._access.limits.invoices_per_user.per_s
        self._access.check_limits(
            asker_id,
            asked=tx.asked_since(asker_id, since, but_row=question),
            open_in_chat=tx.open_in_chat(chat_id),
            who=who,
        )

    def _place(self, message: Message) -> dict[str, Any]:
        return {
            "origin_chat_id": message.chat.id,
            "origin_message_id": message.message_id,
            "origin_count": 0,
            "chat_id": self._chat_id(message),
            "thread_id": _thread(message),
            "reply_to": self._reply_to(message),
        }

    def _reply_to(self, message: Message) -> int | None:
        """What its card replies to: nothing where the group has moved on, and counts anew."""
        return message.message_id if self._chat_id(message) == message.chat.id else None

    def _fresh(self, now: float) -> dict[str, Any]:
        preimage = secrets.token_bytes(32)
        return {
            "preimage": preimage,
            "payment_hash": hashlib.sha256(preimage).digest(),
            "expiry_s": self._settings.expiry_s,
            "due_at": at_once(now),
        }

    def _amount(self, text: str) -> tuple[int, str]:
        return amounts.parse(text, **self._range)

    @property
    def _range(self) -> dict[str, int]:
        return {"min_sats": self._settings.min_sats, "max_sats": self._settings.max_sats}

    def _memo(self, memo: str) -> str:
        if not texts.clean_name(memo).strip("\u200d"):
            return ""  # nothing that can be seen
        size_bytes = len(memo.encode())
        if size_bytes > texts.MAX_MEMO_BYTES:
            raise MemoRefused(texts.memo_too_long(size_bytes))
        return memo

    def _chat_id(self, message: Message) -> int:
        return self._moved(message.chat.id)

    def _moved(self, chat_id: int) -> int:
        return self.moves.get(chat_id, chat_id)

    @property
    def _name(self) -> str:
        return self._chats.telegram_bot.username

    # holds

    async def _heard(self, update: Update, _context: object) -> None:
        """A chat that is heard of can be written to again."""
        chat = update.effective_chat
        member = update.my_chat_member
        if chat is None or (member is not None and member.new_chat_member.status in _OUT):
            return
        self._chats.heard(chat.id)
        if chat.id not in self._chats.forbidden:
            return
        await self._store.do(lambda tx: tx.set_forbidden(chat.id, False, self._clock()))
        self._chats.forbidden.discard(chat.id)
        log.info("chat off hold", chat=chat.id)
        self._look_now()

    async def _membership(self, update: Update, _context: object) -> None:
        """Blocked or removed: nothing is tried there until the chat is heard of again."""
        member = update.my_chat_member
        if member is None or member.new_chat_member.status not in _OUT:
            return
        chat_id = member.chat.id
        await self._store.do(lambda tx: tx.set_forbidden(chat_id, True, self._clock()))
        self._chats.forbidden.add(chat_id)
        log.info("chat on hold", chat=chat_id)

    # replies

    def _message(self, handle: Callable[[Message], Awaitable[Sequence[Reply]]]) -> Any:
        async def callback(update: Update, _context: object) -> None:
            if update.message is not None:
                self._send(await handle(update.message))

        return callback

    def _query(self, handle: Callable[[CallbackQuery], Awaitable[Sequence[Reply]]]) -> Any:
        async def callback(update: Update, _context: object) -> None:
            if update.callback_query is not None:
                self._send(await handle(update.callback_query))

        return callback

    def _send(self, replies: Sequence[Reply]) -> None:
        for reply in replies:
            if isinstance(reply, Say):
                self._chats.say(
                    reply.chat_id,
                    reply.text,
                    reply_to=reply.reply_to,
                    thread_id=reply.thread_id,
                    quiet=reply.quiet,
                    asks=reply.asks,
                )
            else:
                self._chats.post(self._reply(reply))

    async def _reply(self, reply: Answer | IfAdministrator) -> None:
        telegram_bot = self._chats.telegram_bot
        try:
            if isinstance(reply, Answer):
                await telegram_bot.answer_callback_query(
                    reply.query_id, reply.text[:200], show_alert=reply.alert
                )
                return
            member = await telegram_bot.get_chat_member(reply.chat_id, reply.user_id)
        except TelegramError as error:
            log.info("not answered", reply=type(reply).__name__, detail=error.message)
            if isinstance(reply, IfAdministrator):  # as long as nobody says that they are one
                self._send(reply.otherwise)
            return
        allowed = member.status in (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
        self._send(await reply.then() if allowed else reply.otherwise)

    def sorry(self, update: Update) -> None:
        """An update failed for a reason of ours: tell where that can be told."""
        if update.callback_query is not None:
            self._send([Answer(update.callback_query.id, texts.BUG, alert=True)])
        elif update.message is not None:
            asker = update.message.from_user
            if asker and self._access.may_ask(asker.id, self._chat_id(update.message)):
                self._send([_reply(update.message, texts.BUG)])


_OUT = (ChatMember.BANNED, ChatMember.LEFT)


def _anew(now: float, lane: Priority) -> dict[str, Any]:
    """Somebody wants something of a row: it is due, and has another chance where it was stuck."""
    return {"due_at": at_once(now), "lane": lane, "faults": 0, "retry_at": 0.0}


_ASIDE: dict[str, Any] = {"due_at": None, "lane": LANE_FOREIGN}


def _asker(message: Message) -> _Asker:
    if message.sender_chat is not None:
        return _Asker(message.sender_chat.id, texts.clean_name(message.chat.title or ""), True)
    person = message.from_user
    if person is None:
        raise ValueError("a message that nobody wrote")
    return _Asker(person.id, texts.clean_name(person.full_name or ""))


def _thread(message: Message) -> int | None:
    # In the General topic and in plain threads the number must not be sent back.
    return message.message_thread_id if message.is_topic_message else None


def _after_command(message: Message) -> str:
    return re.sub(r"^\s*/\S+\s*", "", texts.clean(message.text or ""), count=1).strip()


def _quoted(message: Message) -> str:
    """The text of the message that the command replies to, where a person wrote it."""
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created:
        return ""
    if replied.from_user is not None and replied.from_user.is_bot and not replied.sender_chat:
        return ""
    return texts.clean(replied.text or replied.caption or "").strip()


def _named(message: Message) -> bytes | None:
    """The payment hash that the first button of ours under a message names."""
    markup = message.reply_markup
    for button in itertools.chain(*(markup.inline_keyboard if markup else ())):
        press = read_press(str(button.callback_data))
        if press is not None:
            return press[1]
    return None


def _is_me(message: Message, telegram_bot: TelegramBot) -> bool:
    return message.from_user is not None and message.from_user.id == telegram_bot.id


def _reply(message: Message, text: str, *, quiet: bool = False, asks: bool = False) -> Say:
    return Say(
        message.chat.id,
        text,
        reply_to=message.message_id,
        thread_id=_thread(message),
        quiet=quiet,
        asks=asks,
    )
