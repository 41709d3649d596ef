"""What a storm will try, drawn from its seed alone: the same seed is the same plan."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

#: Seconds of storm for each kill: a start of the bot, and a life after it.
KILL_EVERY_S = 5.0
#: Commands a second at most.
COMMANDS_PER_S = 5.0

NODE_METHODS = ("AddInvoice", "LookupInvoice", "CancelInvoice", "SubscribeInvoices", "GetInfo")

MEMOS = (
    "pizza",
    "beer & <b>wine</b>",
    "two\nlines &amp; more",
    "🍕 für alle ✅ Paid: 1 sat",
    "</blockquote><code>x",
    "long " * 100,
)

FATES = (
    *["pay"] * 5,
    *["pay more"] * 2,
    *["pay in parts"] * 2,
    *["pay while the bot is dead"] * 3,
    *["pay at the last second"] * 3,
    *["cancel"] * 2,
    *["cancel twice"] * 2,
    *["cancel by a reply"] * 2,
    *["cancel by a reply to the command", "cancel by an owner", "cancel by an admin"],
    *["cancel by the wrong person"] * 2,
    *["cancel while it is paid"] * 2,
    *["renew"] * 4,
    *["leave"] * 4,
    "delete the card and pay",
)
#: What becomes of a bill that is split, and what each of its people does with their part.
ENDINGS = (
    *["everybody pays"] * 4,
    *["cancelled while others pay"] * 3,
    *["cancelled by an owner while others pay", "cancelled by an admin while others pay"],
    *["cancelled while the node is in trouble"] * 2,
    *["cancelled by the wrong person"] * 2,
    *["left"] * 2,
    *["managed"] * 3,
    *["managed by an owner", "managed by an admin", "closed by its button while others pay"],
    *["deleted", "deleted and asked for again", "nobody is asked"],
)
PAYING = (
    *["pay"] * 4,
    *["pay more", "pay in parts", "pay while the bot is dead", "pay at the last second"],
    *["press twice and pay", "leave, press again and pay", "renew and pay"],
    *["pay for somebody else", "pay and then for somebody else"],
)
WAYS = (
    *PAYING,
    *["leave"] * 2,
    *["leave while it is paid"] * 2,
    *["leave while the node is in trouble"] * 2,
    *["leave while the split is cancelled", "stay", "press only", "pass the link on"],
    "pay for somebody else while the split is cancelled",
)
#: What becomes of a collection, and how each of its people gives.
POT_ENDINGS = (
    *["goes on"] * 3,
    *["closed by a reply while others give"] * 2,
    *["closed by its button while others give", "managed"],
)
GIVING = (
    *["give by a button"] * 2,
    *["give what is suggested", "let the wallet decide"],
    *["write a number", "write a number as a reply", "write nonsense and then a number"],
    *["give while the bot is dead", "give at the last second", "give twice"],
    *["hide the name"] * 2,
    *["hide the name and show it", "hide the name at the card"],
    *["cancel the question", "cancel the question by a command"],
    *["cancel the card while it is paid", "renew and give"],
    *["choose while it is closed", "press only"],
)
#: What becomes of somebody who is not let in: in private, then in a group.
VISITS = (
    *["let in by the button"] * 2,
    *["refused", "nobody answers", "let in by a command", "let in by a command after they asked"],
    *["let in and removed", "let in, removed and let in", "two owners answer at once"],
    *["a friend lets them in", "the group is let in by the button"],
    *["the group is let in by a command", "the group is let in and removed"],
    *["a person is let in in a group", "a group is refused", "let in by a reply"],
    "asks in private and adds the bot to a group",
)
#: Commands for each of them; the owners are told of twenty a day, and some ask in two places.
COMMANDS_A_VISIT, MOST_VISITS = 10, len(VISITS)
GOALS_SATS, SUGGESTED_SATS = (0, 20_000, 40_000, 2_000_000), (0, 7_000, 21_000)
#: Commands for each bill, and for each collection.
COMMANDS_A_BILL = 8
COMMANDS_A_POT = 14
#: Seats more than people where somebody pays for others: there is a part to pay.
FOR_OTHERS = 2
#: Of bills, so many ask who is in.
JOINING = 0.3
KINDS = (*["invoice"] * 28, *["any"] * 4, *["question"] * 4, "question that is ended", "bad", "bad")
KILLS = (
    *["random"] * 5,
    *["AddInvoice before", "AddInvoice after", "LookupInvoice before", "LookupInvoice after"],
    *["CancelInvoice before", "CancelInvoice after", "SubscribeInvoices before"],
    *["settled", "settled", "settled"],
    *["sendphoto before", "sendphoto before", "sendphoto after", "sendphoto after"],
    *["sendmessage before", "sendmessage after", "notice before", "notice after"],
    *["editmessagemedia before", "editmessagemedia after", "editmessagecaption before"],
    *["editmessagetext before", "answercallbackquery before"],
    *["confirm before", "confirm before", "getupdates after"],
)
NODE_TROUBLES = (
    *["kill", "kill", "stop", "lock", "away", "slow", "slow", "lose", "lose", "lose"],
    *["hang", "fail", "break", "end streams", "late", "tell again"],
)
TELEGRAM_TROUBLES = (
    *["429", "429", "500", "502", "drop before", "drop after", "drop after", "slow chat"],
    *["slow chat", "slow", "away", "polls fail", "polls conflict"],
)
#: Sends that act and whose answer is lost: the bot has to repeat them, and to say so.
LOST_SENDS = (*["sendPhoto"] * 3, "sendMessage")
#: What a node answers that is no answer; see `tests.storm.odd`.
ODD_AT_NODE = (
    *["undecodable", "another hash", "another amount", "the ends of the ranges", "empty"],
    *["the last index", "20 MB", "silence after headers"],
)
ODD_AT_TELEGRAM = (
    *["ok without a number", "ok without a number", "half an answer", "half an answer"],
    *["a page", "a page", "an answer that is too large"],
)
TOKENS = ("after a clean end", "after a kill")
FILES = ("file away", "file away and a kill", "journal away", "journal away and a kill")
LOGS = ("nobody reads it",)
#: Of a database server's and the way there; see `tests.storm.server`.
SERVERS = (
    *["crash", "kill", "cut", "silence", "refuse"],
    *["commit without an answer", "commit that is lost"],
)
#: Of several processes: the one that acts stands still for a while, one that waits dies.
REPLICAS = ("stop", "kill of one that waits")
CHAT_TROUBLES = ("block", "block", "block", "remove", "remove", "migrate")


@dataclass(frozen=True, slots=True)
class PlannedCommand:
    """Somebody will ask, `at_s` after the storm began; `dice` decides the rest."""

    at_s: float
    kind: str
    fate: str
    dice: random.Random


@dataclass(frozen=True, slots=True)
class PlannedBill:
    """Somebody will split a bill, `at_s` after the storm began; `ways` are its people's."""

    at_s: float
    seats: int
    ending: str
    ways: tuple[str, ...]
    dice: random.Random
    joins: bool


