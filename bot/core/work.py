"""When a row is due, in which lane, and what was put off. The only maker of these columns.

`due_at`, `lane`, `tried`, `attempts`, `faults`, `retry_at`, `failing`, `put_off` and `refused` are
written nowhere else: each function here is one purpose, and returns the columns that it sets. A
board above many rows shares them. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, TypedDict, Unpack

#: The longest pause between two tries, in seconds.
MAX_PAUSE_S = 60.0
#: Refusals of one step in a row after which Telegram is believed, and the first pause between, in
#: seconds.
MAX_REFUSALS, SLIP_S = 3, 1.0
#: The first pause, in seconds; each further one is twice as long.
FIRST_PAUSE_S = 0.2
#: Tries that end in a fault of ours, or change nothing, before a row is stuck.
MAX_FAULTS = 10
#: Copies at most of a message that Telegram takes without telling its number.
MAX_COPIES = 3
#: More seconds than any clock is wrong by.
LONG_S = 1e9


class Key(NamedTuple):
    """What is worked on: one row of a table."""

    table: str
    id: int


class Do(StrEnum):
    """The kinds of step."""

    ADD = "add"  # at the node, and fill the row from its answer
    CANCEL = "cancel"  # at the node, whose answer decides
    FAIL = "fail"  # patience is over
    DROP = "drop"  # the question is too old
    REARRANGE = "rearrange"  # a board: what follows from its parts
    LAPSE = "lapse"  # it has expired, and the node cannot be asked whether it was paid
    SEND_WAITING_NOTICE = "send waiting notice"
    SEND_CARD = "send card"
    EDIT_CARD = "edit card"
    SEND_PAYMENT_REQUEST = "send payment request"
    EDIT_PAYMENT_REQUEST = "edit payment request"
    EDIT_DUPLICATE = "edit duplicate"
    ANNOUNCE = "announce"
    REMOVE_BEFORE = "remove message before"  # of a board that was moved down
    REMIND = "remind"  # those who have not paid their part
    NOTIFY_OWNERS = "notify owners"  # of a payment, in private
    WAIT = "wait"
    NOTHING = "nothing"


#: Steps that put a new message into a chat: Telegram has no idempotency key for these.
SENDS = frozenset(
    {Do.SEND_WAITING_NOTICE, Do.SEND_CARD, Do.SEND_PAYMENT_REQUEST, Do.ANNOUNCE, Do.REMIND}
)
#: Steps whose messages go to people, each with a marker of their own.
TO_PEOPLE = frozenset({Do.NOTIFY_OWNERS})
#: Steps that make a message show what is.
EDITS = frozenset({Do.EDIT_CARD, Do.EDIT_PAYMENT_REQUEST, Do.EDIT_DUPLICATE})
#: Steps that ask the node.
AT_NODE = frozenset({Do.ADD, Do.CANCEL})
#: Steps of the database alone.
BY_ITSELF = frozenset({Do.FAIL, Do.DROP, Do.LAPSE, Do.REARRANGE})
#: No step: the row is let go.
RESTS = frozenset({Do.WAIT, Do.NOTHING})


class Lane(IntEnum):
    """The queue that a row is due in, and how urgent its messages are: the lower goes first."""

    PAYMENT = 0
    CANCELLATION = 1
    COMMAND = 2  # somebody waits for an answer
    BACKGROUND = 3  # nobody waits: expiry, what becomes of open cards, replies
    AWAITS_NODE = 4  # of the same, what only the node is waited for
    BOARDS = 5  # edits of boards: behind all cards
    OTHER_NODE = 8  # nothing is due but its expiry
    UNREACHABLE = 9  # nothing is due until somebody takes the row out


#: How urgent a message can be, the most urgent first.
URGENCIES = (Lane.PAYMENT, Lane.CANCELLATION, Lane.COMMAND, Lane.BACKGROUND)
#: The lanes that are read for due rows, the most urgent first.
READ_LANES = (*URGENCIES, Lane.AWAITS_NODE, Lane.BOARDS, Lane.OTHER_NODE)


@dataclass(frozen=True, kw_only=True)
class Work:
    """When something is next due, and what was put off."""

    due_at: float | None = None
    lane: Lane = Lane.COMMAND
    tried: Do | None = None  # the step that `attempts` and `retry_at` speak of
    attempts: int = 0
    faults: int = 0
    retry_at: float = 0.0

    def attempts_at(self, do: Do) -> int:
        """How often this step was tried since another one was taken. Of a board, whose steps take
        each other's place, `attempts` counts, and `faults`."""
        return self.attempts if self.tried is do else 0

    def faults_at(self, do: Do) -> int:
        """How many of these ended in a fault of ours, one after the other."""
        return self.faults if self.tried is do else 0


