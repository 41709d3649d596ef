"""Invoices expire by themselves."""

from __future__ import annotations

from pathlib import Path

from bot.demo.node import SimNode
from tests.demo.node.client import Clock


async def test_invoices_expire_by_themselves_even_when_the_clock_jumps(
    node: SimNode, clock: Clock
) -> None:
    short, long = node.add_invoice(1000, expiry_s=60), node.add_invoice(1000, expiry_s=7200)
    clock.now += 59.9
    node.clock_changed()
    assert short.state_name == "open"
    clock.now += 0.1
    await node.until(lambda: short.state_name == "canceled")
    assert long.state_name == "open"
    clock.now += 7200
    node.clock_changed()
    await node.until(lambda: long.state_name == "canceled")


async def test_by_the_real_clock_an_invoice_is_cancelled_just_after_its_second(
    tmp_path: Path,
) -> None:
    async with SimNode(tmp_path) as node:
        invoice = node.add_invoice(1000, expiry_s=1)
        await node.until(lambda: invoice.state_name == "canceled")
        assert 0.02 < node.clock() - invoice.expires_at < 5


async def test_what_is_overdue_expires_at_the_next_start(node: SimNode, clock: Clock) -> None:
    invoice = node.add_invoice(1000, expiry_s=60)
    await node.stop()
    clock.now += 61
    node.clock_changed()
    assert invoice.state_name == "open"
    await node.start()
    assert invoice.state_name == "canceled"
