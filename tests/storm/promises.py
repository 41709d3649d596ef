"""The three truths compared: what people did, what the node has, how the chats stand now."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from itertools import pairwise

from bot import texts
from bot.core.invoice import PartKind
from bot.demo.node import CANCELED, OPEN, SETTLED, SimInvoice
from bot.demo.node.bolt import decode
from bot.demo.telegram import Message, User
from tests.faces import kinds_of, may_be_duplicate
from tests.storm.boards import BoardTruths, know_parts
from tests.storm.book import HEARD_WITHIN_S, Bill, Book, Command, Part, Shown
from tests.storm.breaks import Break
from tests.storm.doors import DoorTruths
from tests.storm.outside import Outside, hash_on, request_in, role_of
from tests.storm.remains import rows, stalls

#: Seconds of everybody being there within which a payment is shown.
SHOWN_WITHIN_S = 10.0
#: Seconds of everybody being there within which that is done, whatever waited before it.
DONE_WITHIN_S = 3.0

CARD = ("open", "paid", "expired", "cancelled")


class Truths:
    """Looks at everything as it stands."""

    def __init__(self, outside: Outside, book: Book) -> None:
        self._outside = outside
        self._book = book
        self._boards = BoardTruths(outside, book)
        self._doors = DoorTruths(outside, book)
        self._breaks: list[Break] = []
        #: What is odd and has its explanation, counted.
        self.explained: Counter[str] = Counter()

    def compare(self) -> list[Break]:
        """Every promise that does not hold now."""
        self._breaks = []
        self.explained = Counter()
        know_parts(self._outside)
        if self._outside.server is not None:
            self._book.stalls = stalls(self._outside.bot.log.text())
        for command in [*self._outside.commands, *self._outside.parts]:
            self._answered(command)
            self._one_invoice(command)
            self._copies(command)
            self._right(command)
            self._told(command)
            self._pressed(command)
            if command.chat.id in self._outside.lost_moves:
                # the bot cannot write there, and no update will ever tell it where that is now
                self.explained["commands of a group whose move was told to a former bot"] += 1
                continue
            self._true(command)
            self._in_time(command)
        for bill in self._outside.bills:
            self._right(bill)
        self._of_nobody()
        breaks = [*self._breaks]
        for truths in (self._boards, self._doors):
            found, explained = truths.compare()
            breaks += found
            self.explained += explained
        return breaks + rows(self._outside)

    def who(self, pages: list[str]) -> list[Break]:
        """Whether /who, which an owner has asked for, says what is so."""
        return self._doors.who(pages)

    def _broken(self, promise: int, what: str, command: Command | None = None) -> None:
        self._breaks.append(Break(promise, what, command))

    # one command

    def _answered(self, command: Command) -> None:
        if command.shown or isinstance(command, Part) or command.kind == "unwelcome":
            return
        if command.is_unheard:
            self.explained["commands that a former bot never confirmed"] += 1
            return
        if command.kind == "bad":
            # A sentence goes out once: a kill, or Telegram away, may take it along.
            if self._book.calm_after(command.said_at, DONE_WITHIN_S) == command.said_at:
                self._broken(0, "no sentence", command)
            self.explained["sentences lost to a kill or a fault"] += 1
            return
        if command.kind == "question" and self._asked_again(command):
            self.explained["questions in whose place came a later command"] += 1
            return
        if self._is_elsewhere(command):
            self.explained[
                "commands in a group that was let in, and whose move nobody heard of"
            ] += 1
            return
        if self._was_removed(command):
            self.explained["commands of people who were removed before they were heard"] += 1
            return
        if self._passed_over(command):
            self.explained["invoices that expired while their chat could not be reached"] += 1
            return
        self._broken(0, "nothing in the chat", command)

    def _passed_over(self, command: Command) -> bool:
        """Nobody waits for the card of an invoice that is over by the time that they are back."""
        here = self._outside.now(command.chat)
        place = next(each for each in self._outside.everywhere if each.chat is here)
        is_over = all(each.state not in (OPEN, SETTLED) for each in command.invoices)
        return bool(command.invoices) and is_over and place.left_at > command.said_at

    def _is_elsewhere(self, command: Command) -> bool:
        """Whether it is in a group that was let in from the chat, and of whose move only a former
        bot was told."""
        subjects = self._outside.may_ask(command.asker, command.chat)
        chats = (each.chat for each in subjects if each.chat is not None)
        return any(self._outside.ids_of(chat) & self._outside.lost_moves for chat in chats)

    def _was_removed(self, command: Command) -> bool:
        """Whether somebody whom the settings do not list was removed before a card came."""
        subjects = self._outside.may_ask(command.asker, command.chat)
        acts = [act for each in subjects for act in each.acts]
        return any(act.what == "deny" and act.said_at > command.said_at for act in acts)

    def _asked_again(self, command: Command) -> bool:
        """Who asks again in the same place, with an amount or without, gets one card for both.

        So does who is asked how much they give.
        """
        questions = (each for bill in self._outside.bills for each in bill.questions)
        if any(
            each.message.chat.person is command.asker
            and command.chat.person is command.asker
            and each.sent.called_at > command.said_at
            for each in questions
        ):
            return True
        return any(
            later.number > command.number
            and (later.asker, later.thread) == (command.asker, command.thread)
            and self._outside.now(later.chat) is self._outside.now(command.chat)
            and later.shown
            for later in self._outside.commands
        )

    def _one_invoice(self, command: Command) -> None:
        seen = {
            invoice.payment_hash
            for shown in command.shown
            for version in shown.message.versions
            if (invoice := self._outside.by_request.get(request_in(version.text or "")))
        }
        if len(seen) > 1 + len(command.renewals):
            short = ", ".join(sorted(each[:4].hex() for each in seen))
            self._broken(1, f"{len(seen)} invoices shown: {short}", command)
        if len(command.invoices) > 1 + len(command.renewals):
            self._broken(1, f"{len(command.invoices)} invoices at the node", command)
        if command.kind == "bad" and command.invoices:
            self._broken(1, "an invoice for what was refused", command)
        if command.kind == "question" and not command.asked and command.invoices:
            self._broken(1, "an invoice for what nobody answered", command)

    def _copies(self, command: Command) -> None:
        """A second copy needs its reason, and the line that says so."""
        copies: defaultdict[tuple[bytes, int, User | None], list[Shown]] = defaultdict(list)
        for shown in _in_order(command):
            payment_hash = self._hash_of(command, shown)
            if shown.roles[0] in CARD and payment_hash:
                copies[payment_hash, shown.message.chat.id, shown.message.author].append(shown)
        for cards in copies.values():
            for earlier, later in pairwise(cards):
                if earlier.sent.odd and later.roles[0] != earlier.roles[0]:
                    self.explained["new cards in the place of those without a number"] += 1
                elif _asked_for_again(command, earlier, later):
                    self.explained["cards that a link brought once more"] += 1
                elif not self._book.unsure(earlier.sent):
                    self._broken(4, f"a second card {_where(later)} without a reason", command)
                elif not may_be_duplicate(later.message.versions[0].text or ""):
                    self._broken(4, f"a second card {_where(later)} without its line", command)
                else:
                    self.explained["stray second cards"] += 1

    def _true(self, command: Command) -> None:
        """Every card shows what the node has."""
        for invoice in command.invoices:
            cards = self._live_cards(command, invoice)
            wanted = _role_of(invoice)
            if wanted == "open" and not cards and not command.deleted_cards:
                self._broken(4, f"{_short(invoice)} is open, and no card shows it", command)
            for card in cards[-1:]:
                self._true_card(command, card, invoice, wanted)
            for stray in cards[:-1]:  # it was explained above: only a press brings it up to date
                if stray.pressed:
                    self._true_card(command, stray, invoice, wanted)
                elif stray.role != wanted and not (wanted == "closed" and stray.role in CARD[2:]):
                    self.explained["stray cards that are out of date"] += 1
            self._true_request(command, invoice, len(cards) > 1)
        for word in command.of_role("waiting"):
            if not self._is_live(word):
                continue
            if self._book.unsure(word.sent):
                self.explained["stray words"] += 1
            else:
                self._broken(4, f"a word {_where(word)} that nothing came of", command)

    def _true_card(self, command: Command, card: Shown, invoice: SimInvoice, wanted: str) -> None:
        shows = card.role
        if shows != wanted and not (wanted == "closed" and shows in ("expired", "cancelled")):
            what = (
                f"{_short(invoice)} is {invoice.state_name}, its card {_where(card)} says {shows}"
            )
            self._broken(4, what, command)
            return
        buttons = [
            button["text"]
            for row in (card.message.reply_markup or {}).get("inline_keyboard", [])
            for button in row
        ]
        renewed = invoice.payment_hash in command.renewals
        closed, may_be_open = [] if renewed else ["Renew"], [["Cancel"]]
        if isinstance(command, Part):  # only the newest of a seat can be renewed
            closed, may_be_open = buttons and ["Renew"], _under_part(command)
        right = buttons in {"open": may_be_open, "paid": [[]], "closed": [closed]}[wanted]
        if not right and renewed and card.sent.odd and not card.pressed:
            self.explained["offers of a renewal on cards without a number"] += 1
        elif not right and invoice.payment_hash not in command.unheard:
            self._broken(4, f"{_where(card)} says {shows} and has the buttons {buttons}", command)
        if wanted != "open" and request_in(card.message.text or ""):
            self._broken(4, f"{_where(card)} says {shows} and still has its request", command)

    def _true_request(self, command: Command, invoice: SimInvoice, strays: bool) -> None:
        """The payment request is in the chat as long as it can be paid."""
        standing = [
            shown
            for shown in command.shown
            if self._is_live(shown)
            and request_in(shown.message.text or "") == invoice.payment_request
        ]
        if invoice.state == OPEN and not standing and not command.deleted_cards:
            self._broken(4, f"{_short(invoice)} is open, its request nowhere", command)
        if invoice.state == OPEN or not standing:
            return
        for shown in standing:
            if shown.role == "payment request" and not self._book.unsure(shown.sent) and not strays:
                self._broken(4, f"a request {_where(shown)} that can't be paid", command)

    def _live_cards(self, command: Command, invoice: SimInvoice) -> list[Shown]:
        cards = [
            shown
            for shown in _in_order(command)
            if shown.role in CARD and shown.roles[0] != "payment request" and self._is_live(shown)
        ]
        if len(command.invoices) == 1:
            return cards
        return [card for card in cards if self._hash_of(command, card) == invoice.payment_hash]

    @staticmethod
    def _hash_of(command: Command, card: Shown) -> bytes:
        """Whose card it is; one paid before it was shown has neither request nor button."""
        known = card.payment_hash or hash_on(card.message)
        paid = [i.payment_hash for i in command.invoices if i.state == SETTLED]
        return paid[0] if not known and card.roles[0] == "paid" and paid else known

    def _is_live(self, shown: Shown) -> bool:
        """Whether it stands where the bot can reach it."""
        return self._outside.is_live(shown.message)

    def _right(self, command: Command) -> None:
        for invoice in command.invoices:
            if (invoice.value_msat, invoice.memo) != (command.amount_msat, command.memo):
                what = f"{_short(invoice)} has {invoice.value_msat} msat and {invoice.memo!r}"
                self._broken(5, what, command)
        for shown in command.shown:
            message = shown.message
            chat = self._outside.now(message.chat)
            if shown.roles[0] == "payment notice":
                if message.chat.person not in (*self._outside.owners, _requester(command)):
                    self._broken(5, f"an owner's notice to somebody else: {_where(shown)}", command)
                continue
            if shown.roles[0] == "announcement" and message.chat.type == "private":
                if message.chat.person not in (command.asker, *self._outside.owners):
                    self._broken(5, f"told to somebody else: {_where(shown)}", command)
            elif chat is not self._outside.now(command.chat):
                self._broken(5, f"{_where(shown)} stands in another chat", command)
            elif message.thread_id != command.thread and message.chat.is_forum:
                self._broken(5, f"{_where(shown)} stands in another topic", command)
            target = message.reply_to
            is_link = (target.text or "").startswith("/start ") if target is not None else False
            if target is not None and not is_link and not self._is_own(command, target):
                self._broken(5, f"{_where(shown)} replies to another message", command)
            for version in message.versions:
                self._right_version(command, shown, version.text or "")

    def _is_own(self, command: Command, target: Message) -> bool:
        """Whether a message is the command itself, its answer, or one of its card's."""
        said = self._outside.by_message.get(target)
        shown = self._outside.shown.get(target)
        if isinstance(command, Part) and self._is_answer(command, target, shown):
            return target.chat.person is command.asker
        return command in (said, shown.command if shown else None)

    def _is_answer(self, part: Part, target: Message, shown: Shown | None) -> bool:
        """Whether it is what somebody wrote as an amount, or the question itself.

        What replies to nothing answers the question that came last, of whatever collection.
        """
        if target.reply_to is None and any(target in bill.amounts for bill in self._outside.bills):
            return True
        return target in part.of.amounts or (shown is not None and shown in part.of.questions)

    def _right_version(self, command: Command, shown: Shown, text: str) -> None:
        role = role_of(text)
        request = request_in(text)
        if request:
            read = decode(request)
            if (read.amount_msat or 0) != command.amount_msat or (read.memo or "") != command.memo:
                self._broken(5, f"{_where(shown)} shows another request", command)
        if role in CARD and command.amount_msat:
            paid = [i.paid_msat for i in command.invoices if i.state == SETTLED]
            amounts = [command.amount_msat] if role != "paid" else paid
            if not any(f"{msat // 1000:,} sats" in text.partition("\n")[0] for msat in amounts):
                self._broken(5, f"{_where(shown)} says {text[:40]!r}", command)

    def _told(self, command: Command) -> None:
        paid = [invoice for invoice in command.invoices if invoice.state == SETTLED]
        told = [shown for shown in _in_order(command) if shown.roles[0] == "announcement"]
        if not paid:
            if told:
                self._broken(3, "told, and nobody paid", command)
            return
        if not told:
            if not self._owners_know(command):
                self._broken(3, f"{_short(paid[0])} is paid and not told", command)
            return
        if len(paid) > 1:
            self._broken(3, "more than one payment", command)
        sats = f"{paid[0].paid_msat // 1000:,} sats"
        for shown in told:
            if sats not in (shown.message.text or ""):
                self._broken(3, f"{_where(shown)} tells another amount", command)
        self._told_once(command, told)
        if not isinstance(command, Part):  # a notice need not say whose it is: see BoardTruths
            self._owners_told(command, told, paid[0])

    def _owners_know(self, command: Command) -> bool:
        """Whether nobody else could be told at some time, and each owner had heard of it by then:
        they are not told again. A notice of a part is in the book as one of its bill."""
        lost = {self._outside.now(chat) for chat in self._outside.were_lost}
        roles = ("payment notice", "announcement")
        shown_of = [*command.shown]
        if isinstance(command, Part):
            sats = f"{command.paid_sats:,} sats"
            shown_of += [each for each in command.of.shown if sats in (each.message.text or "")]
        readers = {shown.message.chat.person for shown in shown_of if shown.roles[0] in roles}
        return self._outside.now(command.chat) in lost and readers >= set(self._outside.owners)

    def _told_once(self, command: Command, told: list[Shown]) -> None:
        """Where nobody else can be told, each owner is."""
        owners = [each for each in self._outside.owners if each is not command.asker]
        readers = [shown.message.chat.person for shown in told]
        those = [reader if reader in owners else None for reader in readers]
        for owner in (None, *owners):
            theirs = [shown for shown, whose in zip(told, those, strict=True) if whose is owner]
            self._again(command, theirs, "payments told twice")

    def _owners_told(self, command: Command, told: list[Shown], paid: SimInvoice) -> None:
        notices = [shown for shown in _in_order(command) if shown.roles[0] == "payment notice"]
        for owner in self._outside.owners:
            theirs = [shown for shown in notices if shown.message.chat.person is owner]
            self._again(command, theirs, "owners notified twice")
            if not theirs and not any(shown.message.chat.person is owner for shown in told):
                what = f"{_short(paid)} is paid, and {owner.first_name} does not know"
                self._broken(3, what, command)
        for shown in notices:
            if f"{paid.paid_msat // 1000:,} sats" not in (shown.message.text or ""):
                self._broken(3, f"{_where(shown)} notifies of another amount", command)

    def _again(self, command: Command, messages: list[Shown], what: str) -> None:
        """None is sent again without a reason, and the line that says so."""
        for earlier, later in pairwise(messages):
            if not self._book.unsure(earlier.sent):
                self._broken(3, f"told again by {_where(later)} without a reason", command)
            elif not may_be_duplicate(later.message.text or ""):
                self._broken(3, f"told again by {_where(later)} without its line", command)
            else:
                self.explained[what] += 1

    def _in_time(self, command: Command) -> None:
        for invoice in command.invoices:
            if invoice.state != SETTLED or command.deleted_cards:
                continue
            paid_at = next(
                (
                    event.at
                    for event in self._book.events
                    if event.command is command and f"{_short(invoice)} settled" in event.what
                ),
                0.0,
            )
            shown_at = min(
                (
                    version.at
                    for shown in command.shown
                    for version in shown.message.versions
                    if role_of(version.text or "") == "paid"
                ),
                default=None,
            )
            calm_at = self._book.calm_after(paid_at, SHOWN_WITHIN_S)
            late_s = None if calm_at is None else (shown_at or time.time()) - calm_at
            if late_s is not None and late_s > SHOWN_WITHIN_S:
                if invoice.payment_hash in self._outside.odd_events:
                    self.explained["payments shown late, whose event was odd"] += 1
                    continue
                self._broken(2, f"{_short(invoice)} shown after {late_s:.1f} s", command)
            elif shown_at is None and calm_at is not None:
                self._broken(2, f"{_short(invoice)} is paid and not shown", command)

    def _pressed(self, command: Command) -> None:
        by_hash = {invoice.payment_hash: invoice for invoice in command.invoices}
        for payment_hash, wanted_at in command.cancels.items():
            invoice = by_hash[payment_hash]
            if payment_hash in command.unheard:
                self.explained["presses that a former bot never confirmed"] += 1
                continue
            if isinstance(command, Part) and self._came_back(command, wanted_at):
                continue
            if invoice.state == OPEN:
                self._broken(6, f"{_short(invoice)} is still open", command)
            in_time = wanted_at < invoice.expires_at - HEARD_WITHIN_S
            cards = self._live_cards(command, invoice)
            if in_time and invoice.state == CANCELED and cards and cards[-1].role == "expired":
                calm_at = self._book.calm_after(wanted_at, DONE_WITHIN_S)
                if calm_at is not None and calm_at + DONE_WITHIN_S <= invoice.expires_at:
                    self._broken(6, f"{_short(invoice)} was left to expire", command)
                else:
                    self.explained["presses with no calm moment before the end"] += 1
        for payment_hash in command.renewals.keys() - command.unheard:
            if by_hash[payment_hash].state == CANCELED and len(command.invoices) < 2:
                self._broken(6, f"{payment_hash[:4].hex()} was not renewed", command)
        canceled = [i for i in command.invoices if i.state == CANCELED]
        for invoice in canceled:
            if isinstance(command, Part) and _may_be_cancelled(command):
                continue
            failed = any(shown.role == "failed" for shown in command.shown)
            early = self._canceled_early(command, invoice)
            wanted = (
                invoice.payment_hash in command.cancels or invoice.payment_hash in command.tried
            )
            if early and not wanted and not failed:
                self._broken(6, f"{_short(invoice)} was cancelled, and nobody wanted it", command)

    @staticmethod
    def _came_back(part: Part, left_at: float) -> bool:
        """Whether its person took the seat again, perhaps before the node had cancelled it."""
        return part.of.pressed.get(part.asker, 0.0) > left_at

    def _canceled_early(self, command: Command, invoice: SimInvoice) -> bool:
        return any(
            event.command is command
            and f"node: {_short(invoice)} canceled" in event.what
            and event.at < invoice.expires_at
            for event in self._book.events
        )

    # all

    def _of_nobody(self) -> None:
        """Messages of the bot's that look like somebody's invoice and are nobody's."""
        for shown in self._outside.shown.values():
            if shown.command is None and shown.roles[0] in (
                *CARD,
                "board",
                "board end",
                "announcement",
                "payment notice",
                "payment request",
            ):
                self._broken(5, f"{_where(shown)} is of no command")
        said = [
            shown.message.text or ""
            for shown in self._outside.shown.values()
            if shown.message.chat.person in self._outside.owners
        ]
        for kind, text in ((kind, each) for each in said for kind in kinds_of(each)):
            if kind in self._book.owners_hear:
                self.explained[f"owners told: {kind}"] += 1
            elif kind is not None:
                self._broken(7, f"the owner hears: {text}")


