"""The figures of docs/scale.md are what the model computes, and the model does what it says."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from bot.chat.turns import BURST, MESSAGES_PER_S
from bot.health import Readings
from bot.health.exposition import Exposition
from bot.metrics import Meter
from bot.store.writer import GROUP
from tests.bench import parts
from tests.bench.parts import TABLES, Message, cards, committed, markdown, messages, waits

SCALE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()


@pytest.mark.parametrize("heading", TABLES)
def test_each_table_is_what_the_model_computes(heading: str) -> None:
    found = re.search(rf"^### {heading}\n.*?^(\|.*?\n)\n?(?!\|)", SCALE, re.DOTALL | re.MULTILINE)
    assert found
    assert found[1] == markdown(TABLES[heading]())


def test_the_figures_between_the_tables_are_the_models() -> None:
    each = parts.messages_per_command()
    assert f"{each:.1f} messages for an invoice, about {20 / each:.0f} invoices" in SCALE
    assert f"about {MESSAGES_PER_S / each:.0f} invoices a second" in SCALE
    assert f"up to {GROUP} jobs" in SCALE
    assert (BURST, parts.JOBS, parts.CHATS, parts.GAP_S, parts.TOGETHER) == (100, 4, 500, 5, 5)


def test_numbers_that_the_page_names_are_there() -> None:
    text = Exposition(Readings(meter=Meter())).text().decode()
    named = set(re.findall(r"`((?:invoice_bot|process)_\w+)", SCALE))
    assert len(named) >= 4
    assert all(re.search(rf"^{name}\b", text, re.MULTILINE) for name in named)


def at(moments: list[float]) -> list[Message]:
    return [Message(moment, 0, is_card=True) for moment in moments]


def test_a_burst_goes_out_at_once_and_the_rest_by_the_rate() -> None:
    waited = [wait for _, wait in waits(at([0.0] * 13), per_s=2, burst=10)]
    assert waited == [0.0] * 10 + [0.5, 1.0, 1.5]


def test_nothing_goes_out_while_nobody_is_active() -> None:
    waited = [wait for _, wait in waits(at([0.9, 1.0, 2.5, 4.0]), away=(1.0, 3.0))]
    assert waited == [0.0, 2.0, 0.5, 0.0]


def test_what_waits_is_committed_together() -> None:
    assert committed([0.0, 0.1, 0.2, 5.0], 1.0) == pytest.approx([1.0, 1.9, 1.8, 1.0])
    assert committed([0.0] * (GROUP + 1), 1.0)[-1] == 2.0


def test_the_same_seed_gives_the_same_messages_and_another_one_others() -> None:
    assert messages(1, last_s=100) == messages(1, last_s=100)
    assert messages(1, last_s=100) != messages(1, last_s=100, seed=1)


def test_as_many_commands_come_as_the_model_says() -> None:
    count = len(cards(waits(messages(5))))
    assert count == pytest.approx(5 * parts.HOUR_S, rel=0.05)
    drawn = list(parts.arrivals(random.Random(1), 5, 5, 3600))
    assert len(drawn) == pytest.approx(5 * 3600, rel=0.1)


def test_each_message_is_in_one_part() -> None:
    sent = messages(5, last_s=100)
    made = parts.parted(sent, 4)
    assert sorted((each for part in made for each in part), key=lambda each: each.at) == sent
    assert all(part for part in made)
    assert not set.intersection(*({each.chat for each in part} for part in made))
