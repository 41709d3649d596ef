"""What can go wrong, by name: what each fault does, and what came of it. Knows the stage.

Each has one sentence before and one after. What happened is read off the calls that the simulators
met; no sentence says more than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from bot.demo.errors import Refused
from bot.demo.node import Identity, Lose, NodeCall
from bot.demo.stage import Stage
from bot.demo.telegram import Call, Chat, Fault, Json, User
from bot.texts.phrases import count

SLOW_S = 2.0
RETRY_AFTER_S = 5
OTHER_ALIAS = "Somebody else's node"
#: Of the card that the bot does not know.
ORPHAN = (
    "Once the second card is paid, the first may still ask for money. It can't be paid twice: "
    "press Cancel on it, and it says PAID as well."
)

_POLLS = "getUpdates"


@dataclass
class Named:
    """One fault. `way_back`: what ends it, "" where it passes by itself or never does.

    `goes_on` asks what it was done to whether it still goes on. `since`: when it began last, None
    before it ever did.
    """

    name: str
    title: str
    before: str
    begin: Callable[[], Awaitable[None]]
    after: Callable[[float], str]
    goes_on: Callable[[], bool]
    way_back: str = ""
    end: Callable[[], Awaitable[None]] | None = None
    since: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether it goes on. Nobody keeps that: other faults, and people, change it as well."""
        return self.since is not None and self.goes_on()