def _in_order(command: Command) -> list[Shown]:
    """Its messages as they were sent: what was on its way as the bot died may arrive last."""
    return sorted(command.shown, key=lambda shown: shown.sent.called_at)


def _role_of(invoice: SimInvoice) -> str:
    return "open" if invoice.state == OPEN else "paid" if invoice.state == SETTLED else "closed"


def _short(invoice: SimInvoice) -> str:
    return invoice.payment_hash[:4].hex()


def _where(shown: Shown) -> str:
    return f"{shown.message.chat.id}/{shown.message.id}"


def _may_be_cancelled(part: Part) -> bool:
    """Whether it may have been wanted otherwise: its board closed, its seat for others, or left by
    the card of an earlier invoice, which was heard of once there was this one."""
    bill = part.of
    if bill.close_tried_at is not None or part.asker in {*bill.disturbed, *bill.left}:
        return True
    # whose seat it is may want to pay, or to leave
    wanted = [*bill.pressed.items(), *bill.left.items()]
    since = part.invoice.created_at
    is_wanted = any(who is not part.asker and at >= since for who, at in wanted)
    return part.part_kind == PartKind.OTHERS and is_wanted


def _under_part(part: Part) -> list[list[str]]:
    """What can be under the card of a part that can be paid."""
    if part.part_kind == PartKind.GIFT:
        return [["Cancel", texts.HIDE_BUTTON], ["Cancel", texts.SHOW_BUTTON]]
    if part.part_kind == PartKind.OTHERS:
        return [["Cancel"]]
    return [[texts.LEAVE_BUTTON, texts.OTHERS_BUTTON]]


def _requester(command: Command) -> User | None:
    """Who hears in private that a part is paid: whoever asked for the bill."""
    return command.asker if isinstance(command, Bill) else None


def _asked_for_again(command: Command, earlier: Shown, later: Shown) -> bool:
    """Whether their person followed a link to their part between the two."""
    if not isinstance(command, Part):
        return False
    links = command.of.followed.get(command.asker, [])
    return any(earlier.sent.called_at < at < later.sent.called_at for at in links)
