"""What people want, written down, and the bell rung for it. Knows the clock and chance."""

from __future__ import annotations

from collections.abc import Callable

from bot.access import Access
from bot.actions import jobs
from bot.actions.values import Asker, Origin, Place, Rules, draw
from bot.config import InvoicesSettings
from bot.core import delivery, text
from bot.core.board import Board
from bot.core.invoice import TOO_LATE_S, Columns, Face, Invoice, PartKind, State, changes
from bot.core.wishes import Answered, Asked, Cancelling, Renewing
from bot.metrics import METER
from bot.places import Places
from bot.store import Bell, Store


class Actions:
    """What people want becomes rows; what came of it is an enum. Raises `StoreUnavailable`."""

    def __init__(
        self,
        *,
        store: Store,
        access: Access,
        places: Places,
        settings: InvoicesSettings,
        clock: Callable[[], float],
        bell: Bell,
    ) -> None:
        self._store = store
        self._access = access
        self._places = places
        self._settings = settings
        self._clock = clock
        self._bell = bell

    @property
    def _rules(self) -> Rules:
        return Rules.of(self._settings, self._access.now)

    async def ask(
        self,
        asker: Asker,
        origin: Origin,
        place: Place,
        what: str,
        *,
        quoted: str = "",
        age_s: float = 0.0,
    ) -> Asked:
        """An invoice for `what`, an amount and a memo; "": the asker is asked for the amount.

        `quoted` is the memo where there is no other, and is shortened to one; `age_s`: how long ago
        it was written. Raises `Refused`.
        """
        if age_s > TOO_LATE_S:
            there = await self._store.do(jobs.by_origin, origin, self._places.bot_id)
            return Asked.TOO_LATE if there is None else self._again(there)
        amount_msat, memo = self._rules.parse(what) if what else (None, "")
        now = self._clock()
        columns = changes(
            origin_chat_id=origin.chat_id,
            origin_message_id=origin.message_id,
            part=origin.part,
            bot_id=self._places.bot_id,
            chat_id=place.chat_id,
            thread_id=place.thread_id,
            reply_to=place.reply_to,
            asker_id=asker.id,
            asker_name=asker.name,
            chat_title=place.title,
            asked_at=now - age_s,
            amount_msat=amount_msat,
            memo=text.memo(memo or text.shortened(quoted)),
            state=State.ASKING if amount_msat is None else State.PENDING,
            **draw(self._rules, now),
        )
        row, is_new, dropped = await self._store.do(jobs.ask, columns, self._access.now, now)
        if not is_new:
            return self._again(row)
        METER.commands.add("invoice")
        if dropped is not None:
            self._ring(dropped)
        self._bell.ring(row.key, row.chat_id, fresh=row)
        return Asked.QUESTION if amount_msat is None else Asked.WAITING

    def _again(self, row: Invoice) -> Asked:
        self._ring(row)
        return Asked.AGAIN

    async def answer(
        self,
        asker: Asker,
        origin: Origin,
        place: Place,
        what: str,
        *,
        replied_to: int | None = None,
        replied_at: float = 0.0,
        named: bytes | None = None,
        age_s: float = 0.0,
        is_edit: bool = False,
    ) -> Answered:
        """`what`, an amount and a memo, may answer the question "How many sats?".

        `replied_to`: the message of the bot's that it replies to, None where it replies to nothing,
        `replied_at`: when that was sent, in Unix seconds, and `named`: the payment hash on its
        buttons; `age_s`: how long ago it was written; `is_edit`: it was changed since, and answers
        no question that came after it. Raises `Refused`.
        """
        bot_id = self._places.bot_id
        found = await self._store.do(
            jobs.question, asker.id, origin, place, replied_to, replied_at, named, bot_id
        )
        if found.answered is not None:
            self._ring(found.answered)
            return Answered.AGAIN
        question = found.meant
        if question is None:
            return found.instead(asker.id, self._clock())
        if is_edit and (question.reply_to or 0) > origin.message_id:
            return Answered.NO_QUESTION
        if age_s > TOO_LATE_S:
            return Answered.TOO_LATE
        asked_at = self._clock() - age_s
        if question.part_kind is PartKind.GIFT:
            gift_msat = self._rules.parse_gift(what)
            gift = changes(amount_msat=gift_msat, asked_at=asked_at, reply_to=place.reply_to)
            return Answered.TAKEN if await self._take(question, gift) else Answered.GIFT_CLOSED
        amount_msat, memo = self._rules.parse(what)
        columns = changes(
            amount_msat=amount_msat,
            memo=text.memo(memo or question.memo),
            reply_to=place.reply_to,
            asked_at=asked_at,
            card_id=None,
            card_shown=Face.NOTHING,
            duplicates={},
            **delivery.void(),
        )
        return Answered.TAKEN if await self._take(question, columns) else Answered.CLOSED

    async def give(self, payment_hash: bytes, amount_msat: int) -> bool:
        """So much is given, 0: any amount, where how much is still asked; whether that was so.

        The question becomes the card. Raises `Refused`.
        """
        self._rules.check_range(amount_msat)
        question = await self._store.do(jobs.by_hash, payment_hash)
        if question is None or question.state is not State.ASKING:
            return False
        gift = changes(amount_msat=amount_msat, asked_at=self._clock())
        return await self._take(question, gift)

    async def _take(self, question: Invoice, columns: Columns) -> bool:
        """The question is answered: `columns` say what is wanted; whether it still waited."""
        now = self._clock()
        # Drawn with the amount: where a backup was restored, the question's own hash may have an
        # invoice already, of another amount.
        asks = changes(state=State.PENDING, **draw(self._rules, now))
        wanted: Columns = {**columns, **asks}
        is_taken = await self._store.do(jobs.answer, question, wanted, self._access.now, now)
        if is_taken:
            self._bell.ring(question.key, question.chat_id)
        return is_taken

    async def asked_again(self, asker: Asker, place: Place, message_id: int) -> None:
        """A message of the bot's that asks an open question once more: a reply to it answers."""
        await self._store.do(jobs.asked_again, asker.id, place, message_id)

    async def question(self, asker: Asker, place: Place) -> Invoice | None:
        """The question that waits for this person's answer here."""
        return await self._store.do(jobs.open_question, asker.id, place)

    async def cancel(self, payment_hash: bytes, by: Asker) -> Cancelling:
        """Want it cancelled."""
        row, came_of_it = await self._store.do(jobs.cancel, payment_hash, by, self._clock())
        if row is not None:
            self._ring(row)
        return came_of_it

    async def renew(self, payment_hash: bytes, by: Asker) -> Renewing:
        """A new row for a closed one, once. Raises `Refused`."""
        row = await self._store.do(jobs.by_hash, payment_hash)
        if row is None:
            return Renewing.NOT_TRACKED
        may_ask = self._access.may_ask(by.id, self._places.ids(row.chat_id))
        now = self._clock()
        drawn = draw(self._rules, now)
        rows, came_of_it = await self._store.do(
            jobs.renew, payment_hash, by, drawn, self._rules, may_ask=may_ask, now=now
        )
        if came_of_it is Renewing.RENEWING:
            METER.commands.add("renewal")
        for row in rows:
            self._ring(row)
        return came_of_it

    def may_change(self, row: Invoice | Board, by: Asker) -> bool:
        """Whether this is the person who asked, one of the bot's owners, or the group itself."""
        as_group = by.is_chat and by.id == row.chat_id
        return by.id == row.asker_id or as_group or self._access.is_owner(by.id)

    async def of_card(
        self, payment_hash: bytes, chat_id: int, message_id: int, *, has_button: bool | None
    ) -> Invoice | None:
        """The row of a card that names this hash; None where that message is not its card.

        `chat_id` is the present one. A duplicate that a crash left behind is kept true with the
        card from now on. But a client can name any message, so the button has to be there;
        `has_button` None: that is unknown, and the message cannot be edited.
        """
        now = self._clock()
        row = await self._store.do(jobs.of_card, payment_hash, chat_id, message_id, has_button, now)
        if row is not None:
            self._ring(row)
        return row

    async def redraw(self, row: Invoice) -> Invoice:
        """The row, whose card does not show what it should: it is drawn once more."""
        fresh = await self._store.do(jobs.redraw, row.id, self._clock())
        self._ring(fresh)
        return fresh

    async def of_message(self, chat_id: int, message_id: int) -> Invoice | None:
        """The row that a message belongs to: one of the card's, or the command's."""
        return await self._store.do(jobs.of_message, chat_id, message_id, self._places.bot_id)

    def _ring(self, row: Invoice) -> None:
        self._bell.ring(row.key, row.chat_id)
