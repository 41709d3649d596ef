"""No page unfolds below any message of the bot's, whatever people wrote."""

from __future__ import annotations

from bot.core.invoice import Face, State
from bot.core.work import Do
from tests.chat.room import Room


async def test_a_link_in_a_memo_unfolds_nowhere(room: Room) -> None:
    chat = room.private(room.anna)
    row = await room.row(await room.say(chat, room.anna, "/invoice 2100 https://example.com/a"))
    row = await room.change(
        row,
        state=State.OPEN,
        text_only=True,
        payment_request="lnbc21u1p" + "q" * 251,
        expires_at=int(room.clock()) + 3600,
    )
    row = await room.take(Do.SEND_CARD, row)
    card = room.telegram.messages(chat)[-1]
    paid = await room.change(row, state=State.SETTLED, paid_msat=2_100_000, settled_at=1)
    row = await room.take(Do.EDIT_CARD, paid)
    assert row.card_shown is Face.PAID
    await room.take(Do.ANNOUNCE, row)
    await room.say(chat, room.anna, "/invoices")
    await room.said(chat, 3)
    ours = [m for m in room.telegram.messages(chat) if m.sender is room.bot_user]
    assert card in ours
    assert all("example.com/a" in (m.text or "") for m in ours)
    assert [m.preview for m in ours] == [None] * 3
