"""People in their chats: they ask, pay, cancel, renew, and change their minds."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.demo.node import PaymentFailed, SimInvoice
from bot.demo.telegram import Chat, Message, User
from tests.storm.bills import Bills
from tests.storm.book import Book, Command, Kind, Shown
from tests.storm.guests import FIRST_SATS, Guests
from tests.storm.outside import Outside, Place
from tests.storm.plan import MEMOS, Plan, PlannedCommand
from tests.storm.pots import Pots
from tests.storm.wallets import MORE_SATS, Wallets

T = TypeVar("T")

BAD = ("/invoice 1.000", "/invoice -5 x", "/invoice pizza", "/invoice 0", "/invoice 1e3")
PATIENCE_S = 75.0


class People:
    """Everybody."""

    def __init__(self, outside: Outside, book: Book, plan: Plan) -> None:
        self._outside = outside
        self._book = book
        self._plan = plan
        self._wallets = Wallets(outside.node, book)
        self._bills = Bills(outside, book, plan, self._wallets)
        self._pots = Pots(outside, book, plan, self._wallets)
        self._guests = Guests(outside, book, plan, self._wallets)
        self._fates: dict[str, Callable[[Command, random.Random], Awaitable[None]]] = {
            "pay": self._pay_it,
            "pay more": self._pay_more,
            "pay in parts": self._pay_in_parts,
            "pay while the bot is dead": self._pay_while_dead,
            "pay at the last second": self._pay_late,
            "cancel": self._cancel_once,
            "cancel twice": self._cancel_twice,
            "cancel by a reply": self._cancel_by_reply,
            "cancel by a reply to the command": self._cancel_by_reply_to_command,
            "cancel by an owner": self._cancel_by_owner,
            "cancel by an admin": self._cancel_by_admin,
            "cancel by the wrong person": self._cancel_wrongly,
            "cancel while it is paid": self._cancel_and_pay,
            "renew": self._renew,
            "leave": self._leave,
            "delete the card and pay": self._delete_and_pay,
        }

    def press_all(self, chat: Chat) -> None:
        """Some last presses in a chat."""
        for shown in list(self._outside.shown.values()):
            command = shown.command
            is_here = shown.message.chat is chat and self._outside.is_live(shown.message)
            if command is not None and is_here and shown.role == "open":
                self._press_now(command, shown, "Cancel", command.asker)
        self._bills.press_all(chat)

    def cancel_former(self) -> None:
        """Someone replies `/cancel` to the cards of a former bot, where its numbers still count."""
        live, bot = self._outside.is_live, self._outside.bot_user
        here = {place.chat for place in self._outside.places if not place.away}
        for shown in list(self._outside.shown.values()):
            message, command = shown.message, shown.command
            is_here = message.chat in here and message.chat.type == "supergroup"
            if command is None or not is_here or shown.role != "open" or live(message):
                continue
            if message.deleted or shown.payment_hash in command.unheard:
                continue
            self._book.note("/cancel as a reply to a former bot's card", command)
            self._book.count("cancellations by a reply to a former bot's card")
            # the new bot may know the card as one of this invoice's, or not at all
            command.unheard.add(shown.payment_hash)
            command.cancels.setdefault(shown.payment_hash, time.time())
            said = self._outside.telegram.say(
                message.chat,
                command.asker,
                f"/cancel@{bot.username}",
                reply_to=message,
                thread=command.thread,
            )
            self._outside.by_message[said] = command

    async def ask_who(self) -> list[str]:
        """What an owner reads on the pages of /who."""
        return await self._guests.who()

    async def other_programs(self) -> None:
        """Invoices on the same node that are none of the bot's, and are paid as well."""
        node = self._outside.node
        while True:
            await asyncio.sleep(0.7)
            invoice = node.add_invoice(777_000, memo="another program's", expiry_s=60)
            with contextlib.suppress(PaymentFailed):
                node.pay(invoice.payment_request)

    async def live(self) -> None:
        """Do all that is planned."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as lives:
            lives.create_task(self._bills.live())
            lives.create_task(self._pots.live())
            lives.create_task(self._guests.live())
            for planned in self._plan.commands:
                await asyncio.sleep(max(0.0, began + planned.at_s - time.monotonic()))
                lives.create_task(self._live(planned))

    async def _live(self, planned: PlannedCommand) -> None:
        command = await self._ask(planned)
        if command.kind == "bad":
            return
        try:
            async with asyncio.timeout(self._plan.expiry_s + PATIENCE_S):
                if planned.kind == "question that is ended":
                    await self._end_question(command, planned.dice)
                    return
                if command.kind == "question":
                    await self._answer(command)
                await self._fates[planned.fate](command, planned.dice)
        except TimeoutError:
            self._book.note(f"gives up: {planned.fate}", command)

    # asking

    async def _ask(self, planned: PlannedCommand) -> Command:
        dice, outside = planned.dice, self._outside
        place = dice.choice(outside.places)
        while place.away:
            place = dice.choice(outside.places)
        number = len(outside.commands)
        kinds: dict[str, Kind] = {"question that is ended": "question", "any": "invoice"}
        kind: Kind = kinds.get(planned.kind, planned.kind)  # type: ignore[arg-type]
        sats = 0 if planned.kind == "any" else FIRST_SATS + number
        memo = "" if sats and dice.random() < 0.2 else f"q{number}q {dice.choice(MEMOS)}".strip()
        command = Command(
            number, kind, dice.choice(place.people), place.chat, place.thread, sats * 1000, memo
        )
        outside.commands.append(command)
        if sats:
            outside.by_amount[sats] = outside.by_amount[sats + MORE_SATS] = command
        name = self._named(place.chat, dice)
        text = f"/invoice{name} {_amount(sats, dice)} {memo}".strip()
        if kind == "question":
            text = f"/invoice{name}"
        elif kind == "bad":
            text = self._refused(command, dice)
        self._book.note(f"{command.asker.first_name} in {place.name}: {text!r}", command)
        command.said_at, command.said_to = time.time(), outside.bot_user
        command.message = outside.telegram.say(place.chat, command.asker, text, thread=place.thread)
        outside.by_message[command.message] = command
        command.asked = kind == "invoice"
        self._book.count("commands")
        return command

    def _named(self, chat: Chat, dice: random.Random) -> str:
        """The bot's name behind a command. Without it, a group's go to the one that spoke last."""
        user = self._outside.bot_user
        name = f"@{user.username}"
        choice = dice.choice(["", name, name.title()])
        return choice if chat.last_bot_id in (None, user.id) else choice or name

    async def _answer(self, command: Command) -> None:
        live = self._outside.is_live
        shown = await self._until(
            command, lambda: [each for each in command.of_role("question") if live(each.message)]
        )
        chat = shown[-1].message.chat
        await self._here(command)
        if not live(shown[-1].message):  # the group has moved on, or the bot is another one
            return
        text = f"{command.amount_msat // 1000} {command.memo}"
        self._book.note(f"answers {text!r}", command)
        message = self._outside.telegram.say(
            chat, command.asker, text, reply_to=shown[-1].message, thread=command.thread
        )
        self._outside.by_message[message] = command
        command.asked = True

    def _refused(self, command: Command, dice: random.Random) -> str:
        """What is answered with a sentence; `/cancel` alone where nothing else is meant by it."""
        name = f"@{self._outside.bot_user.username}"
        others = [
            each
            for each in self._outside.commands
            if each.asker is command.asker and each.kind == "question"
        ]
        of_gifts = [
            shown
            for bill in self._outside.bills
            for shown in bill.questions
            if shown.message.chat is command.chat
        ]
        choices = [text.replace("/invoice", f"/invoice{name}") for text in BAD]
        return dice.choice(choices if others or of_gifts else [*choices, f"/cancel{name}"])

    async def _end_question(self, command: Command, dice: random.Random) -> None:
        """`/cancel`, alone or as a reply to the question; by an owner as well, as a reply."""
        live = self._outside.is_live
        await self._until(
            command, lambda: [each for each in command.of_role("question") if live(each.message)]
        )
        place = await self._here(command)
        shown = [each.message for each in command.of_role("question") if live(each.message)]
        if not shown:
            return
        in_group = place.chat.type != "private"
        by = dice.choice([command.asker, self._outside.owner if in_group else command.asker])
        is_reply = by is not command.asker or dice.random() < 0.5
        self._book.note(f"{by.first_name}: /cancel of the question", command)
        self._book.count("questions that were ended")
        command.question_ended = True
        said = self._outside.telegram.say(
            place.chat,
            by,
            f"/cancel@{self._outside.bot_user.username}",
            reply_to=shown[-1] if is_reply else None,
            thread=command.thread,
        )
        self._outside.by_message[said] = command

    async def _here(self, command: Command) -> Place:
        """The command's place, once people write there again."""
        chat = self._outside.now(command.chat)
        place = next(p for p in self._outside.everywhere if p.chat is chat)
        while place.away:
            await place.back.wait()
        return place

    # waiting

    async def _until(self, command: Command, condition: Callable[[], T | None]) -> T:
        while True:
            command.news.clear()
            value = condition()
            if value:
                return value
            await command.news.wait()

    async def _card(self, command: Command, *, but: bytes = b"") -> tuple[Shown, SimInvoice]:
        """An open card, and what its payment request is at the node; a former bot's at last."""

        def look() -> tuple[Shown, SimInvoice] | None:
            found = command.of_role("open")
            found.sort(key=lambda shown: self._outside.is_live(shown.message))
            for shown in reversed(found):
                invoice = self._outside.node.invoices.get(shown.payment_hash)
                if invoice is not None and shown.payment_hash != but:
                    return shown, invoice
            return None

        return await self._until(command, look)

    # wallets

    async def _pay_it(self, command: Command, dice: random.Random) -> None:
        _, invoice = await self._card(command)
        await asyncio.sleep(dice.choice([0, 0.05, 0.5, 2]) * dice.uniform(0.5, 1.5))
        await self._wallets.pay(command, invoice)

    async def _pay_more(self, command: Command, dice: random.Random) -> None:
        _, invoice = await self._card(command)
        await asyncio.sleep(dice.uniform(0, 2))
        await self._wallets.pay(command, invoice, more=True)

    async def _pay_in_parts(self, command: Command, dice: random.Random) -> None:
        _, invoice = await self._card(command)
        if await self._wallets.pay(command, invoice, hold=True):
            try:
                await asyncio.sleep(dice.uniform(0, 1.5))
            finally:  # also at the storm's end
                self._wallets.finish(command, invoice)

    async def _pay_while_dead(self, command: Command, _dice: random.Random) -> None:
        _, invoice = await self._card(command)
        left_s = invoice.expires_at - time.time() - 1
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                await self._outside.bot.down.wait()
        except TimeoutError:
            pass
        if await self._wallets.pay(command, invoice) and self._outside.bot.down.is_set():
            self._book.count("payments while the bot was dead")

    async def _pay_late(self, command: Command, dice: random.Random) -> None:
        _, invoice = await self._card(command)
        await asyncio.sleep(max(0.0, invoice.expires_at + dice.uniform(-0.3, 0.1) - time.time()))
        if await self._wallets.pay(command, invoice, late=True):
            self._book.count("payments at the last second")

    # buttons

    async def _press(self, command: Command, shown: Shown, button: str, *, wrong: bool) -> bool:
        """Press a button; whether it was there."""
        message = shown.message
        await self._here(command)
        if not self._outside.is_live(message):
            return False
        others = [p for p in self._outside.people if p is not command.asker]
        person = others[command.number % len(others)] if wrong else command.asker
        if wrong and message.chat.type == "private":
            return False
        return self._press_now(command, shown, button, person)

    def _press_now(self, command: Command, shown: Shown, button: str, person: User) -> bool:
        message = shown.message
        try:
            self._outside.telegram.press(message.chat, person, message.id, text=button)
        except LookupError:
            return False
        self._book.note(
            f"{person.first_name} presses {button} on {message.chat.id}/{message.id}", command
        )
        self._book.count("presses")
        shown.pressed = True
        if person is command.asker:
            wanted = command.cancels if button == "Cancel" else command.renewals
            wanted.setdefault(shown.payment_hash, time.time())
        return True

    async def _cancel_once(self, command: Command, dice: random.Random) -> None:
        await self._card(command)
        await asyncio.sleep(dice.uniform(0, 2))
        # the oldest: where there is a duplicate, that one
        live = [s for s in command.of_role("open") if self._outside.is_live(s.message)]
        for shown in live[:1]:
            await self._press(command, shown, "Cancel", wrong=False)

    async def _cancel_twice(self, command: Command, dice: random.Random) -> None:
        shown, _ = await self._card(command)
        await self._press(command, shown, "Cancel", wrong=False)
        await asyncio.sleep(dice.choice([0, 0.05, 0.5]))
        await self._press(command, shown, "Cancel", wrong=False)

    async def _cancel_by_reply(self, command: Command, dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        await asyncio.sleep(dice.uniform(0, 1))
        place = await self._here(command)
        if not self._outside.is_live(shown.message):
            return
        self._book.note("/cancel as a reply", command)
        message = self._outside.telegram.say(
            place.chat, command.asker, "/cancel", reply_to=shown.message, thread=command.thread
        )
        self._outside.by_message[message] = command
        command.cancels.setdefault(invoice.payment_hash, time.time())

    async def _cancel_by_reply_to_command(self, command: Command, dice: random.Random) -> None:
        _, invoice = await self._card(command)
        await asyncio.sleep(dice.uniform(0, 1))
        place = await self._here(command)
        # Numbers from before are void: of a group that has moved, and of another bot's.
        is_counted_by_chat = command.chat.type == "supergroup"
        is_same_bot = command.said_to is self._outside.bot_user
        if place.chat is not command.chat or not (is_same_bot or is_counted_by_chat):
            return
        self._say_cancel(command, place, command.asker, command.said)
        command.cancels.setdefault(invoice.payment_hash, time.time())

    async def _cancel_by_owner(self, command: Command, dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        await asyncio.sleep(dice.uniform(0, 1))
        place = await self._here(command)
        if place.chat.type == "private" or not self._outside.is_live(shown.message):
            return
        owner = dice.choice(self._outside.owners)
        self._say_cancel(command, place, owner, shown.message)
        command.cancels.setdefault(invoice.payment_hash, time.time())

    async def _cancel_by_admin(self, command: Command, dice: random.Random) -> None:
        """Again and again: the bot asks Telegram who is an admin, and a kill loses that."""
        shown, invoice = await self._card(command)
        for _ in range(5):
            place = await self._here(command)
            is_there = self._outside.is_live(shown.message) and shown.role == "open"
            if place.chat.type == "private" or not is_there:
                return
            command.tried.add(invoice.payment_hash)
            if dice.random() < 0.5:
                self._say_cancel(command, place, self._outside.admin, shown.message)
            else:
                self._press_now(command, shown, "Cancel", self._outside.admin)
            await asyncio.sleep(5)

    def _say_cancel(self, command: Command, place: Place, by: User, to: Message) -> None:
        self._book.note(f"{by.first_name}: /cancel as a reply", command)
        name = f"@{self._outside.bot_user.username}"
        said = self._outside.telegram.say(
            place.chat, by, f"/cancel{name}", reply_to=to, thread=command.thread
        )
        self._outside.by_message[said] = command

    async def _cancel_wrongly(self, command: Command, dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        await self._press(command, shown, "Cancel", wrong=True)
        await asyncio.sleep(dice.uniform(0, 2))
        if dice.random() < 0.5:
            await self._wallets.pay(command, invoice)

    async def _cancel_and_pay(self, command: Command, dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        await asyncio.sleep(dice.uniform(0, 1))
        await self._press(command, shown, "Cancel", wrong=False)
        await asyncio.sleep(dice.choice([0, 0.005, 0.02, 0.05]))
        await self._wallets.pay(command, invoice)

    async def _renew(self, command: Command, dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        if dice.random() < 0.6:
            await self._press(command, shown, "Cancel", wrong=False)
        closed = await self._until(command, lambda: command.of_role("expired", "cancelled"))
        if dice.random() < 0.3:
            await self._press(command, closed[-1], "Renew", wrong=True)
        pressed = 0
        for _ in range(dice.choice([1, 1, 3])):
            pressed += await self._press(command, closed[-1], "Renew", wrong=False)
        if not pressed:
            return
        _, renewed = await self._card(command, but=invoice.payment_hash)
        self._book.count("renewals")
        if dice.random() < 0.6:
            await self._wallets.pay(command, renewed)

    async def _leave(self, _command: Command, _dice: random.Random) -> None:
        return

    async def _delete_and_pay(self, command: Command, _dice: random.Random) -> None:
        shown, invoice = await self._card(command)
        if not self._outside.is_live(shown.message):
            return
        self._outside.telegram.delete_message(shown.message.chat, shown.message.id)
        self._book.note("deletes the card", command)
        command.deleted_cards += 1
        await self._wallets.pay(command, invoice)


def _amount(sats: int, dice: random.Random) -> str:
    """One of the ways to write it."""
    if not sats:
        return "any"
    btc = f"{sats / 100_000_000:.8f}"
    return dice.choice([f"{sats}", f"{sats:,}", f"{sats} sats", f"{btc} btc", f"₿{btc}"])
