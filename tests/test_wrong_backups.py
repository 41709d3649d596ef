"""A wrong backup of the node stands in a while: what it ended is ended at the right one, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc
import pytest

from bot.core.invoice import Face
from bot.demo.node import ACCEPTED, CANCELED, OPEN, SimInvoice, SimNode
from bot.demo.node.ledger import Kept
from bot.demo.telegram import Message
from bot.node import sweep
from tests.test_boards import board, my_part, split
from tests.world import World


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds and minutes takes parts of seconds."""
    for name, seconds in (
        ("ROUND_S", 0.1),
        ("HURRIED_ROUND_S", 0.05),
        ("SHORTEST_PAUSE_S", 0.1),
        ("PART_OF_AGE", 0.01),
        ("HURRIES_EVERY_S", 0.5),
        ("LOOKS_BACK_EVERY_S", 0.5),
        ("LOOKS_BACK_FOR_STREAMS_EVERY_S", 1.0),
    ):
        monkeypatch.setattr(sweep, name, seconds)


@dataclass
class _Swap:
    """A part that is open while another one is paid, and the node that has gone away."""

    world: World
    shown: Message
    card: Message
    invoice: SimInvoice
    keep: list[bytes]

    async def wrong(self) -> Kept:
        """An older backup of the node is there, which has never heard of the part."""
        right = self.world.node.restore_from_seed(keep=self.keep)
        await self.world.node.start()
        await self.world.becomes(self.card, Face.CANCELLED)
        await self.world.node.stop()
        return right

    async def back(self, right: Kept) -> None:
        self.world.node.take_back(right)
        await self.world.node.start()

    async def is_over(self) -> None:
        """Nobody can pay it at the node, as the card says."""
        await self.world.until(lambda: self.invoice.state == CANCELED)
        assert self.world.face(self.card) is Face.CANCELLED


@pytest.fixture
async def swap(world: World) -> _Swap:
    """The last payment is known to the older backup as well: by it the two look the same."""
    shown = await split(world, "84k/3 pizza")
    first = await my_part(world, shown, world.anna, 28_000)
    world.node.pay(world.request_in(first))
    await world.becomes(first, Face.PAID)
    keep = list(world.node.invoices)
    card = await my_part(world, shown, world.bert, 28_000)
    (hash_,) = world.node.invoices.keys() - set(keep)
    # whatever the start looks back at is looked at by then: each round does so after this
    await world.until(lambda: world.node.lookups[hash_] >= 3)
    await world.node.stop()
    return _Swap(world, shown, card, world.node.invoices[hash_], keep)


def drop_out(swap: _Swap) -> None:
    bert = swap.world.bert
    swap.world.telegram.press(swap.world.private(bert), bert, swap.card.id, text="Not me")


def close_the_board(swap: _Swap) -> None:
    swap.world.telegram.say(swap.world.group, swap.world.anna, "/cancel", reply_to=swap.shown)


def nothing(_swap: _Swap) -> None:
    """The sweep is the one that hears of it."""


@pytest.mark.parametrize("wished", [drop_out, close_the_board, nothing])
async def test_what_was_cancelled_by_a_wrong_backups_word_is_cancelled_at_the_right_node(
    swap: _Swap, wished: Callable[[_Swap], None]
) -> None:
    """Whoever asked it: a step of the engine, which is due as soon as it is there, or the sweep."""
    wished(swap)
    right = await swap.wrong()
    await swap.back(right)
    await swap.is_over()
    if wished is close_the_board:
        await board(swap.world, swap.world.group, "Nothing more can be paid")


def garbles_look_ups(node: SimNode) -> None:
    node.garble("LookupInvoice", lambda _: b"\xff" * 9, times=3)


def refuses_to_cancel(node: SimNode) -> None:
    code = grpc.StatusCode.UNKNOWN
    node.fail("CancelInvoice", code=code, text="database is locked", times=2)


def fails_to_cancel(node: SimNode) -> None:
    node.fail("CancelInvoice", code=grpc.StatusCode.INTERNAL, text="no", times=1)


@pytest.mark.parametrize("odd", [garbles_look_ups, refuses_to_cancel, fails_to_cancel])
async def test_what_got_an_odd_answer_when_the_right_node_was_back_is_asked_for_again(
    swap: _Swap, odd: Callable[[SimNode], None]
) -> None:
    right = await swap.wrong()
    odd(swap.world.node)
    await swap.back(right)
    await swap.is_over()


async def test_what_a_payment_was_under_way_for_and_did_not_come_is_cancelled(swap: _Swap) -> None:
    node = swap.world.node
    right = await swap.wrong()
    node.take_back(right)
    swap.invoice.state = ACCEPTED
    before = node.lookups[swap.invoice.payment_hash]
    await node.start()
    await swap.world.until(lambda: node.lookups[swap.invoice.payment_hash] > before)
    swap.invoice.state = OPEN
    await swap.is_over()


async def test_what_was_paid_at_the_wrong_backup_cannot_be_paid_again_at_the_right_node(
    swap: _Swap,
) -> None:
    """The older one had the invoice, too."""
    node, hash_ = swap.world.node, swap.invoice.payment_hash
    right = node.restore_from_seed(keep=[*swap.keep, hash_])
    await node.start()
    node.pay(swap.world.request_in(swap.card))
    await swap.world.becomes(swap.card, Face.PAID)
    await node.stop()
    await swap.back(right)
    await swap.world.until(lambda: node.invoices[hash_].state == CANCELED)
    assert swap.world.face(swap.card) is Face.PAID
