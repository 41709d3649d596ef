"""`python -m tests.bench.parts`: the figures of docs/scale.md, from a model of queues and a seed.

No bot runs, so the same figures come on every machine. The model has what decides how far the bot
goes: commands that come in bursts, Telegram's rate for one bot, chats of which a few are busy, how
long one process takes for an invoice, how long a commit takes, and a takeover. It leaves out the
rest, so its waits are lower bounds. What it says of one choice beside another is what counts.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.chat.turns import BURST, MESSAGES_PER_S
from bot.store.writer import GROUP

SEED = 15
#: How many times what chance decides is drawn, where that makes a difference.
DRAWS = 20
#: The part of invoices that is paid: their card is edited, and they are announced. Of the others
#: the card is edited once.
PAID = 0.7
MESSAGES_OF_PAID, MESSAGES_OF_OTHERS = 3, 2
#: Commands come together: so many at a time on average, within a second.
TOGETHER = 5.0
#: Seconds that pass until an invoice is paid, on average.
PAID_AFTER_S = 60.0
#: Chats, of which the n-th has 1/n of the first one's commands.
CHATS = 500
#: What one process makes in a second on two cores, the lower figure of the measured ones.
PROCESS_PER_S = 160.0
#: Transactions that an invoice takes part in: asked, added, sent, let go.
JOBS = 4
#: Seconds until the next process is active after a kill: the goal for a takeover.
GAP_S = 5.0

HOUR_S = 3600.0


def messages_per_command() -> float:
    """How many messages and edits a command causes, on average."""
    return PAID * MESSAGES_OF_PAID + (1 - PAID) * MESSAGES_OF_OTHERS


@dataclass(frozen=True)
class Message:
    """What Telegram is asked to show: at which second, for which chat, and whether it is a card."""

    at: float
    chat: int
    is_card: bool


def arrivals(
    chance: random.Random, per_s: float, together: float, last_s: float
) -> Iterator[float]:
    """Moments of commands, in bursts of a geometric size, `per_s` on average."""
    now = 0.0
    while True:
        now += chance.expovariate(per_s / together)
        if now > last_s:
            return
        yield now
        while chance.random() < 1 - 1 / together:
            yield now + chance.random()


def messages(per_s: float, *, last_s: float = HOUR_S, seed: int = SEED) -> list[Message]:
    """What the commands of `last_s` seconds cause, in the order of coming."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / n for n in range(1, CHATS + 1)))
    made = []
    for at in arrivals(chance, per_s, TOGETHER, last_s):
        (chat,) = chance.choices(range(CHATS), cum_weights=weights)
        made.append(Message(at, chat, is_card=True))
        is_paid = chance.random() < PAID
        later = at + (chance.expovariate(1 / PAID_AFTER_S) if is_paid else HOUR_S * chance.random())
        others = (MESSAGES_OF_PAID if is_paid else MESSAGES_OF_OTHERS) - 1
        made += [Message(later, chat, is_card=False)] * others
    return sorted(made, key=lambda message: message.at)


def waits(
    sent: Iterable[Message],
    *,
    per_s: float = MESSAGES_PER_S,
    burst: float = BURST,
    away: tuple[float, float] = (0.0, 0.0),
) -> list[tuple[Message, float]]:
    """How long each message waits for one queue with this rate, which stands still while `away`.

    A burst goes out at once, as `bot.chat.turns` does it. Each goes in the order of coming.
    """
    gone_at, back_at = away
    free, now, found = burst, 0.0, []
    for message in sent:
        moment = max(now, message.at)
        if gone_at <= moment < back_at:
            moment = back_at
        free = min(burst, free + (moment - now) * per_s)
        if free < 1:
            moment += (1 - free) / per_s
            free = 1.0
        free -= 1
        now = moment
        found.append((message, now - message.at))
    return found


def cards(waited: Iterable[tuple[Message, float]]) -> list[float]:
    """Of cards alone."""
    return [wait for message, wait in waited if message.is_card]


def quantile(values: Sequence[float], part: float) -> float:
    """The value that so large a part of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def parted(sent: Sequence[Message], parts: int, seed: int = SEED) -> list[list[Message]]:
    """The messages of each part of the chats; which chat is in which part is drawn."""
    chance = random.Random(seed)
    of = [chance.randrange(parts) for _ in range(CHATS)]
    made: list[list[Message]] = [[] for _ in range(parts)]
    for message in sent:
        made[of[message.chat]].append(message)
    return made


def one_after_the_other(moments: Sequence[float], each_s: float) -> list[float]:
    """How long each waits that takes so long, one at a time."""
    free_at, found = 0.0, []
    for at in moments:
        begins = max(at, free_at)
        found.append(begins - at)
        free_at = begins + each_s
    return found


def committed(moments: Sequence[float], commit_s: float) -> list[float]:
    """How long each job takes to be committed, in groups of what waits together."""
    found: list[float] = []
    free_at, next_one = 0.0, 0
    while next_one < len(moments):
        begins = max(free_at, moments[next_one])
        group = next_one
        while group < len(moments) and group - next_one < GROUP and moments[group] <= begins:
            group += 1
        free_at = begins + commit_s
        found += [free_at - at for at in moments[next_one:group]]
        next_one = group
    return found


# the tables of docs/scale.md, by their headings


def _s(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def one_token() -> Table:
    """How many commands a second one bot's token carries."""
    rows = []
    for per_s in (2, 5, 8, 10, 11, 12):
        waited = cards(waits(messages(per_s)))
        load = per_s * messages_per_command() / MESSAGES_PER_S
        rows.append(
            (str(per_s), _percent(load), _s(quantile(waited, 0.5)), _s(quantile(waited, 0.99)))
        )
    return ("commands a second", "of Telegram's rate", "half wait", "99 % wait at most"), rows


