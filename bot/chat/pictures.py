"""Pictures on their way: drawn, or by Telegram's file_id where it has them. Knows uploads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from telegram import Message

from bot.chat import qr
from bot.chat.chats import Chats, IsSo
from bot.chat.client import TelegramBot
from bot.chat.explain import is_about_a_file
from bot.chat.qr import ClosedState
from bot.core.invoice import Face, Invoice
from bot.errors import ChatRefused, StoreUnavailable
from bot.store import Store, Tx

#: An upload of bytes needs a file name, or it is no picture by its type.
FILE_NAME = "invoice.png"

#: One call with a picture, which is its bytes or its file_id.
Call = Callable[[TelegramBot, bytes | str], Awaitable[Message | bool]]

# A stored file_id is used for ever: closed pictures that look different need another number.
_DESIGN = 2

_CLOSED: dict[Face, ClosedState] = {
    Face.UNCONFIRMED: "unconfirmed",
    Face.PAID: "paid",
    Face.EXPIRED: "expired",
    Face.EXPIRED_REPLACED: "expired",
    Face.CANCELLED: "cancelled",
    Face.CANCELLED_REPLACED: "cancelled",
}


def are_same(face: Face, other: Face) -> bool:
    """Whether two faces have one closed picture."""
    return face in _CLOSED and _CLOSED[face] == _CLOSED.get(other)


class Pictures:
    """Sends calls with pictures, through `chats`; remembers in `store` which ones Telegram has."""

    def __init__(self, chats: Chats, store: Store) -> None:
        self._chats = chats
        self._store = store
        self._file_ids: dict[str, str] = {}
        # One picture at a time: a burst of them would hold up everything else.
        self._drawing = asyncio.Lock()

    async def send(
        self, row: Invoice, face: Face, call: Call, is_so: IsSo | None = None
    ) -> Message | bool | None:
        """Make `call` with the QR code, or with the picture of a closed invoice.

        None where it changes nothing. Raises `ChatError`: `ChatRefused` also for a request that
        no code holds, since no chat will ever take its picture.
        """
        if face is Face.OPEN:
            async with self._drawing:
                drawn = _drawn(row)
                await asyncio.sleep(0)  # let the others have the loop before the next one
            return await self._send(row, call, drawn, is_so)
        state = _CLOSED[face]
        name = f"{state}-{_DESIGN}"
        file_id = await self._file_id(name)
        if file_id is not None:
            try:
                return await self._send(row, call, file_id)
            except ChatRefused as error:
                if not is_about_a_file(error):
                    raise
                await self._remember(name, None)
        answer = await self._send(row, call, qr.closed_png(state))
        if isinstance(answer, Message) and answer.photo:
            await self._remember(name, answer.photo[-1].file_id)
        return answer

    async def _send(
        self, row: Invoice, call: Call, picture: bytes | str, is_so: IsSo | None = None
    ) -> Message | bool | None:
        return await self._chats.send(
            row.chat_id, row.urgency, lambda bot: call(bot, picture), is_so
        )

    async def _file_id(self, name: str) -> str | None:
        """None where nobody knows one, or the database cannot say: it is uploaded then."""
        if name not in self._file_ids:
            stored = None
            with contextlib.suppress(StoreUnavailable):
                stored = await self._store.do(_picture, name)
            if stored is not None:
                self._file_ids[name] = stored
        return self._file_ids.get(name)

    async def _remember(self, name: str, file_id: str | None) -> None:
        """Best effort: whatever becomes of this, the message has to be recorded."""
        self._file_ids.pop(name, None)
        if file_id is not None:
            self._file_ids[name] = file_id
        with contextlib.suppress(StoreUnavailable):
            await self._store.do(_set_picture, name, file_id)


def _drawn(row: Invoice) -> bytes:
    try:
        return qr.payment_png(row.payment_request)
    except ValueError as error:
        raise ChatRefused(detail=str(error)) from error


def _picture(tx: Tx, name: str) -> str | None:
    return tx.memory.picture(name)


def _set_picture(tx: Tx, name: str, file_id: str | None) -> None:
    tx.memory.set_picture(name, file_id)
