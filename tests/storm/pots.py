"""People who collect: they ask for gifts, choose or write an amount, hide their names, and give.

Each has a way to give: a method, and its name in `plan.GIVING`.
"""

from __future__ import annotations

import asyncio
import random
import time

from bot import texts
from bot.core.collection import QUICK_SATS
from bot.demo.telegram import Message, User
from tests.storm.at_boards import CARD_S, PRESSES
from tests.storm.book import Bill, Book, Part
from tests.storm.outside import Outside, buttons_on
from tests.storm.plan import MEMOS, Plan, PlannedPot
from tests.storm.taking_part import OWNERS, TakingPart
from tests.storm.wallets import Wallets

#: Sats that somebody writes: above what buttons offer, and nobody's part of a bill.
FIRST_SATS = 300_000
#: What is no amount, or could be another one.
BAD = ("lots", "1.000", "-5", "0")


class Pots(TakingPart[PlannedPot]):
    """Everybody who collects or gives."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, wallets: Wallets) -> None:
        super().__init__(outside, book, plan, wallets)
        #: Questions that nothing came of: they are closed, for all that anybody knows.
        self._dead: set[Message] = set()
        self._ways = {
            "give by a button": self._give,
            "give what is suggested": self._give_suggested,
            "let the wallet decide": self._give_any,
            "write a number": self._write,
            "write a number as a reply": self._write_as_reply,
            "write nonsense and then a number": self._write_nonsense,
            "give while the bot is dead": self._give_while_dead,
            "give at the last second": self._give_late,
            "give twice": self._give_twice,
            "hide the name": self._hide,
            "hide the name and show it": self._hide_and_show,
            "hide the name at the card": self._hide_at_card,
            "cancel the question": self._cancel_question,
            "cancel the question by a command": self._cancel_by_command,
            "cancel the card while it is paid": self._cancel_and_pay,
            "renew and give": self._renew,
            "choose while it is closed": self._choose_and_close,
            "press only": self._press_only,
        }
        self._endings = {
            "goes on": self._nothing,
            "closed by a reply while others give": self._close_by_reply,
            "closed by its button while others give": self._managers.close,
            "managed": self._managers.manage,
        }

    async def live(self) -> None:
        """Do all that is planned."""
        await self._live_all(self._plan.pots)

    def _ask(self, planned: PlannedPot) -> tuple[Bill, list[User]]:
        dice, outside = planned.dice, self._outside
        place = self._somewhere(dice)
        number = len(outside.bills)
        is_owners = dice.random() < OWNERS
        asker = outside.owner if is_owners else dice.choice(place.people)
        people = list(place.people)
        dice.shuffle(people)
        goal, suggested = planned.goal_sats, planned.suggested_sats
        bill = Bill(
            number, "bill", asker, place.chat, place.thread, goal * 1000,
            f"b{number}b {dice.choice(MEMOS)}".strip(),
            form="collection", suggested_msat=suggested * 1000, is_owners=is_owners,
        )  # fmt: skip
        gift = f"/{suggested}" if suggested else ""
        self._say_command(bill, "/collect", (f"{goal}" if goal else "any") + gift)
        self._book.count("collections")
        return bill, people

    # the question

    async def _question(self, bill: Bill, person: User, dice: random.Random) -> Message | None:
        """How much do you want to give? None where nobody asks."""
        for _ in range(PRESSES):
            if (press := await self._link(bill, person, dice)) is None:
                return None
            if not await self._follow(bill, press, person):
                continue
            until = time.monotonic() + CARD_S
            while time.monotonic() < until:
                if found := self._asked(bill, person):
                    return found[-1]
                if self._there(bill, person):
                    return None
                await asyncio.sleep(0.05)
            self._book.note(f"{person.first_name} is asked nothing yet", bill)
        return None

    @staticmethod
    def _there(bill: Bill, person: User, but: Part | None = None) -> Part | None:
        """The card of theirs that can be paid already."""
        for part in reversed(bill.parts):
            is_theirs = part.asker is person and part is not but
            if is_theirs and part.is_payable and part.of_role("open"):
                return part
        return None

    def _asked(self, bill: Bill, person: User) -> list[Message]:
        """The questions that wait for their answer, the newest last."""
        return [
            shown.message
            for shown in bill.questions
            if shown.message.chat.person is person
            and shown.role == "question"
            and shown.message not in self._dead
            and self._outside.is_live(shown.message)
            and any(data.startswith("give:") for _, data in buttons_on(shown.message))
        ]

    async def _gift(self, bill: Bill, person: User, but: Part | None) -> Part | None:
        """The card of what somebody chose to give."""
        try:
            async with asyncio.timeout(CARD_S):
                part = await self._card(bill, person, but=but)
        except TimeoutError:
            return None
        self._book.count("gifts that were chosen")
        return part

    async def _chosen(
        self, bill: Bill, person: User, dice: random.Random, sats: int, *, but: Part | None = None
    ) -> Part | None:
        """The card of a gift that a button chose; 0 sats: whatever the wallet sends."""
        for _ in range(PRESSES):
            if (question := await self._question(bill, person, dice)) is None:
                break
            if part := await self._by_button(bill, person, question, sats, but=but):
                return part
        return self._there(bill, person, but)

    async def _by_button(
        self, bill: Bill, person: User, question: Message, sats: int, *, but: Part | None = None
    ) -> Part | None:
        label = texts.gift_label(1000 * sats)
        answer = await self._heard_in_private(bill, question, person, label=label)
        if answer is not None and answer.text:
            self._book.note(f"{person.first_name} hears: {answer.text}", bill)
            self._dead.add(question)
            return None
        return await self._gift(bill, person, but)

    async def _written(
        self, bill: Bill, person: User, dice: random.Random, *, is_reply: bool
    ) -> Part | None:
        """The same of an amount that they wrote."""
        for _ in range(PRESSES):
            if (question := await self._question(bill, person, dice)) is None:
                break
            sats = FIRST_SATS + 1000 * bill.number + dice.randrange(1000)
            self._say(bill, person, dice.choice([f"{sats}", f"{sats:,}"]), question, is_reply)
            if part := await self._gift(bill, person, None):
                return part
            self._dead.add(question)
        return self._there(bill, person)

    def _say(self, bill: Bill, person: User, text: str, question: Message, is_reply: bool) -> None:
        """What is no reply is for whatever question came last: not where another one may."""
        others = (
            command
            for command in self._outside.commands
            if command.asker is person and command.kind == "question" and not command.asked
        )
        to = question if is_reply or any(others) else None
        said = self._telegram.say(question.chat, person, text, reply_to=to)
        bill.amounts.add(said)
        self._book.note(f"{person.first_name} writes {text!r}", bill)
        self._book.count("gifts that were written")

    # ways

    async def _pay(self, part: Part | None, dice: random.Random) -> bool:
        if part is None:
            return False
        await asyncio.sleep(dice.choice([0, 0.05, 0.5, 2]) * dice.uniform(0.5, 1.5))
        return await self._wallets.pay(part, part.invoice)

    async def _give(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._pay(await self._chosen(bill, person, dice, dice.choice(QUICK_SATS)), dice)

    async def _give_suggested(self, bill: Bill, person: User, dice: random.Random) -> None:
        sats = bill.suggested_msat // 1000 or QUICK_SATS[0]
        await self._pay(await self._chosen(bill, person, dice, sats), dice)

    async def _give_any(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._pay(await self._chosen(bill, person, dice, 0), dice)

    async def _write(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._pay(await self._written(bill, person, dice, is_reply=False), dice)

    async def _write_as_reply(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._pay(await self._written(bill, person, dice, is_reply=True), dice)

    async def _write_nonsense(self, bill: Bill, person: User, dice: random.Random) -> None:
        if question := await self._question(bill, person, dice):
            self._say(bill, person, dice.choice(BAD), question, is_reply=True)
            await asyncio.sleep(dice.uniform(0, 1))
            await self._write_as_reply(bill, person, dice)

    async def _give_while_dead(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._chosen(bill, person, dice, dice.choice(QUICK_SATS)):
            left_s = part.invoice.expires_at - time.time() - 1
            down = asyncio.ensure_future(self._outside.bot.down.wait())
            await asyncio.wait([down], timeout=max(0.0, left_s))
            down.cancel()
            await self._wallets.pay(part, part.invoice)

    async def _give_late(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._chosen(bill, person, dice, dice.choice(QUICK_SATS)):
            at = part.invoice.expires_at + dice.uniform(-0.3, 0.1)
            await asyncio.sleep(max(0.0, at - time.time()))
            await self._wallets.pay(part, part.invoice, late=True)

    async def _give_twice(self, bill: Bill, person: User, dice: random.Random) -> None:
        first, second, _ = QUICK_SATS
        part = await self._chosen(bill, person, dice, first)
        if await self._pay(part, dice):
            again = await self._chosen(bill, person, dice, second, but=part)
            await self._pay(again, dice)

    async def _hide(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._hidden(bill, person, dice):
            await self._pay(part, dice)

    async def _hidden(self, bill: Bill, person: User, dice: random.Random) -> Part | None:
        for _ in range(PRESSES):
            if (question := await self._question(bill, person, dice)) is None:
                return None
            answer = await self._heard_in_private(bill, question, person, data="hide:")
            if answer is None or answer.text != texts.hidden(True):
                self._dead.add(question)
                continue
            part = await self._by_button(bill, person, question, dice.choice(QUICK_SATS))
            if part is not None:
                bill.hidden[part.invoice.payment_hash] = person
                self._book.count("names that were hidden")
                return part
            # whatever is asked next is another gift, and its name is not hidden
        return None

    async def _hide_and_show(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._hidden(bill, person, dice):
            cards = [s for s in part.of_role("open") if self._outside.is_live(s.message)]
            if cards:
                del bill.hidden[part.invoice.payment_hash]
                message = cards[0].message
                await self._heard_in_private(bill, message, person, label=texts.SHOW_BUTTON)
                cards[0].pressed = True
            await self._pay(part, dice)

    async def _hide_at_card(self, bill: Bill, person: User, dice: random.Random) -> None:
        part = await self._chosen(bill, person, dice, dice.choice(QUICK_SATS))
        cards = [] if part is None else part.of_role("open")
        for shown in [each for each in cards if self._outside.is_live(each.message)][:1]:
            shown.pressed = True
            answer = await self._heard_in_private(
                bill, shown.message, person, label=texts.HIDE_BUTTON
            )
            if part is not None and answer is not None and answer.text == texts.hidden(True):
                bill.hidden[part.invoice.payment_hash] = person
        await self._pay(part, dice)

    async def _cancel_question(self, bill: Bill, person: User, dice: random.Random) -> None:
        if question := await self._question(bill, person, dice):
            label = texts.CANCEL_BUTTON
            await self._heard_in_private(bill, question, person, label=label)
            self._book.count("questions of gifts that were cancelled")

    async def _cancel_by_command(self, bill: Bill, person: User, dice: random.Random) -> None:
        """`/cancel` as a reply to the question."""
        if question := await self._question(bill, person, dice):
            await self._at_home(person)
            if self._outside.is_live(question):
                said = self._telegram.say(question.chat, person, "/cancel", reply_to=question)
                bill.amounts.add(said)
                self._book.note(f"{person.first_name} replies /cancel to the question", bill)
                self._book.count("questions of gifts that were cancelled")

    async def _cancel_and_pay(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._chosen(bill, person, dice, dice.choice(QUICK_SATS)):
            await self._cancel(part)
            await asyncio.sleep(dice.choice([0, 0.005, 0.02, 0.05]))
            await self._wallets.pay(part, part.invoice)

    async def _renew(self, bill: Bill, person: User, dice: random.Random) -> None:
        part = await self._chosen(bill, person, dice, dice.choice(QUICK_SATS))
        if part is None:
            return
        if dice.random() < 0.5:
            await self._cancel(part)
        while not part.of_role("expired", "cancelled"):
            part.news.clear()
            await part.news.wait()
        if await self._press_part(part, texts.RENEW_BUTTON, "expired", "cancelled"):
            self._book.count("renewals of gifts")
            again = await self._gift(bill, person, part)
            await self._pay(again, dice)

    async def _choose_and_close(self, bill: Bill, person: User, dice: random.Random) -> None:
        """The amount is chosen in private while the group's collection is closed."""
        question = await self._question(bill, person, dice)
        if question is None:
            return
        closing = asyncio.create_task(self._close(bill, bill.asker))
        await asyncio.sleep(dice.choice([0, 0, 0.01, 0.05]))
        part = await self._by_button(bill, person, question, dice.choice(QUICK_SATS))
        await closing
        await self._pay(part, dice)

    async def _press_only(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._link(bill, person, dice)

    # endings

    async def _nothing(self, _bill: Bill, _dice: random.Random) -> None:
        return

    async def _close_by_reply(self, bill: Bill, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([0.5, 2, 4, 8]) * dice.uniform(0.5, 1.5))
        await self._close(bill, dice.choice([bill.asker, *self._outside.owners]))