def split_over_processes() -> Table:
    """One token's rate in equal parts, one a process, each with its part of the chats."""
    rows = []
    for parts in (1, 2, 4, 8):
        share = MESSAGES_PER_S / parts
        loads, lates = [], []
        for seed in range(DRAWS):
            sent = messages(8, last_s=HOUR_S / 4, seed=seed)
            each = parted(sent, parts, seed)
            waited = [waits(part, per_s=share, burst=BURST / parts) for part in each]
            late = [wait for part in waited for wait in cards(part)]
            loads.append(max(map(len, each)) / len(sent) * parts)
            lates.append(quantile(late, 0.99))
        busiest = [quantile(loads, part) * 8 * messages_per_command() / 30 for part in (0.5, 1)]
        slow = sum(late > 1 for late in lates)
        rows.append((str(parts), *map(_percent, busiest), f"{slow} of {DRAWS}", _s(max(lates))))
    head = (
        *("processes", "load of the busiest", "in the worst draw"),
        *("draws in which 1 card of 100 waits over a second", "in the worst draw"),
    )
    return head, rows


def takeover() -> Table:
    """A kill of one active process, and the time until the next one is active.

    The rate is taken to be one for all of them: a part of it would make them slower.
    """
    at = 300.0
    rows = []
    for parts, gap_s in ((1, GAP_S), (1, GAP_S / 2), (2, GAP_S), (4, GAP_S), (8, GAP_S)):
        lates: list[float] = []
        over: list[float] = []
        kills = 0
        for seed in range(DRAWS):
            for victim in parted(messages(8, last_s=2 * at, seed=seed), parts, seed):
                hit = [each for each in waits(victim, away=(at, at + gap_s)) if each[1] > 1]
                lates += cards(hit)
                over += [message.at + wait - at for message, wait in hit]
                kills += 1
        a_kill = len(lates) / kills
        of_all = 10_000 * a_kill / (8 * HOUR_S)
        rows.append((str(parts), _s(gap_s), f"{a_kill:.0f}", _s(max(over)), f"{of_all:.1f}"))
    head = (
        *("processes", "until the next is active", "late cards", "over after, at the latest"),
        "late of 10,000 in an hour",
    )
    return head, rows


def many_bots() -> Table:
    """Many people's bots in one process, each with its own token and a command every 20 seconds."""
    rows = []
    for bots in (100, 500, 1000, 2000, 3000):
        chance = random.Random(SEED)
        per_s = bots / 20
        moments = sorted(arrivals(chance, per_s, TOGETHER, HOUR_S / 4))
        waited = one_after_the_other(moments, 1 / PROCESS_PER_S)
        rows.append(
            (
                f"{bots:,}",
                f"{per_s:.0f}",
                _percent(per_s / PROCESS_PER_S),
                _ms(quantile(waited, 0.5)),
                _ms(quantile(waited, 0.99)),
            )
        )
    return ("bots", "commands a second", "of one process", "half wait", "99 % wait at most"), rows


def commits() -> Table:
    """Group commit, for disks and databases of different speed, at 30 commands a second."""
    chance = random.Random(SEED)
    moments = sorted(
        at + job * 0.02 for at in arrivals(chance, 30, TOGETHER, HOUR_S / 12) for job in range(JOBS)
    )
    rows = []
    for commit_ms in (1, 5, 20, 50):
        took = committed(moments, commit_ms / 1000)
        most = GROUP / JOBS / (commit_ms / 1000)
        rows.append(
            (f"{commit_ms} ms", _ms(quantile(took, 0.5)), _ms(quantile(took, 0.99)), f"{most:,.0f}")
        )
    return (
        "one commit",
        "half of the jobs take",
        "99 % take at most",
        "invoices a second at most",
    ), rows


TABLES: dict[str, Callable[[], Table]] = {
    "One token": one_token,
    "One token over several processes": split_over_processes,
    "A takeover": takeover,
    "Many bots in one process": many_bots,
    "Commits": commits,
}


def markdown(table: Table) -> str:
    """As it is in docs/scale.md."""
    head, rows = table
    lines = [head, tuple("---" for _ in head), *rows]
    made = ["| " + " | ".join(line) + " |" for line in lines]
    made[1] = "|" + "|".join(lines[1]) + "|"
    return "\n".join(made) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all tables."""
    argparse.ArgumentParser(prog="python -m tests.bench.parts", description=__doc__).parse_args(
        arguments
    )
    for heading, table in TABLES.items():
        sys.stdout.write(f"### {heading}\n\n{markdown(table())}\n")


if __name__ == "__main__":
    main()
