"""The numbers as Prometheus reads them. Knows its names, its labels and its text.

No label's value comes from outside: there are no names, ids or amounts. Each kind that there can be
is there from the start, with 0, so that its first increase is one.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from bot import __version__, errors
from bot.health.readings import Part, Readings
from bot.metrics import Count, Durations

#: What each counter's label can say. Anything else is `OTHER`.
OTHER = "other"
COMMANDS = ("invoice", "split", "collection", "renewal", "part")
QUEUES = ("turns", "hands", "store", "inbox")

#: Errors of the node that are ordinary answers, and those that no call ends with.
_NOT_COUNTED = (
    *(errors.HashExists, errors.InvoiceUnknown, errors.AlreadySettled),
    *(errors.NodeNotAsked, errors.AskedTooLongAgo, errors.ClockBehind),
)


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


NODE_ERRORS = tuple(
    sorted(each.__name__ for each in _below(errors.NodeError) if each not in _NOT_COUNTED)
)
#: Another copy that polls, and a token that is rejected, are no answers to a message.
TELEGRAM_ERRORS = (
    *sorted(each.__name__ for each in _below(errors.ChatError)),
    *("Conflict", "InvalidToken"),
)


class Exposition:
    """Of one process; a registry of its own."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, readings: Readings) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Ours(readings))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All numbers, as they are now."""
        return generate_latest(self._registry)


class _Ours(Collector):
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._meter = readings.meter

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._work()
        yield from self._trouble()
        yield from self._state()

    def _work(self) -> Iterator[Metric]:
        meter = self._meter
        yield _total("updates", "Updates of Telegram's that could be read", meter.updates)
        yield _kinds("commands", "Rows that people asked for", meter.commands, COMMANDS)
        yield _total("cards", "Cards of open invoices, recorded as shown", meter.cards)
        yield _total("payments", "Payments that were announced", meter.payments)
        yield _histogram(
            "command_to_card_seconds",
            "From a command's row to its card, recorded as shown",
            meter.command_to_card,
        )
        yield _total("commits", "Transactions, each of one job or more", meter.commits)
        queues = GaugeMetricFamily(
            "invoice_bot_queue_length", "How many wait, or are in hand", labels=["queue"]
        )
        lengths = dict(self._readings.queues)
        for queue in QUEUES:
            queues.add_metric([queue], lengths[queue]() if queue in lengths else 0)
        yield queues

    def _trouble(self) -> Iterator[Metric]:
        meter = self._meter
        yield _kinds("node_errors", "Calls to the node that failed", meter.node_errors, NODE_ERRORS)
        yield _kinds(
            "telegram_errors",
            "Calls to Telegram that failed",
            meter.telegram_errors,
            TELEGRAM_ERRORS,
        )
        yield _total(
            "commit_errors", "Transactions that the database did not take", meter.failed_commits
        )

    def _state(self) -> Iterator[Metric]:
        readings, missing = self._readings, self._readings.missing()
        yield _gauge(
            "node_gate_open", "Whether this process can ask the node", readings.can_ask_node
        )
        yield _gauge("active", "Whether this process is the active one", readings.is_active)
        yield _gauge("term", "Its term of office; 0 where it is in none", readings.term)
        yield _gauge("ready", "Whether /readyz says so", not missing)
        parts = GaugeMetricFamily(
            "invoice_bot_missing", "What /readyz names as missing", labels=["part"]
        )
        for part in Part:
            parts.add_metric([part], part in missing)
        yield parts
        info = GaugeMetricFamily(
            "invoice_bot_build_info", "What runs", labels=["version", "python"]
        )
        info.add_metric([__version__, platform.python_version()], 1)
        yield info


def _total(name: str, text: str, count: Count) -> Metric:
    return CounterMetricFamily(f"invoice_bot_{name}", f"{text}.", value=sum(count.kinds().values()))


def _kinds(name: str, text: str, count: Count, known: Iterable[str]) -> Metric:
    family = CounterMetricFamily(f"invoice_bot_{name}", f"{text}.", labels=["kind"])
    for kind, number in _known(count.kinds(), known).items():
        family.add_metric([kind], number)
    return family


def _known(counted: Mapping[str, int], known: Iterable[str]) -> dict[str, int]:
    """What was counted, by the kinds that are known, and the rest in one."""
    numbers = dict.fromkeys((*known, OTHER), 0)
    for kind, number in counted.items():
        numbers[kind if kind in numbers else OTHER] += number
    return numbers


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"invoice_bot_{name}", f"{text}.", value=float(value))


def _histogram(name: str, text: str, durations: Durations) -> Metric:
    buckets, below = [], 0
    bounds = (*map(str, durations.bounds_s), "+Inf")
    for bound, count in zip(bounds, durations.counts(), strict=True):
        below += count
        buckets.append((bound, below))
    return HistogramMetricFamily(
        f"invoice_bot_{name}", f"{text}.", buckets=buckets, sum_value=durations.sum_s
    )