@dataclass(frozen=True, kw_only=True)
class SharedWork(Work):
    """The same of what takes one step in the place of another: their pauses are one."""

    failing: frozenset[Do] = frozenset()  # what was tried in vain and has not gone well since
    put_off: frozenset[Do] = frozenset()  # what of it has had its try of this pause
    refused: Mapping[Do, int] = field(default_factory=dict)  # how often, since the step went well

    def refusals_of(self, do: Do) -> int:
        """How many of the tries of this step Telegram refused. Others may have failed between."""
        return self.refused.get(do, 0)


class WorkColumns(TypedDict, total=False):
    """Columns of `Work` by name."""

    due_at: float | None
    lane: Lane
    tried: Do | None
    attempts: int
    faults: int
    retry_at: float


class SharedWorkColumns(WorkColumns, total=False):
    """Columns of `SharedWork` by name."""

    failing: frozenset[Do]
    put_off: frozenset[Do]
    refused: Mapping[Do, int]


def due_now(now: float) -> float:
    """The `due_at` of what is due now: in the order of coming, and long ago, so that no clock
    that is set in the meantime, or is another one after a restart, puts it off."""
    return now - LONG_S


# somebody wants something


def new(now: float) -> WorkColumns:
    """A command has just been written down."""
    return {"due_at": due_now(now), "lane": Lane.COMMAND}


def wanted(now: float, lane: Lane) -> WorkColumns:
    """Somebody wants something of the row: it gets another chance where it was stuck."""
    return {"due_at": due_now(now), "lane": lane, "faults": 0, "retry_at": 0.0}


def touched(now: float) -> WorkColumns:
    """A message of the row was seen that might be out of date: it is inspected."""
    return {"due_at": due_now(now)}


def part_changed() -> WorkColumns:
    """Something became of a part of a board, or is wanted of a seat: the board is due, wherever it
    rests, and whatever clock there is."""
    return {"due_at": 0.0, "lane": Lane.BOARDS, "faults": 0}


def done() -> WorkColumns:
    """Nothing more is wanted."""
    return {"due_at": None}


# the node's word


def settled(now: float) -> WorkColumns:
    """It is paid."""
    return wanted(now, Lane.PAYMENT)


def closed(now: float) -> WorkColumns:
    """The node closed it, or has forgotten it."""
    return {"due_at": due_now(now), "lane": Lane.BACKGROUND, "tried": None}


def set_aside(until: float | None) -> WorkColumns:
    """It is another node's. `until`: its expiry may have to be shown then."""
    return {"due_at": until, "lane": Lane.OTHER_NODE}


def set_aside_as_due() -> WorkColumns:
    """The same of many rows: each is due when it was."""
    return {"lane": Lane.OTHER_NODE}


def node_is_back(now: float) -> WorkColumns:
    """Its node is connected again."""
    return {"due_at": due_now(now), "lane": Lane.BACKGROUND}


# what waited may go on


def retry_now(now: float) -> WorkColumns:
    """The pause is over at once: the node is back, or it was one by a clock that was ahead."""
    return {"due_at": due_now(now), "retry_at": 0.0}


def unstuck(now: float) -> WorkColumns:
    """Another chance at the start of a process."""
    return {"due_at": due_now(now), "faults": 0, "attempts": 0}


def reachable(now: float) -> WorkColumns:
    """The chat was heard of again."""
    return {"due_at": due_now(now), "lane": Lane.COMMAND, "retry_at": 0.0}


def moved(now: float) -> WorkColumns:
    """The group has a new id, and nothing is shown there yet."""
    return {"due_at": due_now(now), "lane": Lane.COMMAND}


def unreachable() -> WorkColumns:
    """Nothing reaches the chat until it is heard of."""
    return {"due_at": None, "lane": Lane.UNREACHABLE}


def rests(until: float | None, lane: Lane) -> WorkColumns:
    """The row is let go; None: until something happens."""
    return {"due_at": until, "lane": lane}


