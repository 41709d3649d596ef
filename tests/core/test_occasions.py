"""What owners are told of when: each occasion once, its end once, and nothing in a burst."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.config import NoticesSettings
from bot.core.notices import Kind, Notice
from bot.core.occasions import (
    HOUR_S,
    RULES,
    STALE_S,
    Occasion,
    Plan,
    Stage,
    Topic,
    begun,
    is_same,
    plan,
)
from tests.rows import NOW

ANNA, BERT = 7, 8
ENDS = {rule.end for rule in RULES.values() if rule.end}
#: A rejected card is over as it happens; an unsynced chain lasts.
REJECTED = Occasion(id=1, kind=Kind.CARD_REFUSED, subject="1", began_at=NOW, seen_at=NOW)
LASTING = Occasion(id=2, kind=Kind.NOT_SYNCED, began_at=NOW, seen_at=NOW)
TOLD = replace(LASTING, stage=Stage.LASTING, told_at=NOW)


def planned(
    *occasions: Occasion,
    readers: tuple[int, ...] = (ANNA, BERT),
    told: dict[Kind, float] | None = None,
    topics: tuple[Topic, ...] = tuple(Topic),
    now: float = NOW + 1,
) -> Plan:
    return plan(occasions, readers=readers, told=told or {}, topics=topics, now=now)


def telling(made: Plan) -> list[tuple[Kind, list[int]]]:
    return [(each.kind, [one.id for one in each.occasions]) for each in made.tellings]


def stages(made: Plan) -> list[tuple[int, Stage]]:
    return [(each.id, stage) for each, stage in made.stages]


def test_every_kind_begins_an_occasion_or_ends_one() -> None:
    assert set(RULES) | ENDS == set(Kind)
    assert not set(RULES) & ENDS


def test_each_topic_is_a_switch_which_is_on() -> None:
    assert NoticesSettings().model_dump() == dict.fromkeys(map(str, Topic), True)
    assert {rule.topic for rule in RULES.values()} == set(Topic) - {Topic.PAYMENTS}


# the beginning


@pytest.mark.parametrize("occasion", [REJECTED, LASTING])
def test_a_beginning_is_told_until_all_have_read_it(occasion: Occasion) -> None:
    assert telling(planned(occasion)) == [(occasion.kind, [occasion.id])]
    half = replace(occasion, people={ANNA: True, BERT: False}, told_at=NOW)
    (left,) = planned(half, told={half.kind: NOW}).tellings
    assert left.to(ANNA) is None
    assert left.to(BERT) == left
    read = replace(half, people={ANNA: True, BERT: True})
    after = [] if occasion is LASTING else [(read.id, Stage.CLOSED)]
    for made in (planned(read), planned(half, readers=(ANNA,))):  # who is gone is left out
        assert (made.tellings, stages(made)) == ((), after)


def test_what_lasts_and_was_told_is_not_told_again() -> None:
    assert planned(TOLD) == Plan()
    assert planned(replace(LASTING, people={ANNA: True, BERT: True}, told_at=NOW)) == Plan()


def test_who_can_be_reached_later_hears_of_what_still_lasts_once() -> None:
    read = replace(LASTING, people={ANNA: True}, told_at=NOW)
    assert planned(read, readers=(ANNA,)) == Plan()
    (telling_,) = planned(read, told={read.kind: NOW}).tellings
    assert (telling_.to(ANNA), telling_.to(BERT)) == (None, telling_)
    assert planned(replace(read, people={ANNA: True, BERT: True})) == Plan()
    assert stages(planned(replace(read, ended_at=NOW))) == [(2, Stage.LASTING)]
    rejected = replace(REJECTED, people={ANNA: True}, told_at=NOW)
    assert stages(planned(rejected, readers=(ANNA,))) == [(1, Stage.CLOSED)], "it does not last"


@pytest.mark.parametrize("people", [{ANNA: True}, {ANNA: True, BERT: False}])
def test_that_it_is_over_waits_for_nobody_who_has_yet_to_read_that_it_began(
    people: dict[int, bool],
) -> None:
    half = replace(LASTING, people=people, told_at=NOW, ended_at=NOW)
    assert stages(planned(half)) == [(2, Stage.LASTING)]


def test_what_may_go_on_in_a_moment_is_neither_told_nor_over() -> None:
    low = replace(LASTING, kind=Kind.INBOUND_LOW, people={ANNA: True}, told_at=NOW, ended_at=NOW)
    settles_s = RULES[Kind.INBOUND_LOW].settles_s
    assert planned(low) == Plan(next_at=NOW + settles_s)
    assert stages(planned(low, now=NOW + settles_s)) == [(2, Stage.LASTING)]


def test_those_of_a_kind_are_told_together_and_once_an_hour() -> None:
    others = [replace(REJECTED, id=number, subject=str(number)) for number in range(1, 41)]
    assert telling(planned(*others)) == [(Kind.CARD_REFUSED, list(range(1, 41)))]
    soon = planned(*others, told={Kind.CARD_REFUSED: NOW})
    assert soon == Plan(next_at=NOW + HOUR_S)
    later = planned(*others, told={Kind.CARD_REFUSED: NOW}, now=NOW + HOUR_S)
    assert telling(later) == [(Kind.CARD_REFUSED, list(range(1, 41)))]


def test_what_one_owner_has_yet_to_read_waits_for_no_hour() -> None:
    half = replace(REJECTED, people={ANNA: True}, told_at=NOW)
    fresh = replace(REJECTED, id=3)
    made = planned(half, fresh, told={Kind.CARD_REFUSED: NOW})
    assert telling(made) == [(Kind.CARD_REFUSED, [1])]


def test_a_clock_that_was_ahead_silences_no_kind() -> None:
    made = planned(REJECTED, told={Kind.CARD_REFUSED: NOW + 365 * 24 * HOUR_S})
    assert telling(made) == [(Kind.CARD_REFUSED, [1])]


def test_kinds_do_not_wait_for_each_other() -> None:
    made = planned(REJECTED, LASTING, told={Kind.CARD_REFUSED: NOW})
    assert telling(made) == [(Kind.NOT_SYNCED, [2])]


def test_what_is_over_before_it_could_be_told_is_not_told() -> None:
    assert stages(planned(replace(LASTING, ended_at=NOW))) == [(2, Stage.CLOSED)]


def test_what_may_have_been_read_of_is_told_and_so_is_its_end() -> None:
    maybe = replace(LASTING, ended_at=NOW, people={ANNA: False})
    assert telling(planned(maybe)) == [(Kind.NOT_SYNCED, [2])]


def test_nobody_hears_of_what_nobody_could_be_told_for_a_day() -> None:
    late = NOW + STALE_S + 1
    assert telling(planned(REJECTED, readers=(), now=late - 2)) == [(Kind.CARD_REFUSED, [1])]
    assert stages(planned(REJECTED, readers=(), now=late)) == [(1, Stage.CLOSED)]
    assert telling(planned(LASTING, readers=(), now=late)) == [(Kind.NOT_SYNCED, [2])]
    half = replace(REJECTED, people={ANNA: True, BERT: False})
    assert stages(planned(half, now=late)) == [(1, Stage.CLOSED)]


# the end


def test_an_end_is_told_until_all_have_read_it() -> None:
    ended = replace(TOLD, ended_at=NOW)
    assert telling(planned(ended)) == [(Kind.SYNCED_AGAIN, [2])]
    half = replace(ended, people={ANNA: True})
    (left,) = planned(half).tellings
    assert (left.to(ANNA), left.to(BERT)) == (None, left)
    assert stages(planned(replace(ended, people={ANNA: True, BERT: True}))) == [(2, Stage.CLOSED)]
    assert stages(planned(ended, now=NOW + STALE_S + 1)) == [(2, Stage.CLOSED)]


def test_an_end_without_a_notice_is_told_to_nobody() -> None:
    ended = replace(TOLD, kind=Kind.OTHER_NODE, ended_at=NOW)
    assert stages(planned(ended)) == [(2, Stage.CLOSED)]


def test_an_end_has_to_stay_so_where_it_goes_to_and_fro() -> None:
    ended = replace(TOLD, kind=Kind.INBOUND_LOW, ended_at=NOW)
    settles_s = RULES[Kind.INBOUND_LOW].settles_s
    assert planned(ended) == Plan(next_at=NOW + settles_s)
    assert telling(planned(ended, now=NOW + settles_s)) == [(Kind.INBOUND_ENOUGH, [2])]


def test_two_kinds_with_one_end_are_told_in_one_notice() -> None:
    ended = [
        replace(TOLD, id=number, kind=kind, ended_at=NOW)
        for number, kind in enumerate((Kind.ADD_NOT_PERMITTED, Kind.MACAROON_REFUSED), 1)
    ]
    assert telling(planned(*ended)) == [(Kind.CAN_MAKE_INVOICES, [1, 2])]


# switches


@pytest.mark.parametrize(
    ("occasion", "after"),
    [
        (REJECTED, Stage.CLOSED),
        (LASTING, Stage.LASTING),
        (replace(TOLD, ended_at=NOW), Stage.CLOSED),
    ],
)
def test_what_is_switched_off_is_told_to_nobody(occasion: Occasion, after: Stage) -> None:
    others = tuple(topic for topic in Topic if topic is not occasion.rule.topic)
    made = planned(occasion, topics=others)
    assert (made.tellings, stages(made)) == ((), [(occasion.id, after)])


# what is the same


def test_what_lasts_is_the_same_until_somebody_may_know_of_its_end() -> None:
    assert is_same(LASTING, NOW)
    assert is_same(replace(LASTING, ended_at=NOW, people={ANNA: True}), NOW)
    assert is_same(TOLD, NOW + 365 * 24 * HOUR_S)
    assert is_same(replace(TOLD, ended_at=NOW), NOW)
    assert not is_same(replace(TOLD, ended_at=NOW, people={ANNA: False}), NOW)
    assert not is_same(replace(TOLD, stage=Stage.CLOSED), NOW)


@pytest.mark.parametrize(
    ("kind", "later_s", "so"),
    [
        (Kind.STUCK, 1e9, True),
        (Kind.CARD_REFUSED, 1e9, True),
        (Kind.OTHER_COPY, HOUR_S - 1, True),
        (Kind.OTHER_COPY, HOUR_S, False),
        (Kind.OTHER_COPY, -HOUR_S, False),
        (Kind.OTHER_BOT, 0, False),
    ],
)
def test_what_is_seen_again_is_the_same_for_its_time(kind: Kind, later_s: float, so: bool) -> None:
    seen = Occasion(kind=kind, seen_at=NOW, stage=Stage.CLOSED)
    assert is_same(seen, NOW + later_s) is so


def test_an_occasion_begins_when_its_notice_says() -> None:
    assert begun(Notice(Kind.NODE_AWAY), NOW).began_at == NOW
    assert begun(Notice(Kind.NODE_AWAY, began_at=NOW - 300), NOW).began_at == NOW - 300
