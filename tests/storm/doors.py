"""The truths about who is let in: what owners did, what strangers got, and what owners read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import sqlalchemy as sa

from bot import texts
from bot.core.grants import Role
from bot.core.guests import Guest, Guests
from bot.core.knocks import Knock, KnockState
from bot.demo.telegram import Chat, Message, User
from bot.store import tables
from tests.faces import plain
from tests.storm.book import Book, Command, Shown, Subject
from tests.storm.breaks import KNOCK, STRANGER, WHO, Break
from tests.storm.outside import Outside

_CARD = ("open", "paid", "expired", "cancelled", "payment request")
_ID = re.compile(r"id (-?\d+)\)")


class DoorTruths:
    """Looks at everybody whom the settings do not list."""

    def __init__(self, outside: Outside, book: Book) -> None:
        self._outside = outside
        self._book = book
        self._breaks: list[Break] = []
        self._explained: Counter[str] = Counter()

    def compare(self) -> tuple[list[Break], Counter[str]]:
        """Every promise about who is let in that does not hold now; what is odd and explained."""
        self._breaks, self._explained = [], Counter()
        for command in self._outside.commands:
            if command.kind == "unwelcome":
                self._unwelcome(command)
        rows = self._rows()
        for subject in self._outside.subjects:
            if subject.person is not None:
                self._asked(subject.person, rows)
                self._said_once(subject.person)
        for row in rows:
            self._shown(row)
            self._heard(row)
        self._shown_once()
        self._let_in_once()
        return self._breaks, self._explained

    def _broken(self, promise: int, what: str, command: Command | None = None) -> None:
        self._breaks.append(Break(promise, what, command))

    def _rows(self) -> list[Knock]:
        with self._outside.connected() as connection:
            found = connection.execute(sa.select(*tables.knocks.c)).mappings()
            return [Knock(**{**row, "state": KnockState(row["state"])}) for row in found]

    # strangers

    def _unwelcome(self, command: Command) -> None:
        """Who is let in at no time between their command and its card gets none."""
        subjects = self._outside.may_ask(command.asker, command.chat)
        cards = [each for each in command.shown if set(each.roles) & {*_CARD}]
        for card in cards:
            since, until = command.said_at, card.sent.called_at
            if not any(each.may_be_in(since, until) for each in subjects):
                self._broken(STRANGER, f"{_where(card)} is a card for a stranger", command)
            else:
                self._explained["cards of people who were let in meanwhile"] += 1
        if (
            command.invoices
            and not cards
            and not any(each.may_be_in(command.said_at, command.said_at + 1e9) for each in subjects)
        ):
            self._broken(STRANGER, "an invoice for a stranger", command)

    def _said_once(self, person: User) -> None:
        """A stranger hears once in private how to ask."""
        said = [
            each
            for each in self._outside.shown.values()
            if each.message.chat.person is person and self._is_refusal(each.message, person)
        ]
        for earlier, _ in pairwise(sorted(said, key=lambda each: each.sent.called_at)):
            if not self._book.unsure(earlier.sent):
                self._broken(STRANGER, f"{person.first_name} hears twice that they are none")

    def _is_refusal(self, message: Message, person: User) -> bool:
        hers = plain(texts.stranger(person.id, message.chat.id))
        return message.text in (texts.ASKED_OWNER, hers)

    # what owners are asked

    def _asked(self, person: User, rows: Sequence[Knock]) -> None:
        """Each who asked and was not let in has knocked."""
        asked = [
            command
            for command in self._outside.commands
            if command.asker is person and command.kind == "unwelcome" and not command.is_unheard
        ]
        for command in asked:
            subjects = self._outside.may_ask(person, command.chat)
            if any(each.may_be_in(command.said_at, command.said_at + 1e9) for each in subjects):
                continue
            if not any(row.person_id == person.id for row in rows):
                self._broken(KNOCK, "no owner was asked", command)

    def _shown(self, row: Knock) -> None:
        """Each owner has one message of it that says what is so."""
        if not row.told or row.is_more:
            return
        for owner in self._outside.owners:
            those = [
                each
                for each in self._knocks_to(owner, row.person_id)
                if self._outside.is_live(each.message)
            ]
            if not those and row.state is KnockState.OPEN:
                self._broken(KNOCK, f"{owner.first_name} does not know that {row.name} asks")
            if any(each.sent.odd for each in those):  # it may have no number
                self._explained["questions to owners without a number"] += 1
                continue
            right = plain(texts.knock(row))
            if those and not any(each.message.text == right for each in those):
                what = f"{_where(those[-1])} says {those[-1].message.text!r}, not {right!r}"
                self._broken(KNOCK, what)

    def _knocks_to(self, owner: User, person_id: int) -> list[Shown]:
        return [
            each
            for each in self._outside.knocks
            if each.message.chat.person is owner
            and f"id {person_id})" in (each.message.versions[0].text or "").partition(" in ")[0]
        ]

    def _shown_once(self) -> None:
        """No owner is asked about the same person twice without a reason."""
        for owner in self._outside.owners:
            by_who: defaultdict[tuple[int, User | None], list[Shown]] = defaultdict(list)
            for subject in self._outside.subjects:
                if subject.person is None:
                    continue
                for each in self._knocks_to(owner, subject.person.id):
                    by_who[subject.person.id, each.message.author].append(each)
            for those in by_who.values():
                self._once(those, f"{owner.first_name} is asked", "questions to owners twice")

    def _once(self, those: Iterable[Shown], what: str, name: str) -> None:
        for earlier, later in pairwise(sorted(those, key=lambda each: each.sent.called_at)):
            if self._book.unsure(earlier.sent):
                self._explained[name] += 1
            else:
                self._broken(KNOCK, f"{what} again by {_where(later)} without a reason")

    # what strangers hear of the answer

    def _heard(self, row: Knock) -> None:
        """Who was let in hears of it where they asked, unless they were removed since."""
        subject = self._subject_of(row)
        if subject is None or row.state not in (KnockState.ALLOWED, KnockState.GROUP_ALLOWED):
            return
        by_person = any(act.what == "allow" and act.heard_at for act in subject.acts)
        is_removed = any(act.what == "deny" for act in subject.acts)
        if not by_person or is_removed or not any(act.is_told for act in subject.acts):
            return
        if not self._said_in(row):
            self._broken(KNOCK, f"{subject.name} was let in, and does not know")

    def _subject_of(self, row: Knock) -> Subject | None:
        for each in self._outside.subjects:
            if row.state is KnockState.GROUP_ALLOWED:
                is_it = each.chat is not None and row.chat_id in self._outside.ids_of(each.chat)
            else:
                is_it = each.person is not None and each.person.id == row.person_id
            if is_it:
                return each
        return None

    def _said_in(self, row: Knock) -> bool:
        return any(
            each.role == "let in"
            and (
                each.message.chat.id == row.chat_id
                or self._outside.now(each.message.chat).id == row.chat_id
            )
            for each in self._outside.shown.values()
        )

    def _let_in_once(self) -> None:
        said: defaultdict[tuple[Chat, Message | None], list[Shown]] = defaultdict(list)
        for each in self._outside.shown.values():
            if each.role == "let in":
                said[each.message.chat, each.message.reply_to].append(each)
        for those in said.values():
            self._once(those, "somebody hears that they are let in", "let in, and told twice")

    # /who

    def who(self, pages: Sequence[str]) -> list[Break]:
        """Whether it says what was allowed and not denied, and who still asks."""
        self._breaks = []
        read = _read(pages)
        outside = self._outside
        listed = {
            *((Role.OWNER, person.id, True) for person in outside.owners),
            *((Role.USER, person.id, True) for person in outside.people),
            *((Role.CHAT, number, True) for number in outside.listed_chats),
        }
        sure, maybe = set(listed), set()
        for subject in outside.subjects:
            state = subject.is_in(1e12)
            numbers = {subject.person.id} if subject.person else self._outside.ids_of(subject.chat)  # type: ignore[arg-type]
            role = Role.USER if subject.person else Role.CHAT
            those = {(role, number, False) for number in numbers}
            if state is None:
                maybe |= those
            elif state and not those & read.let_in:
                self._broken(WHO, f"{subject.name} is let in, and /who does not say so")
            elif state:
                sure |= those
        for role, number, is_listed in sorted(read.let_in - sure - maybe):
            where = "by the settings" if is_listed else "from the chat"
            self._broken(WHO, f"/who says that {number} is let in {where} as {role}")
        for role, number, _ in sorted(listed - read.let_in):
            self._broken(WHO, f"{number} is listed as {role}, and /who does not say so")
        self._asking(read.asking)
        return self._breaks

    def _asking(self, asking: set[int]) -> None:
        for row in self._rows():
            person = next((p for p in self._outside.subjects if self._is(p, row)), None)
            if person is None or row.is_more:
                continue
            subjects = [each for each in self._outside.subjects if self._is_for(each, row)]
            states = [each.is_in(1e12) for each in subjects]
            if None in states:
                continue
            is_open = row.state is KnockState.OPEN and not any(states)
            if is_open != (row.person_id in asking):
                what = "asks" if is_open else "does not ask"
                self._broken(WHO, f"{row.name} {what}, and /who says otherwise")

    @staticmethod
    def _is(subject: Subject, row: Knock) -> bool:
        return subject.person is not None and subject.person.id == row.person_id

    def _is_for(self, subject: Subject, row: Knock) -> bool:
        in_group = subject.chat is not None and row.chat_id in self._outside.ids_of(subject.chat)
        return self._is(subject, row) or in_group


class _Read:
    """What somebody reads on the pages of /who."""

    def __init__(self) -> None:
        self.let_in: set[tuple[Role, int, bool]] = set()
        self.asking: set[int] = set()


def _read(pages: Sequence[str]) -> _Read:
    """The ids in it, by the headings above them."""
    sample = Guests(tuple(Guest(number, role) for number, role in enumerate(Role, 1)))
    lines = plain(texts.who(sample)[0]).splitlines()
    headings = {lines[at - 1]: role for at, role in zip((1, 3, 5), Role, strict=True)}
    listed = Guests((Guest(1, Role.OWNER, is_listed=True),))
    in_settings = plain(texts.who(listed)[0]).splitlines()[1].rpartition(", ")[2]
    read = _Read()
    role: Role | None = None
    for line in (line for page in pages for line in page.splitlines()):
        found = _ID.search(line)
        if not line.startswith("• "):
            role = headings.get(line)
        elif found and role is not None:
            read.let_in.add((role, int(found[1]), line.endswith(in_settings)))
        elif found:
            read.asking.add(int(found[1]))
    return read


def _where(shown: Shown) -> str:
    return f"{shown.message.chat.id}/{shown.message.id}"