def rests_behind(row: Work, until: float) -> WorkColumns:
    """The same until an owner's chat is free, or a card is drawn once more: as of what is put off,
    `retry_at` says so, by which an index finds it once the clock was set."""
    columns = rests(until, Lane.BACKGROUND)
    return columns if row.tried is not None else {**columns, "retry_at": until}


# what came of a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The step is due again: after a pause that grows to `longest_s`. Seconds."""

    longest_s: float = MAX_PAUSE_S
    first_s: float = FIRST_PAUSE_S
    at_least_s: float = 0.0
    is_fault: bool = False  # of ours: after `MAX_FAULTS` in a row the row is stuck
    is_first: bool = False  # of its kind: what was tried before does not count
    is_refusal: bool = False  # after `MAX_REFUSALS` Telegram is believed


def after_step(row: Work, do: Do, again: Again | None, *, now: float, jitter: float) -> WorkColumns:
    """A step was taken, or is due again; `jitter` is a factor around 1."""
    if again is None:
        is_fresh = row.tried is None and not row.faults and not row.retry_at
        return {} if is_fresh else _untried()
    attempts = 1 if again.is_first else row.attempts_at(do) + 1
    grown_s = min(again.longest_s, again.first_s * 2 ** min(attempts - 1, 16)) * jitter
    retry_at = now + min(max(again.at_least_s, grown_s), MAX_PAUSE_S)
    columns: WorkColumns = {"tried": do, "attempts": attempts, "retry_at": retry_at}
    if again.is_fault:
        columns["faults"] = row.faults_at(do) + 1
    return columns


def _untried() -> WorkColumns:
    return {"tried": None, "attempts": 0, "faults": 0, "retry_at": 0.0}


def after_any_step(
    row: SharedWork, do: Do, again: Again | None, *, now: float, jitter: float
) -> SharedWorkColumns:
    """The same of what takes a step in the place of one that is put off.

    That one stays so, whatever comes of the other, and the pauses of both are one: what was tried
    of either counts, and no try of the one makes the pause shorter that the other began. Its
    refusals are a step's own.
    """
    if again is None:
        return _done(row, do, now=now, jitter=jitter)
    is_running = is_put_off(row, now)
    tried = shared(row, do) if row.failing else row
    columns = _shared(
        **after_step(tried, do, again, now=now, jitter=jitter),
        put_off=(row.put_off if is_running else frozenset[Do]()) | {do},
        failing=row.failing | {do},
    )
    if is_running:
        columns["retry_at"] = max(columns["retry_at"], row.retry_at)
    if again.is_refusal:
        columns["refused"] = {**row.refused, do: row.refusals_of(do) + 1}
    return columns


def _done(row: SharedWork, do: Do, *, now: float, jitter: float) -> SharedWorkColumns:
    """It went well, or is given up: the pauses of others that fail go on."""
    columns: SharedWorkColumns = {}
    if row.failing <= {do}:
        columns = _shared(**after_step(row, do, None, now=now, jitter=jitter))
    if do in row.failing:
        columns |= {"put_off": row.put_off - {do}, "failing": row.failing - {do}}
    if do in row.refused:
        columns["refused"] = {each: n for each, n in row.refused.items() if each is not do}
    return columns


def shared(row: Work, do: Do) -> Work:
    """As if all that was tried had been this step: one takes the other's place."""
    return Work(tried=do, attempts=row.attempts, faults=row.faults)


def nothing_put_off(row: SharedWork) -> SharedWorkColumns:
    """What was tried in vain is no longer wanted."""
    if is_stuck(row):
        return {}
    columns: SharedWorkColumns = {}
    if row.failing:
        columns = _shared(**_untried(), put_off=frozenset(), failing=frozenset())
    if row.refused:
        columns["refused"] = {}
    return columns


def _shared(**columns: Unpack[SharedWorkColumns]) -> SharedWorkColumns:
    return columns


def is_put_off(row: Work, now: float) -> bool:
    """Whether what was tried has to wait.

    A `retry_at` that is further off than any pause means that the clock was set back.
    """
    return row.tried is not None and now < row.retry_at <= latest_retry(now)


def latest_at_once(now: float) -> float:
    """What was due before then, by `due_at`, was wanted at once."""
    return now - LONG_S / 2


def latest_retry(now: float) -> float:
    """When the longest pause ends that can begin now."""
    return now + MAX_PAUSE_S


def is_stuck(row: Work) -> bool:
    """Whether the row is left alone until the next start, or until somebody wants something."""
    return row.faults >= MAX_FAULTS