@dataclass(frozen=True, slots=True)
class PlannedPot:
    """Somebody will collect, `at_s` after the storm began; a goal of 0 is none."""

    at_s: float
    goal_sats: int
    suggested_sats: int
    ending: str
    ways: tuple[str, ...]
    dice: random.Random


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """Somebody who is not let in will ask, `at_s` after the storm began."""

    at_s: float
    what: str
    dice: random.Random


@dataclass(frozen=True, slots=True)
class PlannedKill:
    """The bot will die at a point, and come back `down_s` after."""

    after_s: float
    point: str
    delay_s: float
    dropped: bool
    down_s: float


@dataclass(frozen=True, slots=True)
class PlannedTrouble:
    """Something fails for `for_s`, `after_s` after the one before."""

    after_s: float
    what: str
    for_s: float
    dice: random.Random


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole storm. Times in seconds."""

    seed: int
    lasts_s: float
    expiry_s: int
    commands: list[PlannedCommand]
    bills: list[PlannedBill]
    pots: list[PlannedPot]
    visits: list[PlannedVisit]
    kills: list[PlannedKill]
    node: list[PlannedTrouble]
    telegram: list[PlannedTrouble]
    chats: list[PlannedTrouble]
    lost: list[PlannedTrouble]
    odd_at_node: list[PlannedTrouble]
    odd_at_telegram: list[PlannedTrouble]
    tokens: list[PlannedTrouble]
    files: list[PlannedTrouble]
    logs: list[PlannedTrouble]
    servers: list[PlannedTrouble]
    replicas: list[PlannedTrouble]


def draw(seed: int, *, kills: int, commands: int, expiry_s: int = 30, lasts_s: float = 0.0) -> Plan:
    """The plan of this seed; `lasts_s` is what kills and commands need, unless given."""
    dice = random.Random(seed)
    lasts_s = lasts_s or max(kills * KILL_EVERY_S, commands / COMMANDS_PER_S, 5.0)
    planned = sorted(dice.uniform(0, lasts_s) for _ in range(commands))
    return Plan(
        seed=seed,
        lasts_s=lasts_s,
        expiry_s=expiry_s,
        commands=[
            PlannedCommand(at_s, dice.choice(KINDS), dice.choice(FATES), _own(dice))
            for at_s in planned
        ],
        bills=_bills(random.Random(f"bills of {seed}"), commands, lasts_s),
        pots=_pots(random.Random(f"collections of {seed}"), commands, lasts_s),
        visits=_visits(random.Random(f"visits of {seed}"), commands, lasts_s),
        kills=[
            PlannedKill(
                after_s=dice.choice([0.1, 0.5, 1.0, 2.0]) * dice.uniform(0.5, 1.5),
                point=dice.choice(KILLS),
                delay_s=dice.choice([0, 0, 0.002, 0.005, 0.01, 0.03]),
                dropped=dice.random() < 0.3,
                down_s=dice.choice([0, 0, 0, dice.uniform(0.5, 4)]),
            )
            for _ in range(kills)
        ],
        node=_troubles(dice, NODE_TROUBLES, lasts_s, pause_s=4, for_s=4),
        telegram=_troubles(dice, TELEGRAM_TROUBLES, lasts_s, pause_s=3, for_s=3),
        chats=_troubles(dice, CHAT_TROUBLES, lasts_s, pause_s=5, for_s=4),
        lost=_troubles(dice, LOST_SENDS, lasts_s, pause_s=1, for_s=2),
        odd_at_node=_troubles(dice, ODD_AT_NODE, lasts_s, pause_s=3, for_s=3),
        odd_at_telegram=_troubles(dice, ODD_AT_TELEGRAM, lasts_s, pause_s=3, for_s=2),
        tokens=_troubles(dice, TOKENS, lasts_s, pause_s=min(60, lasts_s / 2), for_s=0),
        files=_troubles(dice, FILES, lasts_s, pause_s=min(10, lasts_s / 3), for_s=2),
        logs=_troubles(dice, LOGS, lasts_s, pause_s=min(12, lasts_s / 3), for_s=6),
        servers=_troubles(
            random.Random(f"servers of {seed}"),
            SERVERS,
            lasts_s,
            pause_s=min(8, lasts_s / 3),
            for_s=3,
        ),
        replicas=_troubles(
            random.Random(f"replicas of {seed}"),
            REPLICAS,
            lasts_s,
            pause_s=min(12, lasts_s / 3),
            for_s=5,
        ),
    )


def _bills(dice: random.Random, commands: int, lasts_s: float) -> list[PlannedBill]:
    """A few, some with more people than seats."""
    count = max(2, commands // COMMANDS_A_BILL)
    planned: list[PlannedBill] = []
    endings, ways, paying = (_in_turn(dice, kinds) for kinds in (ENDINGS, WAYS, PAYING))
    for at_s in sorted(dice.uniform(0, 0.8 * lasts_s) for _ in range(count)):
        seats, ending = dice.choice([2, 2, 3, 3, 4, 5]), next(endings)
        people = seats + dice.choice([0, 0, 1])
        chosen = tuple(itertools.islice(paying if ending == "everybody pays" else ways, people))
        if any("somebody else" in way for way in chosen):
            seats += FOR_OTHERS
        joins = ending == "nobody is asked" or dice.random() < JOINING
        planned.append(PlannedBill(at_s, seats, ending, chosen, _own(dice), joins))
    return planned


def _pots(dice: random.Random, commands: int, lasts_s: float) -> list[PlannedPot]:
    """A few, each with some people who give."""
    planned: list[PlannedPot] = []
    endings, ways = _in_turn(dice, POT_ENDINGS), _in_turn(dice, GIVING)
    for at_s in sorted(dice.uniform(0, 0.8 * lasts_s) for _ in range(commands // COMMANDS_A_POT)):
        goal, suggested = dice.choice(GOALS_SATS), dice.choice(SUGGESTED_SATS)
        chosen = tuple(itertools.islice(ways, dice.randint(2, 5)))
        planned.append(
            PlannedPot(
                at_s, goal, 0 if 0 < goal < suggested else suggested, next(endings), chosen,
                _own(dice),
            )
        )  # fmt: skip
    return planned


def _visits(dice: random.Random, commands: int, lasts_s: float) -> list[PlannedVisit]:
    """Each kind once at most: owners are told of twenty people a day."""
    whats = _in_turn(dice, VISITS)
    count = min(MOST_VISITS, max(2, commands // COMMANDS_A_VISIT))
    at = sorted(dice.uniform(0, 0.7 * lasts_s) for _ in range(count))
    return [PlannedVisit(at_s, next(whats), _own(dice)) for at_s in at]


def _in_turn(dice: random.Random, kinds: tuple[str, ...]) -> Iterator[str]:
    """Each of `kinds` before any for a second time, in any order."""
    while True:
        yield from dice.sample(kinds, len(kinds))


def _own(dice: random.Random) -> random.Random:
    return random.Random(dice.random())


def _troubles(
    dice: random.Random, kinds: tuple[str, ...], lasts_s: float, *, pause_s: float, for_s: float
) -> list[PlannedTrouble]:
    """One after the other. Each of `kinds` has its turn before any has its second."""
    planned: list[PlannedTrouble] = []
    at_s = 0.0
    turn: list[str] = []
    while True:
        turn = turn or dice.sample(kinds, len(kinds))
        trouble = PlannedTrouble(
            after_s=dice.uniform(0.3, 1.7) * pause_s,
            what=turn.pop(),
            for_s=dice.uniform(0.1, 1.9) * for_s,
            dice=_own(dice),
        )
        at_s += trouble.after_s + trouble.for_s
        if at_s > lasts_s:
            return planned
        planned.append(trouble)
