"""The ledger: its cost does not grow with the invoices, and its channels can receive."""

from __future__ import annotations

from typing import Any

import pytest

from bot.demo.node import PaymentFailed, SimInvoice, SimNode, open_channels
from tests.demo.node.client import Client, Clock, subscribe


async def test_with_many_invoices_no_call_looks_at_all_of_them(
    node: SimNode, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2000):
        invoice = node.add_invoice(1000 + number)
    node.pay(invoice.payment_request)

    class Watched(dict[bytes, SimInvoice]):
        def __iter__(self) -> Any:
            raise AssertionError("all invoices were looked at")

        values = items = keys = __iter__  # type: ignore[assignment]

    monkeypatch.setattr(node.ledger, "_invoices", Watched(node.ledger._invoices))
    added = await client.add(value=1)
    stream = await subscribe(node, client, add_index=1999, settle_index=1)
    assert [await stream.event() for _ in range(2)] == [(2000, "SETTLED"), (2001, "OPEN")]
    await client.lookup(added.r_hash)
    await client.cancel(added.r_hash)
    node.expire_due()


def test_the_default_channels_can_receive(clock: Clock) -> None:
    public, private = (
        open_channels(1, capacity_sat=1000),
        open_channels(1, capacity_sat=1000, private=True),
    )
    assert [each.receivable_msat for each in public + private] == [790_000] * 2
    assert public[0].channel_id != private[0].channel_id


async def test_of_what_listchannels_tells_the_last_few_hundred_sats_cannot_be_received(
    node: SimNode,
) -> None:
    node.ledger.channels = open_channels(1, capacity_sat=10_000_000)
    (channel,) = node.ledger.channels
    with pytest.raises(PaymentFailed, match="NO_ROUTE"):
        node.pay(node.add_invoice(channel.receivable_msat - 300_000).payment_request)
    assert node.pay(node.add_invoice(channel.receivable_msat - 1_000_000).payment_request)
