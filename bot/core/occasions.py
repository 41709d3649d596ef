"""What the owners should know, as occasions that begin and end, and what is to be told of them now.

Knows how often owners hear of what; no chat, no prose, no clock. An occasion says three things
apart: that it began, whether it is over, and who heard of it. `plan` compares the three.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.notices import Kind, Notice
from bot.core.work import Do

HOUR_S = 3600.0
DAY_S = 86_400.0
#: Seconds after which nobody hears of what nobody could be told, where it does not last.
STALE_S = DAY_S


class Topic(StrEnum):
    """What an owner can switch off: the keys of `[notices]`."""

    PAYMENTS = "payments"
    NODE = "node"
    PERMISSIONS = "permissions"
    CERTIFICATE = "certificate"
    INBOUND = "inbound"
    CHAIN = "chain"
    OTHER_NODE = "other_node"
    OTHER_BOT = "other_bot"
    OTHER_COPY = "other_copy"
    WEBHOOK = "webhook"
    REJECTED = "rejected"
    STUCK = "stuck"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Rule:
    """How owners hear of one kind. Times in seconds.

    `every_s`: between two beginnings that are told; what begins meanwhile is told together.
    `again_s`: the same subject within so long is the same occasion.
    `lasts`: it has an end, and what is over before it could be told is not told.
    `end`: what is told at the end; None: nothing. `settles_s`: for so long it has to stay over.
    """

    topic: Topic
    every_s: float = HOUR_S
    again_s: float = math.inf
    lasts: bool = False
    end: Kind | None = None
    settles_s: float = 0.0


def _lasting(
    topic: Topic, end: Kind | None = None, *, every_s: float = HOUR_S, settles_s: float = 0.0
) -> Rule:
    return Rule(topic, every_s, lasts=True, end=end, settles_s=settles_s)


#: Of each kind that begins an occasion.
RULES: Mapping[Kind, Rule] = {
    Kind.STUCK: Rule(Topic.STUCK),
    Kind.BOARD_STUCK: Rule(Topic.STUCK),
    Kind.CARD_REFUSED: Rule(Topic.REJECTED),
    Kind.CARD_UNTRUE: Rule(Topic.REJECTED),
    Kind.BOARD_REFUSED: Rule(Topic.REJECTED),
    Kind.BOARD_UNTRUE: Rule(Topic.REJECTED, again_s=DAY_S),
    Kind.BOARD_UNTOLD: Rule(Topic.REJECTED, again_s=DAY_S),
    Kind.ADD_NOT_PERMITTED: _lasting(Topic.PERMISSIONS, Kind.CAN_MAKE_INVOICES),
    Kind.MACAROON_REFUSED: _lasting(Topic.PERMISSIONS, Kind.CAN_MAKE_INVOICES),
    Kind.CANCEL_NOT_PERMITTED: _lasting(Topic.PERMISSIONS, Kind.CAN_CANCEL),
    Kind.DATABASE_AWAY: _lasting(Topic.DATABASE, Kind.DATABASE_BACK),
    Kind.OTHER_BOT: Rule(Topic.OTHER_BOT, every_s=0.0, again_s=0.0),
    Kind.OTHER_COPY: Rule(Topic.OTHER_COPY, again_s=HOUR_S),
    Kind.OTHER_NODE: _lasting(Topic.OTHER_NODE),
    Kind.INBOUND_TOO_LITTLE: Rule(Topic.INBOUND),
    # what is paid in and out goes to and fro around a limit
    Kind.INBOUND_LOW: _lasting(
        Topic.INBOUND, Kind.INBOUND_ENOUGH, every_s=DAY_S, settles_s=HOUR_S / 6
    ),
    Kind.NODE_AWAY: _lasting(Topic.NODE, Kind.NODE_BACK, every_s=HOUR_S / 2),
    Kind.NOT_SYNCED: _lasting(Topic.CHAIN, Kind.SYNCED_AGAIN),
    Kind.WEBHOOK_REFUSED: _lasting(Topic.WEBHOOK, Kind.WEBHOOK_WORKS),
    Kind.WEBHOOK_FAILS: _lasting(Topic.WEBHOOK, Kind.WEBHOOK_WORKS),
    Kind.CERTIFICATE_EXPIRES: _lasting(Topic.CERTIFICATE, every_s=0.0),
    Kind.MACAROON_EXPIRES: _lasting(Topic.CERTIFICATE, every_s=0.0),
}


class Stage(StrEnum):
    """What is still to be told of an occasion."""

    BEGINNING = "beginning"  # that it began: to whoever has not read it, as long as it lasts
    LASTING = "lasting"  # that it is over, once it is
    CLOSED = "closed"  # nothing


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """One thing that the owners should know; a row, and the one list of its columns.

    Times are Unix seconds. `people`: who may have read what the stage has to tell (False), and who
    surely has (True). `told_at`: when the first of them surely read that it began; 0: nobody yet.
    The rest is what its notice says.
    """

    id: int = 0
    kind: Kind = Kind.STUCK
    subject: str = ""
    stage: Stage = Stage.BEGINNING
    began_at: float = 0.0
    seen_at: float = 0.0
    ended_at: float = 0.0
    told_at: float = 0.0
    people: Mapping[int, bool] = field(default_factory=dict)
    count: int = 1
    row_id: int = 0
    invoice_id: int = 0
    why: str = ""
    step: Do | None = None
    receivable_msat: int = 0
    limit_msat: int = 0
    expires_at: float = 0.0
    setting: str = ""

    @property
    def rule(self) -> Rule:
        """How owners hear of its kind."""
        return RULES[self.kind]

    @property
    def lasts(self) -> bool:
        """Whether it has an end, which has not come."""
        return self.rule.lasts and not self.ended_at

    @property
    def is_ending(self) -> bool:
        """Whether it is over, and all that is left to tell is that."""
        is_known = self.stage is Stage.LASTING or any(self.people.values())
        return bool(self.rule.lasts and self.ended_at and is_known)

    def is_told(self, readers: Collection[int]) -> bool:
        """Whether all of these surely read what the stage has to tell."""
        return bool(readers) and all(self.people.get(each) for each in readers)


def begun(notice: Notice, now: float) -> Occasion:
    """The occasion that begins with this notice."""
    return Occasion(
        kind=notice.kind,
        subject=notice.about,
        began_at=notice.began_at or now,
        seen_at=now,
        count=max(notice.count, 1),
        row_id=notice.row_id,
        invoice_id=notice.invoice.id if notice.invoice else 0,
        why=notice.why,
        step=notice.step,
        receivable_msat=notice.receivable_msat,
        limit_msat=notice.limit_msat,
        expires_at=notice.expires_at,
        setting=notice.setting,
    )


def is_same(occasion: Occasion, now: float) -> bool:
    """Whether what is seen now, of the same kind and subject, is this occasion.

    One that is over goes on as long as nobody may have read that it is over.
    """
    if occasion.rule.lasts:
        its_end_may_be_known = bool(
            occasion.stage is Stage.LASTING and occasion.ended_at and occasion.people
        )
        return occasion.stage is not Stage.CLOSED and not its_end_may_be_known
    # one that was seen in the future was seen before the clock was set back
    return 0 <= now - occasion.seen_at < occasion.rule.again_s or occasion.rule.again_s == math.inf


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of some occasions of a kind, in one notice; the newest is the last."""

    kind: Kind
    occasions: tuple[Occasion, ...]

    def to(self, person: int) -> Telling | None:
        """The same of what this person has yet to read; None where that is nothing."""
        left = tuple(each for each in self.occasions if not each.people.get(person))
        return Telling(self.kind, left) if left else None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be told now, which stages are over, and when to plan again (Unix seconds)."""

    tellings: tuple[Telling, ...] = ()
    stages: tuple[tuple[Occasion, Stage], ...] = ()
    next_at: float | None = None


def plan(
    occasions: Iterable[Occasion],
    *,
    readers: Collection[int],
    told: Mapping[Kind, float],
    topics: Collection[Topic],
    now: float,
) -> Plan:
    """What to tell of these occasions, those that are closed left out.

    `readers`: owners who can be reached; `told`: when a beginning of each kind was told last;
    `topics`: what is switched on.
    """
    tellings: list[Telling] = []
    stages: list[tuple[Occasion, Stage]] = []
    moments: list[float] = []
    by_kind: dict[Kind, list[Occasion]] = {}
    for each in occasions:
        following = _next_stage(each, readers, topics, now)
        if following is not each.stage:
            stages.append((each, following))
        else:
            by_kind.setdefault(each.kind, []).append(each)
    for kind, found in by_kind.items():
        beginning = [
            each
            for each in found
            if each.stage is Stage.BEGINNING and not each.is_ending and not each.is_told(readers)
        ]
        # that some of the owners have read it puts it off for nobody else
        _tell(tellings, kind, [each for each in beginning if each.people])
        fresh = [each for each in beginning if not each.people]
        at = told.get(kind, -math.inf) + RULES[kind].every_s
        if fresh and now < at and told[kind] <= now:
            moments.append(at)
        else:
            _tell(tellings, kind, fresh)
        over = [each for each in found if each.is_ending]
        settled = [each for each in over if _is_settled(each, now)]
        moments += [each.ended_at + each.rule.settles_s for each in over if each not in settled]
        if (end := RULES[kind].end) is not None:
            _tell(tellings, end, [each for each in settled if each.stage is Stage.LASTING])
    return Plan(tuple(tellings), tuple(stages), min(moments, default=None))


def _tell(tellings: list[Telling], kind: Kind, occasions: Sequence[Occasion]) -> None:
    """Those of one kind in one notice, of several kinds that end as one as well."""
    if not occasions:
        return
    for number, each in enumerate(tellings):
        if each.kind is kind and each.occasions[0].kind is not occasions[0].kind:
            tellings[number] = Telling(kind, (*each.occasions, *occasions))
            return
    tellings.append(Telling(kind, tuple(occasions)))


def _is_settled(occasion: Occasion, now: float) -> bool:
    """Whether it has been over for long enough; one that ended in the future has."""
    return not 0 <= now - occasion.ended_at < occasion.rule.settles_s


def _next_stage(
    occasion: Occasion, readers: Collection[int], topics: Collection[Topic], now: float
) -> Stage:
    """The stage that it is in now; the same, where it still has something to tell."""
    rule, is_off = occasion.rule, occasion.rule.topic not in topics
    if occasion.stage is Stage.BEGINNING:
        is_missed = rule.lasts and occasion.ended_at and not occasion.people
        is_stale = not occasion.lasts and now - max(occasion.began_at, occasion.ended_at) > STALE_S
        if is_missed or (is_stale and not any(occasion.people.values())):
            return Stage.CLOSED
        if is_off or is_stale:
            return Stage.LASTING if rule.lasts else Stage.CLOSED
        if rule.lasts:
            # As long as it lasts, owners who can be reached only now hear of it as well. That it is
            # over waits for none of them, and for nobody who may have read that it began.
            is_over = occasion.is_ending and _is_settled(occasion, now)
            return Stage.LASTING if is_over else Stage.BEGINNING
        return Stage.CLOSED if occasion.is_told(readers) else Stage.BEGINNING
    if occasion.stage is Stage.LASTING and occasion.ended_at:
        is_stale = now - occasion.ended_at > STALE_S
        if rule.end is None or is_off or is_stale or occasion.is_told(readers):
            return Stage.CLOSED
    return occasion.stage
