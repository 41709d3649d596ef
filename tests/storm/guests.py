"""People who are not let in: they ask, in private or in a group, and owners answer. Knows buttons.

Each has a story: a method, and its name in `plan.VISITS`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from bot import texts
from bot.core.knocks import Answering, KnockState, Verb
from bot.demo.telegram import Message, User
from tests.faces import knock_state
from tests.storm.at_boards import ANSWER_S, PRESSES
from tests.storm.book import Act, Book, Command, Subject
from tests.storm.outside import Outside, Place, buttons_on
from tests.storm.plan import Plan, PlannedVisit
from tests.storm.wallets import MORE_SATS, Wallets

_NAMES = (
    *("Abel", "Bruno", "Cleo", "Dario", "Edda", "Falk", "Greta", "Hilda", "Ivo", "Jule"),
    *("Kira", "Luis", "Mona", "Nils", "Oda", "Paul", "Quirin", "Rosa", "Sven", "Tilda"),
    *("Ulla", "Vito", "Wanda", "Xaver", "Yann", "Zoe", "Aron", "Bela", "Carl", "Dana"),
)
#: Sats of the first command's amount; each later one asks for one more, so that amounts name them.
FIRST_SATS = 2000
#: Seconds that an owner waits to be shown who asks, and somebody who was let in for a card.
SHOWN_S, CARD_S = 25.0, 25.0
#: Seconds that a story takes at most, above those.
PATIENCE_S = 90.0

Verdict = Literal["allow", "deny", "refuse"]


class Guests:
    """Everybody who is not let in by the settings, and what the owners do about them."""

    def __init__(self, outside: Outside, book: Book, plan: Plan, wallets: Wallets) -> None:
        self._outside = outside
        self._telegram = outside.telegram
        self._book = book
        self._plan = plan
        self._wallets = wallets
        self._names = iter(_NAMES)
        self._stories: dict[str, Callable[[random.Random], Coroutine[Any, Any, None]]] = {
            "let in by the button": self._let_in,
            "refused": self._refused,
            "nobody answers": self._unanswered,
            "let in by a command": self._by_command,
            "let in by a command after they asked": self._by_command_later,
            "let in by a reply": self._by_reply,
            "let in and removed": self._removed,
            "let in, removed and let in": self._removed_and_back,
            "two owners answer at once": self._two_owners,
            "a friend lets them in": self._by_a_friend,
            "the group is let in by the button": self._group_let_in,
            "the group is let in by a command": self._group_by_command,
            "the group is let in and removed": self._group_removed,
            "a person is let in in a group": self._person_in_group,
            "a group is refused": self._group_refused,
            "asks in private and adds the bot to a group": self._private_then_group,
        }

    async def live(self) -> None:
        """Do all that is planned."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as lives:
            for planned in self._plan.visits:
                await asyncio.sleep(max(0.0, began + planned.at_s - time.monotonic()))
                lives.create_task(self._live(planned))

    async def _live(self, planned: PlannedVisit) -> None:
        self._book.count("people who were not let in")
        self._book.note(f"a visit: {planned.what}")
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._stories[planned.what](planned.dice)
        except TimeoutError:
            self._book.note(f"a visit is given up: {planned.what}")

    def _visitor(self) -> Place:
        return self._outside.add_stranger(next(self._names))

    def _club(self, *, by_owner: bool) -> Place:
        people = [self._visitor().people[0] for _ in range(2)]
        by = self._outside.owner if by_owner else people[0]
        name = f"Club {len(self._outside.doors)}"
        self._book.count("groups that were not let in")
        return self._outside.add_club(name, people, by=by)

    def _subject(self, who: User | Place) -> Subject:
        """Of a person, or of a group."""
        for each in self._outside.subjects:
            if each.person is who or (
                isinstance(who, Place)
                and each.chat is not None
                and self._outside.now(each.chat) is who.chat
            ):
                return each
        raise LookupError(who)

    # asking

    def _ask(self, person: User, place: Place) -> Command:
        """Ask for an invoice there: it is theirs if they are surely let in."""
        outside = self._outside
        number = len(outside.commands)
        sats, memo = FIRST_SATS + number, f"q{number}q a stranger's"
        subjects = outside.may_ask(person, place.chat)
        now = time.time()
        is_in = any(each.is_in(now) for each in subjects)
        kind: Literal["invoice", "unwelcome"] = "invoice" if is_in else "unwelcome"
        command = Command(number, kind, person, place.chat, None, sats * 1000, memo)
        outside.commands.append(command)
        outside.by_amount[sats] = outside.by_amount[sats + MORE_SATS] = command
        name = f"@{outside.bot_user.username}"
        text = f"/invoice{name} {sats} {memo}"
        self._book.note(f"{person.first_name} in {place.name}: {text!r}", command)
        self._book.count("commands")
        self._book.count(f"commands of strangers, {'let in' if is_in else 'not let in'}")
        command.said_at = time.time()
        command.message = self._telegram.say(place.chat, person, text)
        outside.by_message[command.message] = command
        command.asked = kind == "invoice"
        return command

    async def _ask_and_pay(self, person: User, place: Place) -> None:
        """Somebody who was let in gets a card, and pays it."""
        command = self._ask(person, place)
        if command.kind != "invoice":  # nobody could say so
            return
        try:
            async with asyncio.timeout(CARD_S):
                while not (command.of_role("open") and command.invoices):
                    command.news.clear()
                    await command.news.wait()
        except TimeoutError:
            return
        await self._wallets.pay(command, command.invoices[0])

    # answering

    async def _shown(self, owner: User, who: str) -> Message | None:
        """The message with which an owner is asked about this person or group, to be pressed."""
        until = time.monotonic() + SHOWN_S
        while time.monotonic() < until:
            for shown in reversed(self._outside.knocks):
                message = shown.message
                is_theirs = message.chat.person is owner and who in (message.text or "")
                if is_theirs and self._outside.is_live(message) and buttons_on(message):
                    return message
            await asyncio.sleep(0.1)
        return None

    async def _answer(
        self, owner: User, person: User, verb: Verb, *, beside: bool = False
    ) -> Answering | None:
        """Press it. `beside`: another owner does so as well. None: nobody answers."""
        message = await self._shown(owner, f"id {person.id})")
        if message is None:
            self._book.note(f"{owner.first_name} is not shown {person.first_name}")
            return None
        subject = self._subject(person)
        if verb is Verb.GROUP:
            subject = self._subject(self._club_on(message))
        act = Act("refuse" if verb is Verb.NO else "allow", time.time(), unsure=beside)
        subject.acts.append(act)
        for _ in range(PRESSES):
            found = [d for _, d in buttons_on(message) if d.startswith(f"let:{verb}:")]
            if not found or not self._outside.is_live(message):
                break  # it says what became of it, or a former bot wrote it
            press = self._telegram.press(message.chat, owner, message.id, data=found[0])
            self._book.note(f"{owner.first_name} presses {verb} for {person.first_name}")
            self._book.count("presses of owners")
            await asyncio.wait([press.answer], timeout=ANSWER_S)
            if not press.answer.done():
                self._book.count("presses without an answer")
                continue
            said = press.answer.result().text
            for each in Answering:
                if said == texts.answering(each):
                    return self._answered(act, each, beside)
        return self._read(act, message, verb)

    def _answered(self, act: Act, came: Answering, beside: bool) -> Answering:
        self._book.count(f"presses of owners: {came}")
        if came in (Answering.DONE, Answering.ALREADY) and not beside:
            act.heard_at = time.time()
        return came

    def _read(self, act: Act, message: Message, verb: Verb) -> Answering | None:
        """By what the message says, where no answer came."""
        wanted = {
            Verb.PERSON: KnockState.ALLOWED,
            Verb.GROUP: KnockState.GROUP_ALLOWED,
            Verb.NO: KnockState.REFUSED,
        }[verb]
        if knock_state(message.text or "") is not wanted or act.unsure:
            return None
        act.heard_at = time.time()
        return Answering.DONE

    def _club_on(self, message: Message) -> Place:
        """The group that a question to the owners names."""
        for place in self._outside.doors:
            ids = [each.id for each in (place.chat, *self._outside.moved) if self._is(each, place)]
            is_named = any(f"id {number})" in (message.text or "") for number in ids)
            if is_named and place.chat.type != "private":
                return place
        raise LookupError(message.text)

    def _is(self, chat: Any, place: Place) -> bool:
        return self._outside.now(chat) is place.chat

    async def _command(
        self,
        what: Verdict,
        subject: Subject,
        text: str,
        place: Place | None = None,
        reply_to: Message | None = None,
    ) -> bool:
        """`/allow` or `/deny` by an owner, in their private chat or in a group; whether it is so.

        It is said again where no answer comes.
        """
        owner, outside = self._outside.owner, self._outside
        for _ in range(PRESSES):
            act = Act(what, time.time(), is_told=place is None)
            subject.acts.append(act)
            name = f"@{outside.bot_user.username}"
            chat = place.chat if place else self._telegram.private_chat(owner, bot=outside.bot_user)
            to = reply_to if reply_to is not None and reply_to.chat is chat else None
            if reply_to is not None and to is None:  # the group has moved on
                return False
            said = self._telegram.say(chat, owner, f"/{what}{name} {text}".strip(), reply_to=to)
            if to is not None and (asked := outside.by_message.get(to)) is not None:
                outside.by_message[said] = asked
            self._book.note(f"Olga: /{what} {text} for {subject.name}")
            self._book.count(f"/{what}")
            until = time.monotonic() + ANSWER_S
            while time.monotonic() < until:
                answers = [
                    s.message.text for s in outside.shown.values() if s.message.reply_to is said
                ]
                if answers and texts.TOO_LATE not in answers:
                    act.heard_at = time.time()
                    return True
                await asyncio.sleep(0.1)
            self._book.count("commands of owners without an answer")
        return False

    async def _allow(self, person: User) -> bool:
        return await self._command("allow", self._subject(person), str(person.id))

    async def _deny(self, person: User) -> bool:
        return await self._command("deny", self._subject(person), str(person.id))

    # stories

    async def _let_in(self, dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        self._ask(person, place)
        owner = dice.choice(self._outside.owners)
        if await self._answer(owner, person, Verb.PERSON):
            await self._ask_and_pay(person, place)

    async def _refused(self, dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        self._ask(person, place)
        await self._answer(dice.choice(self._outside.owners), person, Verb.NO)
        self._ask(person, place)

    async def _unanswered(self, dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        for _ in range(3):
            self._ask(person, place)
            await asyncio.sleep(dice.uniform(0, 3))

    async def _by_command(self, _dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        if await self._allow(person):
            await self._ask_and_pay(person, place)

    async def _by_command_later(self, dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        self._ask(person, place)
        await asyncio.sleep(dice.choice([0, 0.05, 2]))
        if await self._allow(person):
            await self._ask_and_pay(person, place)

    async def _by_reply(self, _dice: random.Random) -> None:
        """In a group, to the message of somebody who asks there."""
        place = self._club(by_owner=True)
        person, other = place.people
        command = self._ask(person, place)
        if await self._command("allow", self._subject(person), "", place, command.said):
            await self._ask_and_pay(person, place)
        self._ask(other, place)

    async def _removed(self, dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        self._ask(person, place)
        if await self._answer(self._outside.owner, person, Verb.PERSON):
            await asyncio.sleep(dice.uniform(0, 1))
            if await self._deny(person):
                self._ask(person, place)

    async def _removed_and_back(self, _dice: random.Random) -> None:
        place = self._visitor()
        [person] = place.people
        if await self._allow(person):
            await self._ask_and_pay(person, place)
            if await self._deny(person):
                self._ask(person, place)
                if await self._allow(person):
                    await self._ask_and_pay(person, place)

    async def _two_owners(self, _dice: random.Random) -> None:
        """The first counts; both read which one it was."""
        place = self._visitor()
        [person] = place.people
        self._ask(person, place)
        verbs = (Verb.PERSON, Verb.NO)
        came = await asyncio.gather(
            *(
                self._answer(owner, person, verb, beside=True)
                for owner, verb in zip(self._outside.owners, verbs, strict=True)
            )
        )
        if came.count(Answering.DONE) > 1:
            self._book.wrongs.append(f"two owners answered {person.first_name}, and both counted")
        self._ask(person, place)

    async def _by_a_friend(self, dice: random.Random) -> None:
        """Nobody but an owner lets anybody in: not a friend, and not the stranger."""
        place = self._visitor()
        [person] = place.people
        friend = dice.choice([p for p in self._outside.privates if not p.away])
        for home in (friend, place):
            name = f"@{self._outside.bot_user.username}"
            self._telegram.say(home.chat, home.people[0], f"/allow{name} {person.id}")
            self._book.count("/allow of others")
        await asyncio.sleep(dice.uniform(0, 2))
        self._ask(person, place)

    async def _group_let_in(self, dice: random.Random) -> None:
        place = self._club(by_owner=dice.random() < 0.5)
        person, other = place.people
        self._ask(person, place)
        if await self._answer(dice.choice(self._outside.owners), person, Verb.GROUP):
            await self._ask_and_pay(other, place)
        self._ask(other, self._home(other))

    async def _group_by_command(self, dice: random.Random) -> None:
        place = self._club(by_owner=dice.random() < 0.5)
        person, other = place.people
        if await self._command("allow", self._subject(place), "", place):
            await self._ask_and_pay(person, place)
            await self._ask_and_pay(other, place)

    async def _group_removed(self, _dice: random.Random) -> None:
        place = self._club(by_owner=True)
        person, _ = place.people
        if await self._command("allow", self._subject(place), "", place):
            await self._ask_and_pay(person, place)
            if await self._command("deny", self._subject(place), "", place):
                self._ask(person, place)

    async def _person_in_group(self, dice: random.Random) -> None:
        place = self._club(by_owner=dice.random() < 0.5)
        person, other = place.people
        self._ask(person, place)
        if await self._answer(dice.choice(self._outside.owners), person, Verb.PERSON):
            await self._ask_and_pay(person, place)
            await self._ask_and_pay(person, self._home(person))
            await self._cancel_of_anothers(other, self._ask(person, place), place)
        self._ask(other, place)

    async def _cancel_of_anothers(self, by: User, command: Command, place: Place) -> None:
        """A stranger's `/cancel` changes nothing."""
        try:
            async with asyncio.timeout(CARD_S):
                while not command.of_role("open"):
                    command.news.clear()
                    await command.news.wait()
        except TimeoutError:
            return
        message = command.of_role("open")[0].message
        if self._outside.is_live(message) and message.chat is place.chat:
            name = f"@{self._outside.bot_user.username}"
            said = self._telegram.say(place.chat, by, f"/cancel{name}", reply_to=message)
            self._outside.by_message[said] = command
            self._book.count("cancellations by strangers")

    async def _group_refused(self, dice: random.Random) -> None:
        place = self._club(by_owner=dice.random() < 0.5)
        person, other = place.people
        self._ask(person, place)
        await self._answer(dice.choice(self._outside.owners), person, Verb.NO)
        self._ask(person, place)
        self._ask(other, place)

    async def _private_then_group(self, dice: random.Random) -> None:
        """The one question of the day names the group then."""
        home = self._visitor()
        [person] = home.people
        self._ask(person, home)
        await asyncio.sleep(dice.choice([0.1, 1, 3]))
        other = self._visitor().people[0]
        place = self._outside.add_club(
            f"Club {len(self._outside.doors)}", [person, other], by=person
        )
        until = time.monotonic() + SHOWN_S
        while time.monotonic() < until:
            message = await self._shown(self._outside.owner, f"id {place.chat.id})")
            if message is not None:
                break
        else:
            return
        if await self._answer(self._outside.owner, person, Verb.GROUP):
            await self._ask_and_pay(other, place)

    async def who(self) -> list[str]:
        """The pages of /who, as an owner turns them; none where nobody answers."""
        owner, outside = self._outside.owner, self._outside
        chat = self._telegram.private_chat(owner, bot=outside.bot_user)
        said = self._telegram.say(chat, owner, "/who")
        pages: list[str] = []
        until = time.monotonic() + SHOWN_S
        while time.monotonic() < until:
            answers = [m for m in self._telegram.messages(chat) if m.reply_to is said]
            if answers and (not pages or answers[0].text != pages[-1]):
                pages.append(answers[0].text or "")
                if texts.AFTER_BUTTON not in dict(buttons_on(answers[0])):
                    return pages
                self._telegram.press(chat, owner, answers[0].id, text=texts.AFTER_BUTTON)
            await asyncio.sleep(0.1)
        return []

    def _home(self, person: User) -> Place:
        return next(
            each
            for each in self._outside.doors
            if each.chat.type == "private" and each.people[0] is person
        )
