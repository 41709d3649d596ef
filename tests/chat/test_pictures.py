"""Pictures of closed invoices, which Telegram keeps and the store names."""

from __future__ import annotations

import io
from typing import get_args

import pytest
from PIL import Image

from bot.chat import qr
from bot.chat.qr import ClosedState
from bot.core.invoice import Face, State
from bot.core.steps import AS_READ
from bot.core.work import Do
from bot.errors import NodeTimeout
from tests.chat.room import Room

CLOSED: tuple[ClosedState, ...] = get_args(ClosedState)


def square() -> bytes:
    """What closed pictures were."""
    file = io.BytesIO()
    Image.new("L", (800, 800)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("state", [State.SETTLED, State.EXPIRED, State.CANCELLED])
async def test_a_picture_of_an_earlier_design_is_not_sent_again(room: Room, state: State) -> None:
    earlier = room.telegram.photos.add(square())
    for name in CLOSED:
        await room.do(lambda tx, name=name: tx.memory.set_picture(name, earlier.file_id))
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100 pizza")
    paid = {"paid_msat": 2_100_000, "settled_at": 1_800_000_000} if state is State.SETTLED else {}
    await room.take(Do.EDIT_CARD, await room.change(row, state=state, **paid))
    assert card.photo is not None
    assert card.photo.data in [qr.closed_png(name) for name in CLOSED]


async def test_where_the_database_is_away_a_picture_is_uploaded(room: Room) -> None:
    """Nothing of it would be a fault of the card's."""
    row, card = await room.open_card(room.group, room.anna, "/invoice 2100 pizza")
    row = await room.change(row, state=State.SETTLED, paid_msat=2_100_000, settled_at=1_800_000_000)
    away = room.file.rename(room.file.with_suffix(".away"))
    columns = await room.cards.do(Do.EDIT_CARD, row, AS_READ, NodeTimeout())
    away.rename(room.file)
    assert columns.columns["card_shown"] is Face.PAID
    assert card.photo is not None
    assert card.photo.data == qr.closed_png("paid")
