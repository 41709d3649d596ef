"""Whose invoices can be asked for: what is known of the connected node, and when."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.invoice import State
from bot.node.identity import Identity
from tests.node.simulated import LIMIT_S
from tests.rows import invoice

MINE, OTHER = "02" + "a" * 64, "03" + "b" * 64


def known(node_id: str) -> Identity:
    """The node has told this."""
    identity = Identity()
    identity.say(node_id)
    identity.settle()
    return identity


def test_before_the_node_was_asked_nothing_is_known() -> None:
    identity = Identity()
    assert not identity.is_known
    assert (identity.node_id, identity.of_new) == ("", "")


def test_it_is_known_only_once_other_nodes_rows_are_set_aside() -> None:
    identity = Identity()
    identity.say(MINE)
    assert not identity.is_known
    assert (identity.node_id, identity.of_new) == (MINE, MINE)
    identity.settle()
    assert identity.is_known


def test_after_an_outage_it_is_unknown_whose_a_new_invoice_is_until_the_node_says_so() -> None:
    identity = known(MINE)
    identity.forget()
    assert not identity.is_known
    assert identity.of_new == ""
    assert identity.node_id == MINE  # until then this is the best guess of whose rows to keep from
    assert identity.is_others(invoice(State.OPEN, node_id=OTHER))
    identity.say(OTHER)
    assert (identity.node_id, identity.of_new) == (OTHER, OTHER)


@pytest.mark.parametrize(
    ("node_id", "row_of", "is_others"),
    [
        (MINE, MINE, False),
        (MINE, OTHER, True),
        (MINE, "", False),  # added while it was unknown whose it is
        ("", OTHER, False),  # the macaroon has no permission to ask
        ("", "", False),
    ],
)
def test_a_row_is_another_nodes_only_if_both_are_known_and_differ(
    node_id: str, row_of: str, is_others: bool
) -> None:
    assert known(node_id).is_others(invoice(State.OPEN, node_id=row_of)) is is_others


def test_a_node_that_cannot_be_asked_who_it_is_counts_as_known() -> None:
    assert known("").is_known


async def test_whoever_waits_for_it_goes_on_once_it_is_known() -> None:
    identity = Identity()
    waiting = asyncio.create_task(identity.known())
    in_time = asyncio.create_task(identity.known_within(LIMIT_S))
    await asyncio.sleep(0)
    identity.say(MINE)
    await asyncio.sleep(0)
    assert not waiting.done()
    identity.settle()
    async with asyncio.timeout(LIMIT_S):
        await waiting
        assert await in_time


async def test_whoever_waits_only_so_long_goes_on_without_it() -> None:
    assert not await Identity().known_within(0.01)
