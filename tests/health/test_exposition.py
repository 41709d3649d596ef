"""What Prometheus reads: every number there is, and nothing of anybody."""

from __future__ import annotations

import re

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot import errors
from bot.health import Readings
from bot.health.exposition import NODE_ERRORS, OTHER, QUEUES, TELEGRAM_ERRORS, Exposition
from bot.metrics import BOUNDS_S, Count, Durations, Meter, Seen

#: Every label of ours, and what it can say.
ALLOWED = {
    ("invoice_bot_build_info", "version"): r"\d+\.\d+\.\d+(\.dev\d+)?",
    ("invoice_bot_build_info", "python"): r"3\.\d+\.\d+\S*",
    ("invoice_bot_commands", "kind"): "invoice|split|collection|renewal|part|other",
    ("invoice_bot_node_errors", "kind"): "|".join((*NODE_ERRORS, OTHER)),
    ("invoice_bot_telegram_errors", "kind"): "|".join((*TELEGRAM_ERRORS, OTHER)),
    ("invoice_bot_queue_length", "queue"): "turns|hands|store|inbox",
    ("invoice_bot_missing", "part"): "loop|term|database|telegram",
    ("invoice_bot_command_to_card_seconds", "le"): r"[\d.]+|\+Inf",
}


def families(meter: Meter, **queues: int) -> dict[str, Metric]:
    readings = Readings(meter=meter)
    readings.queues = {name: lambda count=count: count for name, count in queues.items()}
    text = Exposition(readings).text().decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family: Metric, **labels: str) -> float:
    (found,) = [sample.value for sample in family.samples if sample.labels == labels]
    return found


def walked(meter: Meter) -> set[tuple[str, str]]:
    """Each label of ours, none of which says anything that is not allowed."""
    met = set()
    for family in families(meter).values():
        for sample in family.samples:
            for label, said in sample.labels.items():
                assert re.fullmatch(ALLOWED[family.name, label], said)
                met.add((family.name, label))
    return met


def test_no_label_says_anything_but_a_word_of_ours() -> None:
    meter = Meter()
    for count in vars(meter).values():
        if isinstance(count, Count):
            count.add("Anna Berg")
            count.add("2100")
    assert walked(meter) == set(ALLOWED)


def test_what_nobody_knows_is_counted_all_the_same() -> None:
    meter = Meter()
    meter.commands.add("invoice")
    meter.commands.add("Anna Berg")
    meter.commands.add("Bert")
    counted = families(meter)["invoice_bot_commands"]
    assert (value(counted, kind="invoice"), value(counted, kind=OTHER)) == (1, 2)


def test_each_kind_of_error_is_there_before_it_is_met() -> None:
    """Prometheus sees no increase where a series begins with 1."""
    made = families(Meter())
    assert value(made["invoice_bot_node_errors"], kind="NodeTimeout") == 0
    assert value(made["invoice_bot_node_errors"], kind="NodeUnreachable") == 0
    assert value(made["invoice_bot_telegram_errors"], kind="ChatBusy") == 0
    assert value(made["invoice_bot_telegram_errors"], kind="Conflict") == 0


def test_an_ordinary_answer_of_the_node_is_no_error() -> None:
    assert not {"HashExists", "InvoiceUnknown", "AlreadySettled"} & set(NODE_ERRORS)
    assert errors.NodeOdd.__name__ in NODE_ERRORS


def test_buckets_add_up() -> None:
    meter = Meter()
    for seconds in (0.0, 0.01, 0.02, 7.0, 1000.0):
        meter.command_to_card.add(seconds)
    made = families(meter)["invoice_bot_command_to_card_seconds"]
    by_bound = {
        sample.labels["le"]: sample.value for sample in made.samples if "le" in sample.labels
    }
    assert len(by_bound) == len(BOUNDS_S) + 1
    assert (by_bound["0.01"], by_bound["0.025"], by_bound["5.0"], by_bound["10.0"]) == (2, 3, 3, 4)
    others = {sample.name: sample.value for sample in made.samples if "le" not in sample.labels}
    assert by_bound["+Inf"] == others["invoice_bot_command_to_card_seconds_count"] == 5
    assert others["invoice_bot_command_to_card_seconds_sum"] == pytest.approx(1007.03)


def test_queues_are_read_at_the_scrape() -> None:
    made = families(Meter(), turns=3)["invoice_bot_queue_length"]
    assert [value(made, queue=queue) for queue in QUEUES] == [3, 0, 0, 0]


def test_the_process_itself_is_measured() -> None:
    assert families(Meter())["process_resident_memory_bytes"].samples[0].value > 1e6


def test_durations_and_signs_of_life() -> None:
    durations, seen = Durations([1.0]), Seen()
    assert seen.age_s(5.0) == float("inf")
    seen.saw(5.0)
    assert (seen.age_s(7.0), seen.age_s(4.0)) == (2.0, 0.0)
    assert seen.fails_for_s(7.0) < 0
    seen.missed(8.0)
    seen.missed(9.0)
    assert (seen.fails_for_s(8.0), seen.fails_for_s(10.0)) == (0.0, 2.0)
    seen.saw(11.0)
    assert seen.fails_for_s(12.0) < 0
    durations.add(1.0)
    durations.add(1.1)
    assert (durations.counts(), durations.sum_s) == ([1, 1], 2.1)
