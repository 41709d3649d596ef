"""What everybody does with a board: wait for it, press it, follow its link, and come for a card."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from bot import texts
from bot.core.wishes import Sitting
from bot.demo.telegram import Answer, Chat, Message, Press, User
from tests.storm.book import Bill, Book, Part
from tests.storm.outside import Outside, Place, buttons_on
from tests.storm.wallets import Wallets

#: Seconds that somebody waits for the answer to a press, and for their card, before another press.
ANSWER_S, CARD_S = 8.0, 8.0
#: Presses of one person, and seconds until the next where every seat is taken.
PRESSES, FULL_S = 8, 2.0
#: Seconds until somebody looks again for a button that is gone.
GONE_S = 0.2
#: Seconds for which somebody waits that the node gets into trouble.
TROUBLE_S = 12.0
#: What somebody presses who wants a part, or to give.
TAKING_PART = (texts.PAY_BUTTON, texts.GIVE_BUTTON, texts.JOIN_BUTTON)


def _pays(bill: Bill) -> str:
    return texts.GIVE_BUTTON if bill.is_collection else texts.PAY_BUTTON


class AtBoards:
    """Somebody at a board."""

    def __init__(self, outside: Outside, book: Book, wallets: Wallets) -> None:
        self._outside = outside
        self._telegram = outside.telegram
        self._book = book
        self._wallets = wallets

    # waiting

    def _boards(self, bill: Bill) -> list[Message]:
        """Its boards with something to press, the newest last."""
        live = self._outside.is_live
        shown = [each.message for each in bill.of_role("board") if live(each.message)]
        return [message for message in shown if message.reply_markup]

    async def _board(self, bill: Bill) -> Message:
        """One of its boards, once there is one and people write there."""
        while True:
            bill.news.clear()
            if boards := self._boards(bill):
                place = self._place(bill)
                if not place.away:
                    return boards[-1]
                await place.back.wait()
            else:
                await bill.news.wait()

    def _somewhere(self, dice: random.Random) -> Place:
        """A group or a topic, one where people write at present."""
        places = [*self._outside.groups, *self._outside.topics]
        return dice.choice([place for place in places if not place.away] or places)

    def _say_command(self, bill: Bill, command: str, what: str) -> None:
        """Ask for it."""
        name = f"@{self._outside.bot_user.username}"
        text = f"{command}{name} {what} {bill.memo}"
        self._outside.add_bill(bill)
        self._book.note(f"{bill.asker.first_name}: {text!r}", bill)
        bill.said_at = time.time()
        bill.message = self._telegram.say(bill.chat, bill.asker, text, thread=bill.thread)
        self._outside.by_message[bill.message] = bill

    def _place(self, bill: Bill) -> Place:
        chat = self._outside.now(bill.chat)
        return next(p for p in self._outside.places if p.chat is chat)

    async def _at_home(self, person: User) -> None:
        """Once their private chat is open; an owner's always is."""
        place = next((p for p in self._outside.privates if p.people[0] is person), None)
        while place is not None and place.away:
            await place.back.wait()

    def _home(self, person: User) -> Chat:
        """Their private chat with the bot of now."""
        return self._telegram.private_chat(person, bot=self._outside.bot_user)

    async def _card(self, bill: Bill, person: User, *, but: Part | None = None) -> Part:
        """The newest part of theirs that can be paid, once its card is there."""
        while True:
            bill.news.clear()
            for part in reversed(bill.parts):
                is_theirs = part.asker is person and part is not but
                if is_theirs and part.is_payable and part.of_role("open"):
                    return part
            await bill.news.wait()

    async def _trouble(self) -> None:
        """Until something is wrong with the node, but not for long."""
        until = time.monotonic() + TROUBLE_S
        while time.monotonic() < until:
            if any("node" in what for what in self._book.troubles):
                return
            await asyncio.sleep(0.05)

    # pressing

    def _press_now(self, bill: Bill, message: Message, person: User, button: str) -> Press | None:
        """None where it is not there."""
        try:
            press = self._telegram.press(message.chat, person, message.id, text=button)
        except LookupError:
            return None
        where = f"{message.chat.id}/{message.id}"
        self._book.note(f"{person.first_name} presses {button} on {where}", bill)
        self._book.count("presses on boards")
        if button in TAKING_PART:
            bill.pressed[person] = time.time()
        return press

    async def _heard(self, bill: Bill, person: User, button: str) -> Answer | None:
        """What a press on a board is answered with; None where the button is gone, or nobody
        answers."""
        for _ in range(PRESSES):
            press = self._press_now(bill, await self._board(bill), person, button)
            if press is None:
                return None
            answer = await self._answer_to(press)
            if answer is not None and answer.text != texts.TRY_AGAIN:
                said = f": {answer.text}" if answer.text else ""
                self._book.note(f"{person.first_name} is answered{said}", bill)
                return answer
        return None

    async def _answer_to(self, press: Press) -> Answer | None:
        await asyncio.wait([press.answer], timeout=ANSWER_S)
        if press.answer.done():
            return press.answer.result()
        self._book.count("presses without an answer")  # a press can be lost, and so can its answer
        return None

    async def _heard_in_private(
        self,
        bill: Bill,
        message: Message,
        person: User,
        *,
        label: str = "",
        data: str = "",
        on_press: Callable[[], None] = lambda: None,
    ) -> Answer | None:
        """The same of a press in private; the first button whose label or data begins so, but for
        a yes that is not meant by its label: it may be there by the next try."""
        for _ in range(PRESSES):
            await self._at_home(person)
            found = (
                its_data
                for its_label, its_data in buttons_on(message)
                if (label and its_label.startswith(label))
                or (data and its_data.startswith(data) and not its_data.endswith(":yes"))
            )
            chosen = next(found, None)
            if chosen is None or not self._outside.is_live(message):
                return None
            press = self._telegram.press(message.chat, person, message.id, data=chosen)
            on_press()
            self._book.note(f"{person.first_name} presses {label or chosen} in private", bill)
            self._book.count("presses in private")
            answer = await self._answer_to(press)
            if answer is not None and answer.text != texts.TRY_AGAIN:
                return answer
        return None

    async def _link(self, bill: Bill, person: User, dice: random.Random) -> Press | None:
        """A press that was answered with a link; None where there is no part for this person."""
        for _ in range(PRESSES):
            message = await self._board(bill)
            press = self._press_now(bill, message, person, _pays(bill))
            if press is None:  # it moves, or people are still asked whether they are in
                await asyncio.sleep(GONE_S)
                continue
            if (answer := await self._answer_to(press)) is None:
                continue
            if answer.url is not None:
                bill.linked[person] = time.time()
                return press
            self._book.note(f"{person.first_name} hears: {answer.text}", bill)
            if answer.text != texts.sitting(Sitting.FULL):
                return None
            await asyncio.sleep(dice.choice([0.1, 0.5, 1]) * FULL_S)
        return None

    async def _follow(self, bill: Bill, press: Press, person: User) -> bool:
        await self._at_home(person)
        if press.message.author is not self._outside.bot_user:  # nobody reads what is said there
            return False
        self._telegram.follow(press)
        bill.followed.setdefault(person, []).append(time.time())
        return True

    async def _part(
        self, bill: Bill, person: User, dice: random.Random, *, but: Part | None = None
    ) -> Part | None:
        """Press, follow the link, wait for the card; None where there is no part to have."""
        for _ in range(PRESSES):
            if (press := await self._link(bill, person, dice)) is None:
                return None
            if not await self._follow(bill, press, person):
                continue
            try:
                async with asyncio.timeout(CARD_S):
                    return await self._card(bill, person, but=but)
            except TimeoutError:
                self._book.note(f"{person.first_name} has no card yet", bill)
        return None

    async def _close(self, bill: Bill, person: User) -> None:
        """`/cancel` as a reply to a board."""
        message = await self._board(bill)
        may_do_so = person in (bill.asker, *self._outside.owners, self._outside.admin)
        self._book.note(f"{person.first_name} replies /cancel to the board", bill)
        self._book.count("cancellations of bills" if may_do_so else "cancellations by the wrong")
        name = f"@{self._outside.bot_user.username}"
        said = self._telegram.say(
            message.chat, person, f"/cancel{name}", reply_to=message, thread=bill.thread
        )
        self._outside.by_message[said] = bill
        if may_do_so:
            bill.close_tried_at = bill.close_tried_at or time.time()
        if may_do_so and person is not self._outside.admin:
            bill.close_wanted_at = bill.close_wanted_at or time.time()

    async def _not_me(self, part: Part) -> bool:
        """Whether the button was there."""
        if not await self._press_part(part, texts.LEAVE_BUTTON, "open"):
            return False
        self._book.count("people who left a bill")
        part.of.left[part.asker] = time.time()
        part.cancels.setdefault(part.invoice.payment_hash, time.time())
        return True

    async def _cancel(self, part: Part) -> bool:
        """The same of an invoice that is no part of one's own."""
        if not await self._press_part(part, texts.CANCEL_BUTTON, "open"):
            return False
        part.cancels.setdefault(part.invoice.payment_hash, time.time())
        return True

    async def _press_part(self, part: Part, button: str, *roles: str) -> bool:
        """Whether the button was there, on the oldest of its cards: perhaps on a duplicate."""
        await self._at_home(part.asker)
        live = [s for s in part.of_role(*roles) if self._outside.is_live(s.message)]
        if not live:
            return False
        message = live[0].message
        try:
            self._telegram.press(message.chat, part.asker, message.id, text=button)
        except LookupError:
            return False
        where = f"{message.chat.id}/{message.id}"
        self._book.note(f"{part.asker.first_name} presses {button} on {where}", part)
        live[0].pressed = True
        return True