class Faults:
    """All of them, by name. Made for one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._telegram = stage.telegram
        self._node = stage.node
        self._set: dict[str, Fault] = {}
        self._losing: Lose | None = None
        self._restarted_at = 0.0
        self._was: tuple[Identity, int] | None = None  # with the root key of the bot's macaroon
        self._moved: Chat | None = None
        self._switching = asyncio.Lock()
        made = (*self._of_telegram(), *self._of_node(), *self._of_people())
        self._named = {fault.name: fault for fault in made}

    @property
    def any_on(self) -> bool:
        """Whether one goes on."""
        return any(fault.is_on for fault in self._named.values())

    def shown(self) -> list[Json]:
        """All of them, as they are now."""
        return [
            {
                "name": fault.name,
                "title": fault.title,
                "before": fault.before,
                "after": "" if fault.since is None else fault.after(fault.since),
                "on": fault.is_on,
                "back": fault.way_back,
                "once": fault.name == "supergroup" and self._moved is not None,
            }
            for fault in self._named.values()
        ]

    async def switch(self, name: str, *, on: bool) -> None:
        """Begin the fault of that name, or end it. Raises Refused."""
        fault = self._named.get(name)
        if fault is None:
            raise Refused("There is no such fault.")
        async with self._switching:
            if on and not fault.is_on:
                at = self._stage.clock()
                await fault.begin()
                fault.since = at
            elif not on and fault.is_on and fault.end is not None:
                await fault.end()

    # --- Telegram's

    def _of_telegram(self) -> Iterable[Named]:
        yield Named(
            "slow",
            "Telegram is slow",
            f"Each call takes {SLOW_S:g} seconds. Cards come late, and none is lost.",
            lambda: self._arm("slow", self._telegram.slow(None, SLOW_S)),
            self._after_slow,
            lambda: self._is_armed("slow"),
            "Fast again",
            lambda: self._disarm("slow"),
        )
        yield Named(
            "too-many",
            "Too many requests",
            f"Telegram refuses the next card for {RETRY_AFTER_S} seconds. The bot waits, and only "
            "that chat waits with it.",
            lambda: self._arm(
                "too-many", self._telegram.fail("sendPhoto", retry_after=RETRY_AFTER_S)
            ),
            self._after_too_many,
            lambda: self._is_armed("too-many"),
            "Never mind",
            lambda: self._disarm("too-many"),
        )
        yield Named(
            "lost-card",
            "An answer of Telegram’s is lost",
            "Telegram posts the next card, but the bot never hears of it. It sends the card again, "
            "which says that it may be a duplicate.",
            lambda: self._arm("lost-card", self._telegram.drop("sendPhoto", acted=True)),
            self._after_lost_card,
            lambda: self._is_armed("lost-card"),
            "Never mind",
            lambda: self._disarm("lost-card"),
        )

    async def _arm(self, name: str, fault: Fault) -> None:
        self._set[name] = fault

    async def _disarm(self, name: str) -> None:
        self._telegram.withdraw(self._set[name])

    def _is_armed(self, name: str) -> bool:
        return self._telegram.is_set(self._set[name])

    def _while_on(self, name: str, words: str) -> str:
        """What is said while nothing has come of it; once it was taken back, nothing will."""
        return words if self._named[name].is_on else ""

    def _calls(self, since: float) -> list[Call]:
        """The bot's calls from then on, without those for updates."""
        return [call for call in self._telegram.calls if call.at >= since and call.method != _POLLS]

    def _after_slow(self, since: float) -> str:
        done = [call for call in self._calls(since) if call.ended_at is not None]
        slow = [call for call in done if (call.ended_at or 0) - call.at >= SLOW_S]
        if not slow:
            return self._while_on("slow", "No call yet.")
        answered = "It was answered" if len(slow) == 1 else "Each was answered"
        return f"{count(len(slow), 'call')} took {SLOW_S:g} seconds. {answered}."

    def _after_too_many(self, since: float) -> str:
        refused = next((call for call in self._calls(since) if call.status == 429), None)
        if refused is None:
            return self._while_on("too-many", "No card yet: ask for one.")
        again = self._next(refused)
        if again is None:
            return "Telegram refused a card. The bot waits."
        return f"Telegram refused a card. The bot sent it {again.at - refused.at:.1f} s later."

    def _after_lost_card(self, since: float) -> str:
        lost = next((call for call in self._calls(since) if call.is_lost and call.has_acted), None)
        if lost is None:
            return self._while_on("lost-card", "No card yet: ask for one.")
        again = self._next(lost)
        if again is None:
            return "The card is there, and the bot does not know."
        said = f"The bot sent the card again {again.at - lost.at:.1f} s later, and says so on it."
        return f"{said} {ORPHAN}"

    def _next(self, before: Call) -> Call | None:
        """The next call like it in that chat that was answered well."""
        for call in self._calls(before.at):
            is_like = (call.method, call.chat_id) == (before.method, before.chat_id)
            if is_like and call is not before and call.status == 200:
                return call
        return None

    # --- the node's

    def _of_node(self) -> Iterable[Named]:
        yield Named(
            "lost-invoice",
            "An answer of the node’s is lost",
            "The node adds the next invoice, but its answer is lost. The bot asks again, and finds "
            "that invoice: there is one, not two.",
            self._lose_invoice,
            self._after_lost_invoice,
            lambda: self._losing is not None and self._node.is_set("AddInvoice", self._losing),
        )
        yield Named(
            "certificate",
            "The node’s certificate is renewed",
            "The node makes a new certificate and restarts. The bot reads the new file by itself.",
            self._renew,
            self._after_renewal,
            lambda: self._first_answer() is None,
        )
        yield Named(
            "macaroon",
            "The bot’s macaroon is revoked",
            "The node rejects every call of the bot’s. New commands wait for a minute, and after "
            "half a minute Ada reads why in private.",
            self._revoke,
            self._after_revocation,
            lambda: self._stage.root_key_id not in self._node.bakery.root_keys,
            "Bake a new one",
            self._bake,
        )
        yield Named(
            "other-node",
            "Another node answers",
            "Another node takes the place of this one, and makes the new invoices. Those of the "
            "first one wait until it is back, and Ada is told.",
            self._replace,
            self._after_replacement,
            lambda: self._was is not None,
            "The first one again",
            self._bring_back,
        )

    async def _lose_invoice(self) -> None:
        self._losing = self._node.lose_answer("AddInvoice")

    def _lost_adds(self, since: float) -> list[NodeCall]:
        calls = self._node_calls(since)
        return [call for call in calls if (call.method, call.outcome) == ("AddInvoice", "lost")]

    def _node_calls(self, since: float) -> list[NodeCall]:
        return [call for call in self._node.log if call.at >= since]

    def _after_lost_invoice(self, since: float) -> str:
        lost = self._lost_adds(since)
        if not lost:
            return "No invoice yet: ask for one."
        key = lost[0].payment_hash
        calls = [call for call in self._node_calls(since) if call.payment_hash == key]
        has_found = any(call.outcome == "answered" for call in calls)
        there = sum(each == key for each in self._node.invoices)
        found = "The bot has found it" if has_found else "The bot looks for it"
        return f"The node has {count(there, 'invoice')} for that command. {found}."

    async def _renew(self) -> None:
        async with self._stage.node_stopped():
            self._node.renew_certificate()
            self._restarted_at = self._stage.clock()

    def _first_answer(self) -> NodeCall | None:
        """What the node answered the bot first since it was restarted."""
        calls = self._node_calls(self._restarted_at)
        return next((call for call in calls if call.outcome == "answered"), None)

    def _after_renewal(self, since: float) -> str:
        first = self._first_answer()
        if first is None:
            return "The bot has not asked the node since."
        return f"The bot was connected again {first.at - since:.1f} s later."

    async def _revoke(self) -> None:
        self._node.revoke(self._stage.root_key_id)
        self._node.end_streams()

    async def _bake(self) -> None:
        self._stage.bake()

    def _after_revocation(self, since: float) -> str:
        refused = [call for call in self._node_calls(since) if "root key" in call.why]
        if not refused:
            return self._while_on("macaroon", "No call yet.")
        said = f"The node rejected {count(len(refused), 'call')}."
        if self._named["macaroon"].is_on:
            return said
        return f"{said} It accepts the macaroon that the bot has now."

    async def _replace(self) -> None:
        async with self._stage.node_stopped():
            root_key_id = self._stage.root_key_id
            self._was = self._node.become_other_node(OTHER_ALIAS), root_key_id
            self._stage.bake()

    async def _bring_back(self) -> None:
        if self._was is None:
            return
        async with self._stage.node_stopped():
            was, self._stage.root_key_id = self._was
            self._node.become_again(was)
            self._was = None

    def _after_replacement(self, since: float) -> str:
        if not self._named["other-node"].is_on:
            return f"{self._node.alias} is back, with all its invoices."
        made = len(self._node.invoices)
        return f"{self._node.alias} answers, and has made {count(made, 'invoice')}."

    # --- people's

    def _of_people(self) -> Iterable[Named]:
        ben = self._stage.telegram.users()[1]
        yield Named(
            "blocked",
            f"{ben.first_name} blocks the bot",
            f"Nothing private reaches {ben.first_name}; groups go on as before. To see it, ask for "
            f"an invoice in {ben.first_name}’s private chat first, and pay it afterwards: its card "
            "says so once he unblocks the bot.",
            lambda: self._block(ben),
            lambda since: self._after_block(ben, since),
            lambda: self._telegram.private_chat(ben).blocked,
            "Unblock it",
            lambda: self._unblock(ben),
        )
        yield Named(
            "supergroup",
            "The group becomes a supergroup",
            "Friday dinner gets a new id, and its messages can be edited no more. What is "
            "unfinished is shown again.",
            self._migrate,
            self._after_move,
            lambda: False,
        )

    async def _block(self, person: User) -> None:
        self._telegram.block(person)

    async def _unblock(self, person: User) -> None:
        self._telegram.unblock(person)

    def _after_block(self, person: User, since: float) -> str:
        calls = [call for call in self._calls(since) if call.chat_id == person.id]
        refused = sum(call.status == 403 for call in calls)
        sent = sum(call.status == 200 for call in calls)
        is_on, name = self._named["blocked"].is_on, person.first_name
        said = f"Telegram refused {count(refused, 'call')}. " if refused else ""
        if is_on:
            return said.strip() or f"The bot has sent {name} nothing since."
        later = f" Since then it sent or edited {count(sent, 'message')}." if sent else ""
        return f"{said}{name} has unblocked the bot.{later}"

    async def _migrate(self) -> None:
        if self._moved is not None:
            raise Refused("It is a supergroup already, and stays one.")
        self._moved = self._telegram.migrate(self._stage.dinner)
        self._stage.dinner = self._moved

    def _after_move(self, since: float) -> str:
        if self._moved is None:
            return ""
        calls = [call for call in self._calls(since) if call.chat_id == self._moved.id]
        sent = sum(call.status == 200 and call.method.startswith("send") for call in calls)
        return f"The bot knows the new id, and has sent {count(sent, 'message')} there."
