"""People who split bills: they say that they are in, press, follow links, pay, pay for others,
leave, and close what others pay.

Each has a way with their part: a method, and its name in `plan.WAYS`.
"""

from __future__ import annotations

import asyncio
import random
import time

from bot import texts
from bot.core.wishes import Fixing, Joining, Parting
from bot.demo.telegram import Chat, Message, User
from tests.storm.at_boards import CARD_S, PRESSES
from tests.storm.book import Bill, Book, Part
from tests.storm.outside import Outside, buttons_on, parts_on
from tests.storm.plan import MEMOS, Plan, PlannedBill
from tests.storm.taking_part import OWNERS, TakingPart
from tests.storm.wallets import Wallets

#: Sats of a part of the first bill; those of each later one are as many more apart.
FIRST_SATS, APART_SATS = 1_000_000, 1000
#: Seconds for which who asked waits that people say that they are in, before they are asked to pay.
JOINING_S = 6.0

#: Of people who said that they are in, so many say that they are not.
OUT = 0.2

#: What people press where a chat moves: what its old buttons carry still counts.
BUTTONS = (texts.PAY_BUTTON, texts.GIVE_BUTTON)


class Bills(TakingPart[PlannedBill]):
    """Everybody who splits a bill."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, wallets: Wallets) -> None:
        super().__init__(outside, book, plan, wallets)
        self._ways = {
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
            "pay for somebody else": self._pay_for_another,
            "pay and then for somebody else": self._pay_and_for_another,
            "pay for somebody else while the split is cancelled": self._pay_for_another_and_close,
        }
        self._endings = {
            "everybody pays": self._nothing,
            "cancelled while others pay": self._close_by_asker,
            "cancelled by an owner while others pay": self._close_by_owner,
            "cancelled by an admin while others pay": self._close_by_admin,
            "cancelled while the node is in trouble": self._close_in_trouble,
            "cancelled by the wrong person": self._close_wrongly,
            "left": self._nothing,
            "nobody is asked": self._close_by_asker,
            "deleted": self._delete,
            "deleted and asked for again": self._delete_and_ask_again,
            "managed": self._managers.manage,
            "managed by an owner": self._managers.manage_as_owner,
            "managed by an admin": self._managers.manage_as_admin,
            "closed by its button while others pay": self._managers.close,
        }

    async def live(self) -> None:
        """Do all that is planned."""
        await self._live_all(self._plan.bills)

    def _beside(self, bill: Bill, planned: PlannedBill, lives: asyncio.TaskGroup) -> None:
        if bill.form == "who is in" and planned.ending != "nobody is asked":
            lives.create_task(self._ask_now(bill, random.Random(planned.dice.random())))

    async def _is_ready(self, bill: Bill, person: User, way: str, dice: random.Random) -> bool:
        return bill.form != "who is in" or await self._join(bill, person, way, dice)

    # who is in?

    async def _join(self, bill: Bill, person: User, way: str, dice: random.Random) -> bool:
        """Whether they said that they are in, and all are asked for their parts then."""
        answer = await self._heard(bill, person, texts.JOIN_BUTTON)
        if answer is None or answer.text != texts.joining(Joining.IN):
            return False
        bill.joined[person] = time.time()
        bill.left.pop(person, None)
        self._book.count("people who said that they are in")
        if way == "press only" or dice.random() < OUT:
            bill.freed.add(person)  # perhaps, and surely once it is answered
            answer = await self._heard(bill, person, texts.LEAVE_BUTTON)
            if answer is not None and answer.text == texts.joining(Joining.OUT):
                bill.left[person] = time.time()
                self._book.count("people who said that they are not")
            return False
        while not any(texts.PAY_BUTTON in dict(buttons_on(m)) for m in self._boards(bill)):
            bill.news.clear()
            await bill.news.wait()
        return True

    async def _ask_now(self, bill: Bill, dice: random.Random) -> None:
        """Who asked, or an owner, asks those who are in; somebody else may not."""
        await self._board(bill)
        await asyncio.sleep(JOINING_S * dice.uniform(0.3, 1.5))
        wrong = dice.choice([p for p in self._place(bill).people if p is not bill.asker])
        if dice.random() < OUT:
            heard = await self._heard(bill, wrong, texts.ASK_BUTTON)
            if heard is not None and heard.text != texts.NOT_ALLOWED:
                bill.wrongs.append(f"{wrong.first_name} asked all: {heard.text}")
        asker = dice.choice([bill.asker, *self._outside.owners, self._outside.admin])
        while answer := await self._heard(bill, asker, texts.ASK_BUTTON):
            if answer.text != texts.fixing(Fixing.TOO_FEW):
                self._book.count("bills whose people were asked")
                return
            await asyncio.sleep(dice.uniform(0.5, 2))

    def _ask(self, planned: PlannedBill) -> tuple[Bill, list[User]]:
        """A bill, and its people: some of the group, who asked among them."""
        dice, outside = planned.dice, self._outside
        place = self._somewhere(dice)
        number = len(outside.bills)
        is_owners = dice.random() < OWNERS  # nobody counts an owner's bills
        asker = outside.owner if is_owners else dice.choice(place.people)
        others = [person for person in place.people if person is not asker]
        dice.shuffle(others)
        people = others if is_owners else [asker, *others]
        sats = planned.seats * (FIRST_SATS + APART_SATS * number) + dice.randrange(planned.seats)
        bill = Bill(
            number, "bill", asker, place.chat, place.thread, sats * 1000,
            f"b{number}b {dice.choice(MEMOS)}".strip(),
            form="who is in" if planned.joins else "parts", seats=planned.seats,
            is_owners=is_owners,
        )  # fmt: skip
        parts = "" if planned.joins else f"/{planned.seats}"
        self._say_command(bill, "/split", dice.choice([f"{sats}", f"{sats:,}"]) + parts)
        self._book.count("bills that ask who is in" if planned.joins else "bills")
        return bill, people

    def press_all(self, chat: Chat) -> None:
        """Some last presses in a chat, whose answers nobody waits for."""
        for bill in self._outside.bills:
            for message in self._boards(bill):
                if message.chat is chat:
                    person = next(p for p in self._outside.people if chat.has(p.id))
                    for button in BUTTONS:
                        self._press_now(bill, message, person, button)

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
            try:
                await asyncio.sleep(dice.uniform(0, 1.5))
            finally:  # also at the storm's end
                self._wallets.finish(part, part.invoice)

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

    # for others

    async def _choice(self, part: Part) -> tuple[Message, list[tuple[str, str]]] | None:
        """Whose part somebody can pay, below their own card; None where none is left."""
        bill, person = part.of, part.asker
        for _ in range(PRESSES):
            await self._at_home(person)
            cards = [s for s in part.of_role("open", "paid") if self._outside.is_live(s.message)]
            if not cards:
                return None
            answer = await self._heard_in_private(
                bill, cards[0].message, person, label=texts.OTHERS_BUTTON
            )
            if answer is None or answer.text:
                return None
            cards[0].pressed = True
            if found := await self._chosen_from(bill, person):
                return found
        return None

    async def _chosen_from(
        self, bill: Bill, person: User
    ) -> tuple[Message, list[tuple[str, str]]] | None:
        """The newest list of others' parts of this bill in their chat, once it is there."""
        until = time.monotonic() + CARD_S
        while time.monotonic() < until:
            for message in reversed(self._telegram.messages(self._home(person))):
                parts = parts_on(message)
                if parts and self._outside.bill_of(message.text or "") is bill:
                    return message, parts
            await asyncio.sleep(0.1)
        return None

    async def _part_of_another(
        self, bill: Bill, person: User, dice: random.Random, own: Part | None
    ) -> Part | None:
        """The card of somebody else's part, which this person wants to pay."""
        found = (
            await self._choice(own) if own is not None else await self._chosen_from(bill, person)
        )
        if found is None:
            return None
        message, parts = found
        label, data = dice.choice(parts)
        theirs = [p for p in self._outside.people if label.startswith(f"{p.first_name} ")]
        bill.disturbed |= set(theirs or bill.pressed)  # nobody's, or somebody's without a name
        asked_at = bill.followed.setdefault(person, [])  # a card of some time ago comes once more
        for _ in range(PRESSES):
            answer = await self._heard_in_private(
                bill, message, person, data=data, on_press=lambda: asked_at.append(time.time())
            )
            if answer is None:
                return None
            if answer.text == texts.parting(Parting.CANCELLING):
                await asyncio.sleep(dice.uniform(0.5, 1.5))
                continue
            if answer.text and answer.text != texts.FOLLOWS:
                self._book.note(f"{person.first_name} hears: {answer.text}", bill)
                return None
            try:
                async with asyncio.timeout(CARD_S):
                    part = await self._card(bill, person, but=own)
            except TimeoutError:
                continue
            bill.for_others[part.invoice.payment_hash] = person
            self._book.count("cards for others' parts")
            return part
        return None

    async def _pay_for_another(self, bill: Bill, person: User, dice: random.Random) -> None:
        own = await self._part(bill, person, dice)
        if own is None:
            return
        if other := await self._part_of_another(bill, person, dice, own):
            await asyncio.sleep(dice.choice([0, 0.05, 1]))
            if dice.random() < OUT:
                await self._cancel(other)
            else:
                await self._wallets.pay(other, other.invoice)
        await self._wallets.pay(own, own.invoice)

    async def _pay_and_for_another(self, bill: Bill, person: User, dice: random.Random) -> None:
        """Whose own part is paid gets the list by their link."""
        own = await self._part(bill, person, dice)
        if own is None or not await self._wallets.pay(own, own.invoice):
            return
        for _ in range(PRESSES):
            press = await self._link(bill, person, dice)
            if press is None:
                return
            if await self._follow(bill, press, person) and await self._chosen_from(bill, person):
                break
        if other := await self._part_of_another(bill, person, dice, None):
            await self._wallets.pay(other, other.invoice)

    async def _pay_for_another_and_close(
        self, bill: Bill, person: User, dice: random.Random
    ) -> None:
        own = await self._part(bill, person, dice)
        if own and (other := await self._part_of_another(bill, person, dice, own)):
            await self._close(bill, bill.asker)
            await asyncio.sleep(dice.choice([0, 0.02, 0.1]))
            await self._wallets.pay(other, other.invoice)

    # endings

    async def _nothing(self, _bill: Bill, _dice: random.Random) -> None:
        return

    async def _close_soon(self, bill: Bill, person: User, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([0.2, 2, 4, 8]) * dice.uniform(0.5, 1.5))
        await self._close(bill, person)

    async def _close_by_asker(self, bill: Bill, dice: random.Random) -> None:
        await self._close_soon(bill, bill.asker, dice)

    async def _close_by_owner(self, bill: Bill, dice: random.Random) -> None:
        await self._close_soon(bill, dice.choice(self._outside.owners), dice)

    async def _close_by_admin(self, bill: Bill, dice: random.Random) -> None:
        """Until it is closed: the bot asks Telegram who is an admin, and a kill loses that."""
        for _ in range(PRESSES):
            await self._close_soon(bill, self._outside.admin, dice)
            await asyncio.sleep(CARD_S)

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

    async def _delete_and_ask_again(self, bill: Bill, dice: random.Random) -> None:
        """`/split` alone, as a reply to the command."""
        await self._delete(bill, dice)
        await asyncio.sleep(dice.uniform(0, 2))
        await self._managers.ask_again(bill)
