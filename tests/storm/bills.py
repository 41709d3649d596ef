"""People who split bills: they ask, press, follow links, pay, leave, and close what others pay.

Each has a way with their part: a method, and its name in `plan.WAYS`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from bot import texts
from bot.core.wishes import Sitting
from bot.demo.telegram import Chat, Message, Press, User
from tests.storm.book import Bill, Book, Part
from tests.storm.outside import Outside, Place
from tests.storm.plan import MEMOS, Plan, PlannedBill
from tests.storm.wallets import Wallets

#: Sats of a part of the first bill; those of each later one are as many more apart.
FIRST_SATS, APART_SATS = 1_000_000, 1000
#: Seconds that somebody waits for the answer to a press, and for their card, before another press.
ANSWER_S, CARD_S = 8.0, 8.0
#: Presses of one person, and seconds until the next where every seat is taken.
PRESSES, FULL_S = 8, 2.0
#: Seconds for which somebody waits that the node gets into trouble.
TROUBLE_S = 12.0
#: Seconds that a bill has, above the time to pay.
PATIENCE_S = 75.0

#: What people press where a chat moves: what its old buttons carry still counts.
BUTTONS = (texts.PAY_BUTTON,)

Way = Callable[[Bill, User, random.Random], Awaitable[None]]


class Bills:
    """Everybody who splits a bill."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, wallets: Wallets) -> None:
        self._outside = outside
        self._telegram = outside.telegram
        self._book = book
        self._plan = plan
        self._wallets = wallets
        self._ways: dict[str, Way] = {
            "pay": self._pay,
            "pay more": self._pay_more,
            "pay in parts": self._pay_in_parts,
            "pay while the bot is dead": self._pay_while_dead,
            "pay at the last second": self._pay_late,
            "press twice and pay": self._press_twice,
            "leave, press again and pay": self._leave_and_come_back,
            "renew and pay": self._renew,
            "leave": self._leave,
            "leave while the node is in trouble": self._leave_in_trouble,
            "leave while it is paid": self._leave_and_pay,
            "leave while the split is cancelled": self._leave_and_close,
            "stay": self._stay,
            "press only": self._press_only,
            "pass the link on": self._pass_on,
        }
        self._endings: dict[str, Callable[[Bill, random.Random], Awaitable[None]]] = {
            "everybody pays": self._nothing,
            "cancelled while others pay": self._close_by_asker,
            "cancelled by an admin while others pay": self._close_by_admin,
            "cancelled while the node is in trouble": self._close_in_trouble,
            "cancelled by the wrong person": self._close_wrongly,
            "left": self._nothing,
            "deleted": self._delete,
        }

    async def live(self) -> None:
        """Do all that is planned."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as lives:
            for planned in self._plan.bills:
                await asyncio.sleep(max(0.0, began + planned.at_s - time.monotonic()))
                lives.create_task(self._live(planned))

    async def _live(self, planned: PlannedBill) -> None:
        bill, people = self._ask(planned)
        try:
            async with (
                asyncio.timeout(self._plan.expiry_s + PATIENCE_S),
                asyncio.TaskGroup() as all_,
            ):
                all_.create_task(self._endings[planned.ending](bill, planned.dice))
                for person, way in zip(people, planned.ways, strict=False):
                    dice = random.Random(planned.dice.random())
                    all_.create_task(self._take_part(bill, person, way, dice))
        except TimeoutError:
            self._book.note("its people give up", bill)

    async def _take_part(self, bill: Bill, person: User, way: str, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([0, 0.1, 1, 3]) * dice.uniform(0.5, 1.5))
        self._book.note(f"{person.first_name}: {way}", bill)
        await self._ways[way](bill, person, dice)

    def _ask(self, planned: PlannedBill) -> tuple[Bill, list[User]]:
        """A bill, and its people: some of the group, who asked among them."""
        dice, outside = planned.dice, self._outside
        places = [*outside.groups, *outside.topics]
        present = [place for place in places if not place.away] or places
        place = dice.choice(present)
        number = len(outside.bills)
        is_owners = dice.random() < 0.5  # nobody counts an owner's bills
        asker = outside.owner if is_owners else dice.choice(place.people)
        others = [person for person in place.people if person is not asker]
        dice.shuffle(others)
        people = others if is_owners else [asker, *others]
        sats = planned.seats * (FIRST_SATS + APART_SATS * number) + dice.randrange(planned.seats)
        memo = f"b{number}b {dice.choice(MEMOS)}".strip()
        bill = Bill(
            number, "bill", asker, place.chat, place.thread, sats * 1000, memo,
            seats=planned.seats, is_owners=is_owners,
        )  # fmt: skip
        outside.add_bill(bill)
        name = f"@{outside.bot_user.username}"
        text = f"/split{name} {dice.choice([f'{sats}', f'{sats:,}'])}/{planned.seats} {memo}"
        self._book.note(f"{asker.first_name} in {place.name}: {text!r}", bill)
        bill.said_at = time.time()
        bill.message = outside.telegram.say(place.chat, asker, text, thread=place.thread)
        outside.by_message[bill.message] = bill
        self._book.count("bills")
        return bill, people

    def press_all(self, chat: Chat) -> None:
        """Some last presses in a chat, whose answers nobody waits for."""
        for bill in self._outside.bills:
            for message in self._boards(bill):
                if message.chat is chat:
                    person = next(p for p in self._outside.people if chat.has(p.id))
                    for button in BUTTONS:
                        self._press_now(bill, message, person, button)

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

    def _place(self, bill: Bill) -> Place:
        chat = self._outside.now(bill.chat)
        return next(p for p in self._outside.places if p.chat is chat)

    async def _at_home(self, person: User) -> None:
        """Once their private chat is open."""
        place = next(p for p in self._outside.privates if p.people[0] is person)
        while place.away:
            await place.back.wait()

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
        bill.pressed[person] = time.time()
        return press

    async def _link(self, bill: Bill, person: User, dice: random.Random) -> Press | None:
        """A press that was answered with a link; None where there is no part for this person."""
        for _ in range(PRESSES):
            message = await self._board(bill)
            press = self._press_now(bill, message, person, texts.PAY_BUTTON)
            if press is None:
                continue
            await asyncio.wait([press.answer], timeout=ANSWER_S)
            if not press.answer.done():  # a press can be lost, and so can its answer
                self._book.count("presses on boards without an answer")
                continue
            answer = press.answer.result()
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

    async def _not_me(self, part: Part) -> bool:
        """Whether the button was there."""
        await self._at_home(part.asker)
        live = [s for s in part.of_role("open") if self._outside.is_live(s.message)]
        if not live:
            return False
        message = live[0].message  # the oldest: where there is a duplicate, that one
        try:
            self._telegram.press(message.chat, part.asker, message.id, text=texts.LEAVE_BUTTON)
        except LookupError:
            return False
        where = f"{message.chat.id}/{message.id}"
        self._book.note(f"{part.asker.first_name} presses {texts.LEAVE_BUTTON} on {where}", part)
        self._book.count("people who left a bill")
        live[0].pressed = True
        part.of.left[part.asker] = time.time()
        part.cancels.setdefault(part.invoice.payment_hash, time.time())
        return True

    # ways

    async def _pay(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await asyncio.sleep(dice.choice([0, 0.05, 0.5, 2]) * dice.uniform(0.5, 1.5))
            await self._wallets.pay(part, part.invoice)

    async def _pay_more(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await asyncio.sleep(dice.uniform(0, 2))
            await self._wallets.pay(part, part.invoice, more=True)

    async def _pay_in_parts(self, bill: Bill, person: User, dice: random.Random) -> None:
        part = await self._part(bill, person, dice)
        if part and await self._wallets.pay(part, part.invoice, hold=True):
            await asyncio.sleep(dice.uniform(0, 1.5))
            await self._wallets.finish(part, part.invoice)

    async def _pay_while_dead(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            left_s = part.invoice.expires_at - time.time() - 1
            down = asyncio.ensure_future(self._outside.bot.down.wait())
            await asyncio.wait([down], timeout=max(0.0, left_s))
            down.cancel()
            await self._wallets.pay(part, part.invoice)

    async def _pay_late(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            at = part.invoice.expires_at + dice.uniform(-0.3, 0.1)
            await asyncio.sleep(max(0.0, at - time.time()))
            await self._wallets.pay(part, part.invoice, late=True)

    async def _press_twice(self, bill: Bill, person: User, dice: random.Random) -> None:
        links = [await self._link(bill, person, dice) for _ in range(2)]
        for press in filter(None, links):
            await self._follow(bill, press, person)
            await asyncio.sleep(dice.choice([0, 0.05, 1]))
        await self._pay(bill, person, dice)

    async def _leave_in_trouble(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await self._trouble()
            await self._not_me(part)

    async def _leave(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await asyncio.sleep(dice.uniform(0, 2))
            await self._not_me(part)

    async def _leave_and_come_back(self, bill: Bill, person: User, dice: random.Random) -> None:
        part = await self._part(bill, person, dice)
        if part and await self._not_me(part):
            await asyncio.sleep(dice.choice([0, 0, 0.05, 1]))
            if again := await self._part(bill, person, dice):  # perhaps the same
                await self._wallets.pay(again, again.invoice)

    async def _leave_and_pay(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await self._not_me(part)
            await asyncio.sleep(dice.choice([0, 0.005, 0.02, 0.05]))
            await self._wallets.pay(part, part.invoice)

    async def _leave_and_close(self, bill: Bill, person: User, dice: random.Random) -> None:
        if part := await self._part(bill, person, dice):
            await self._not_me(part)
            await asyncio.sleep(dice.choice([0, 0.02, 0.1]))
            await self._close(bill, bill.asker)

    async def _renew(self, bill: Bill, person: User, dice: random.Random) -> None:
        """By the button of the card that has expired, or by another press on the board."""
        part = await self._part(bill, person, dice)
        if part is None:
            return
        while not (closed := part.of_role("expired", "cancelled")):
            part.news.clear()
            await part.news.wait()
        await self._at_home(person)
        message = closed[-1].message
        if dice.random() < 0.5 and self._outside.is_live(message):
            try:
                self._telegram.press(message.chat, person, message.id, text="Renew")
            except LookupError:
                return
            self._book.note(f"{person.first_name} presses Renew", part)
            self._book.count("renewals of parts")
            closed[-1].pressed = True
        again = await self._part(bill, person, dice, but=part)
        if again:
            await self._wallets.pay(again, again.invoice)

    async def _stay(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._part(bill, person, dice)

    async def _press_only(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._link(bill, person, dice)

    async def _pass_on(self, bill: Bill, person: User, dice: random.Random) -> None:
        """Somebody else follows the link, to whom it is worth nothing."""
        press = await self._link(bill, person, dice)
        other = dice.choice([p for p in self._outside.people if p is not person])
        await self._at_home(other)
        if press is not None and press.message.author is self._outside.bot_user:
            token = (press.answer.result().url or "").partition("start=")[2]
            self._telegram.start_bot(other, token, bot=self._outside.bot_user)
            self._book.note(f"{other.first_name} follows {person.first_name}'s link", bill)
            self._book.count("links of others")

    # endings

    async def _nothing(self, _bill: Bill, _dice: random.Random) -> None:
        return

    async def _close(self, bill: Bill, person: User) -> None:
        """`/cancel` as a reply to a board."""
        message = await self._board(bill)
        may_do_so = person in (bill.asker, self._outside.owner)
        self._book.note(f"{person.first_name} replies /cancel to the board", bill)
        self._book.count("cancellations of bills" if may_do_so else "cancellations by the wrong")
        name = f"@{self._outside.bot_user.username}"
        said = self._telegram.say(
            message.chat, person, f"/cancel{name}", reply_to=message, thread=bill.thread
        )
        self._outside.by_message[said] = bill
        if may_do_so and bill.close_wanted_at is None:
            bill.close_wanted_at = time.time()

    async def _close_soon(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([0.2, 2, 4, 8]) * dice.uniform(0.5, 1.5))
        await self._close(bill, person)

    async def _close_by_asker(self, bill: Bill, dice: random.Random) -> None:
        await self._close_soon(bill, bill.asker, dice)

    async def _close_by_admin(self, bill: Bill, dice: random.Random) -> None:
        await self._close_soon(bill, self._outside.owner, dice)

    async def _close_in_trouble(self, bill: Bill, _dice: random.Random) -> None:
        while not any(part.is_payable for part in bill.parts):
            bill.news.clear()
            await bill.news.wait()
        await self._trouble()
        await self._close(bill, bill.asker)

    async def _close_wrongly(self, bill: Bill, dice: random.Random) -> None:
        others = [p for p in self._place(bill).people if p is not bill.asker]
        await self._close_soon(bill, dice.choice(others), dice)

    async def _delete(self, bill: Bill, dice: random.Random) -> None:
        message = await self._board(bill)
        await asyncio.sleep(dice.uniform(0, 6))
        if self._outside.is_live(message):
            self._telegram.delete_message(message.chat, message.id)
            self._book.note("deletes the board", bill)
            bill.deleted_cards += 1
