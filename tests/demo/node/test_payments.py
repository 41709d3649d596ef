"""People pay, hold, pay late, and are refused as their own nodes tell them."""

from __future__ import annotations

from typing import Any

import pytest
from coincurve import PrivateKey

from bot.demo.node import PaymentFailed, SimNode
from bot.lnrpc import lightning_pb2 as pb
from tests.demo.node.client import NOW, Client, Clock, made


async def test_a_payment_settles(node: SimNode, client: Client, clock: Clock) -> None:
    added = await client.add(value=21, memo="pizza")
    clock.now += 5
    paid = node.pay(added.payment_request.upper())
    assert (paid.state_name, paid.paid_msat, paid.settle_index) == ("settled", 21_000, 1)
    invoice = await client.lookup(added.r_hash)
    assert invoice.state == pb.Invoice.SETTLED
    assert invoice.settled
    assert (invoice.settle_date, invoice.settle_index) == (NOW + 5, 1)
    amounts = (invoice.amt_paid, invoice.amt_paid_sat, invoice.amt_paid_msat)
    assert amounts == (21_000, 21, 21_000)


async def test_more_than_asked_is_taken_and_any_amount_needs_one(
    node: SimNode, client: Client
) -> None:
    asked, free = node.add_invoice(21_000), node.add_invoice()
    assert node.pay(asked.payment_request, amount_msat=30_000).paid_msat == 30_000
    text = "amount must be specified when paying a zero amount invoice"
    with pytest.raises(PaymentFailed, match=text):
        node.pay(free.payment_request)
    node.pay(free.payment_request, amount_msat=777_000)
    invoice = await client.lookup(free.payment_hash)
    assert (invoice.value, invoice.amt_paid_msat) == (0, 777_000)


async def test_what_a_payer_is_refused(node: SimNode, clock: Clock) -> None:
    def failure(request: str, **how: Any) -> str:
        with pytest.raises(PaymentFailed) as caught:
            node.pay(request, **how)
        return str(caught.value)

    unknown = "INCORRECT_OR_UNKNOWN_PAYMENT_DETAILS"
    asked, gone, paid = (node.add_invoice(21_000) for _ in range(3))
    assert failure(asked.payment_request, amount_msat=20_999) == unknown
    assert failure(node.add_invoice().payment_request, amount_msat=0) == unknown
    node.cancel_invoice(gone.payment_hash)
    assert failure(gone.payment_request) == unknown
    node.pay(paid.payment_request)
    assert failure(paid.payment_request) == "invoice is already paid"
    node.delete_invoice(asked.payment_hash)
    assert failure(asked.payment_request) == unknown
    assert failure(made(PrivateKey(), amount_msat=5)) == unknown
    assert failure("pizza").startswith("invalid payment request")
    mainnet = made(PrivateKey(), amount_msat=5, currency="bc")
    assert failure(mainnet) == "invoice not for current active network 'simnet'"
    short = node.add_invoice(1000, expiry_s=60)
    clock.now = short.expires_at + 1
    said = "invoice expired. Valid until 2026-09-21 14:14:20 +0000 UTC"
    assert failure(short.payment_request) == said


async def test_a_request_of_an_invoice_that_was_deleted_and_added_anew_is_not_payable(
    node: SimNode, client: Client
) -> None:
    old = await client.add(value=1, r_preimage=b"p" * 32)
    node.delete_invoice(old.r_hash)
    new = await client.add(value=1, r_preimage=b"p" * 32)
    assert new.r_hash == old.r_hash
    with pytest.raises(PaymentFailed, match="INCORRECT_OR_UNKNOWN"):
        node.pay(old.payment_request)
    assert node.pay(new.payment_request).settle_index == 1


async def test_a_late_payment_lands_while_the_node_has_not_cancelled(
    node: SimNode, clock: Clock
) -> None:
    early, late = (node.add_invoice(1000, expiry_s=60) for _ in range(2))
    clock.now += 60.5
    assert node.pay(early.payment_request, late=True).state_name == "settled"
    node.expire_due()
    assert late.state_name == "canceled"
    with pytest.raises(PaymentFailed, match="INCORRECT_OR_UNKNOWN"):
        node.pay(late.payment_request, late=True)


async def test_a_held_payment_is_settled_or_cancelled(
    node: SimNode, client: Client, clock: Clock
) -> None:
    first, second = (node.add_invoice(1000, expiry_s=60) for _ in range(2))
    for each in (first, second):
        node.pay(each.payment_request, hold=True)
        assert (await client.lookup(each.payment_hash)).state == pb.Invoice.ACCEPTED
    with pytest.raises(PaymentFailed, match="payment is in transition"):
        node.pay(first.payment_request)
    clock.now += 61
    node.expire_due()
    assert first.state_name == "accepted"
    assert node.settle(first.payment_hash).settle_index == 1
    await client.cancel(second.payment_hash)
    assert (await client.lookup(second.payment_hash)).amt_paid_msat == 0
    with pytest.raises(ValueError, match="canceled, not accepted"):
        node.settle(second.payment_hash)


async def test_changes_are_told_to_who_watches(node: SimNode) -> None:
    seen: list[tuple[int, str]] = []
    unwatch = node.watch(lambda invoice: seen.append((invoice.add_index, invoice.state_name)))
    first, second = node.add_invoice(1000), node.add_invoice(1000)
    node.pay(first.payment_request)
    node.cancel_invoice(second.payment_hash)
    unwatch()
    node.add_invoice(1000)
    assert seen == [(1, "open"), (2, "open"), (1, "settled"), (2, "canceled")]
