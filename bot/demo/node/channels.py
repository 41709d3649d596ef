"""The channels of the simulated node: what it can receive. Knows no invoices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coincurve import PrivateKey

from bot.demo.node import bolt
from bot.demo.node.refusals import PaymentFailed
from bot.lnrpc import lightning_pb2 as pb

_MOST_HINTS = 20
# Hints are added until their channels can receive so many times the amount.
_HINTED_TIMES = 2
# What the commitment transactions cost the peers: ListChannels does not subtract it from what they
# have, so its sum is a little high.
_FEES_MSAT = 500_000


@dataclass(slots=True)
class Channel:
    """A channel of the node. `private` ones are not announced, and become hop hints."""

    peer: PrivateKey
    channel_id: int
    capacity_sat: int
    local_msat: int
    remote_msat: int
    private: bool = False
    active: bool = True

    @property
    def reserve_sat(self) -> int:
        """What each side has to keep: one per cent."""
        return self.capacity_sat // 100

    @property
    def receivable_msat(self) -> int:
        """How much the peer can still send."""
        return max(0, self.remote_msat - self.reserve_sat * 1000) if self.active else 0

    def hint(self) -> bytes:
        """Its hop hint, as `bolt.encode` takes it."""
        return bolt.hint(bolt.Hop(self.peer.public_key.format(), self.channel_id))

    def message(self) -> pb.Channel:
        """As ListChannels sends it."""
        constraints = pb.ChannelConstraints(chan_reserve_sat=self.reserve_sat)
        return pb.Channel(
            active=self.active,
            chan_id=self.channel_id,
            capacity=self.capacity_sat,
            local_balance=self.local_msat // 1000,
            remote_balance=self.remote_msat // 1000,
            private=self.private,
            local_constraints=constraints,
            remote_constraints=constraints,
        )


def open_channels(count: int, *, capacity_sat: int, private: bool = False) -> list[Channel]:
    """`count` channels, four fifths of each on the peer's side."""
    remote_msat = capacity_sat * 800
    return [
        Channel(
            peer=PrivateKey(),
            channel_id=(600_000 + number) << 40 | (1 + private) << 16,
            capacity_sat=capacity_sat,
            local_msat=capacity_sat * 1000 - remote_msat,
            remote_msat=remote_msat,
            private=private,
        )
        for number in range(count)
    ]


def hints(channels: Iterable[Channel], amount_msat: int) -> list[bytes]:
    """The hop hints of the active private channels, 20 at most.

    The largest remote balance comes first, until they hold twice the amount; 0, any amount, takes
    all.
    """
    private = [each for each in channels if each.private and each.active]
    private.sort(key=lambda each: each.remote_msat, reverse=True)
    held_msat = itertools.accumulate((each.remote_msat for each in private), initial=0)
    return [
        each.hint()
        for each, before_msat in zip(private, held_msat, strict=False)
        if not amount_msat or before_msat < _HINTED_TIMES * amount_msat
    ][:_MOST_HINTS]


def reachable(channels: Iterable[Channel], hinted: Iterable[int]) -> list[Channel]:
    """Those over which a stranger can pay: public ones, and private ones whose ids are `hinted`."""
    ids = set(hinted)
    return [each for each in channels if not each.private or each.channel_id in ids]


def receive(channels: Sequence[Channel], msat: int) -> None:
    """Move the amount over from the peers, over as many channels as it takes.

    Raises PaymentFailed when they cannot send that much and pay for their commitments.
    """
    if sum(channel.receivable_msat for channel in channels) < msat + _FEES_MSAT:
        raise PaymentFailed("FAILURE_REASON_NO_ROUTE")
    for channel in channels:
        part = min(msat, channel.receivable_msat)
        channel.remote_msat -= part
        channel.local_msat += part
        msat -= part


def give_back(channels: Sequence[Channel], msat: int) -> None:
    """Move the amount of a cancelled payment back to the peers."""
    for channel in channels:
        part = min(msat, channel.local_msat)
        channel.local_msat -= part
        channel.remote_msat += part
        msat -= part
