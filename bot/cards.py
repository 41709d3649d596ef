"""One invoice in its chat: send, edit, or find it gone. Knows Telegram's messages.

Each function does one step, mostly one call, and returns the row's columns that it changed; what is
recorded as shown is the state that was rendered, not the one the row has by then.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Callable
from typing import Any, Literal, NoReturn

from telegram import (
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    Message,
)
from telegram.constants import ParseMode

from bot import logs, qr, texts
from bot.chats import Chats, TelegramBot
from bot.errors import ChatError, ChatForbidden, ChatRefused, MessageGone, StoreUnavailable
from bot.invoice import Columns, Do, Face, Invoice
from bot.store import Store

log = logs.get(__name__)

Picture = Literal["paid", "expired", "cancelled"]
#: How a message is edited: with another picture, its caption alone, or as one without a picture.
Way = Literal["media", "caption", "text"]

_PICTURES: dict[Face, Picture] = {
    Face.PAID: "paid",
    Face.EXPIRED: "expired",
    Face.EXPIRED_RENEWED: "expired",
    Face.CANCELLED: "cancelled",
    Face.CANCELLED_RENEWED: "cancelled",
}
_TEXT_FACES = (Face.QUESTION, Face.FAILED, Face.WAITING)
_FILE = "invoice.png"


def press_data(verb: Literal["cancel", "renew"], payment_hash: bytes) -> str:
    """A button's callback data: a verb and the payment hash, never a row's number."""
    return f"{verb}:{base64.urlsafe_b64encode(payment_hash).rstrip(b'=').decode()}"


def read_press(data: str) -> tuple[str, bytes] | None:
    """The verb and payment hash of a button's callback data, None where it is not ours."""
    verb, colon, encoded = data.partition(":")
    if not colon or verb not in ("cancel", "renew"):
        return None
    try:
        payment_hash = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return (verb, payment_hash) if len(payment_hash) == 32 else None


def _buttons(invoice: Invoice, face: Face) -> InlineKeyboardMarkup | None:
    if face is Face.OPEN:
        button = InlineKeyboardButton(
            texts.CANCEL_BUTTON, callback_data=press_data("cancel", invoice.payment_hash)
        )
    elif face in (Face.EXPIRED, Face.CANCELLED):
        button = InlineKeyboardButton(
            texts.RENEW_BUTTON, callback_data=press_data("renew", invoice.payment_hash)
        )
    else:
        return None
    return InlineKeyboardMarkup([[button]])


class Cards:
    """Shows invoices through `chats`; remembers in `store` which pictures Telegram has.

    Every method raises `ChatError`.
    """

    def __init__(self, chats: Chats, store: Store, *, owners: frozenset[int]) -> None:
        self._chats = chats
        self._store = store
        self._owners = owners
        self._file_ids: dict[str, str] = {}
        # row → who of several has been told, while the others have not
        self._reached: dict[int, set[int]] = {}
        # One picture at a time: a burst of them would hold up everything else.
        self._drawing = asyncio.Lock()

    async def do(self, step: Do, invoice: Invoice, *, sentence: str = "") -> Columns:
        """Take a step in the chat; `sentence` is why the node keeps it waiting."""
        match step:
            case Do.SAY_WAITING:
                return await self._say_waiting(invoice, sentence)
            case Do.SEND_CARD:
                return await self._send_card(invoice)
            case Do.EDIT_CARD:
                return await self._edit_card(invoice)
            case Do.SEND_REQUEST:
                return await self._send_request(invoice)
            case Do.EDIT_REQUEST:
                return await self._edit_request(invoice)
            case Do.EDIT_STRAY:
                return await self._edit_stray(invoice)
            case Do.TELL:
                return await self._tell(invoice)
        raise ValueError(f"not a step in a chat: {step}")

    async def _say_waiting(self, invoice: Invoice, sentence: str) -> Columns:
        message = await self._send_text(invoice, texts.waiting(sentence, invoice.patience_s))
        return {"card_id": message.message_id, "card_shown": Face.WAITING, "card_is_text": True}

    async def _send_card(self, invoice: Invoice) -> Columns:
        face = invoice.face
        as_text = invoice.plain or face in _TEXT_FACES
        card = self._card(invoice, face, as_text=as_text, again=invoice.may_stand(Do.SEND_CARD))
        markup: Any = _buttons(invoice, face)
        if face is Face.QUESTION:
            markup = ForceReply(selective=True, input_field_placeholder=texts.QUESTION_PLACEHOLDER)
        if as_text:
            message = await self._send_text(invoice, card.html, markup=markup)
        else:
            message = await self._with_picture(
                invoice,
                face,
                lambda bot, picture: bot.send_photo(
                    invoice.chat_id,
                    picture,
                    filename=_FILE,
                    caption=card.html,
                    parse_mode=ParseMode.HTML,
                    reply_markup=markup,
                    message_thread_id=invoice.thread_id,
                    reply_to_message_id=invoice.reply_to,
                    allow_sending_without_reply=True,
                ),
            )
        return {
            "card_id": message.message_id,
            "card_shown": face,
            "card_is_text": as_text,
            "request_apart": card.request_apart,
        }

    async def _edit_card(self, invoice: Invoice) -> Columns:
        face = invoice.face
        assert invoice.card_id is not None  # noqa: S101 -- next_step asks for it only then
        same_picture = (
            not invoice.card_is_text
            and face in _PICTURES
            and _PICTURES.get(invoice.card_shown) == _PICTURES[face]
        )
        way: Way = "media"
        if same_picture:
            way = "caption"
        elif invoice.plain or face in _TEXT_FACES:
            way = "text"
        card, way = await self._edit(invoice, invoice.card_id, face, way)
        return {
            "card_shown": face,
            "card_is_text": way == "text",
            "request_apart": invoice.request_apart or card.request_apart,
        }

    async def _send_request(self, invoice: Invoice) -> Columns:
        message = await self._send_text(
            invoice, texts.request(invoice, Face.OPEN), reply_to=invoice.card_id
        )
        return {"request_id": message.message_id, "request_shown": Face.OPEN}

    async def _edit_request(self, invoice: Invoice) -> Columns:
        face = invoice.face
        assert invoice.request_id is not None  # noqa: S101 -- next_step asks for it only then
        try:
            await self._edit_text(invoice, invoice.request_id, texts.request(invoice, face), None)
        except ChatRefused as refusal:
            await self._remove(invoice, invoice.request_id, refusal)
        return {"request_shown": face}

    async def _edit_stray(self, invoice: Invoice) -> Columns:
        face, stray = invoice.face, invoice.untrue_stray
        assert stray is not None  # noqa: S101 -- next_step asks for it only then
        await self._edit(invoice, stray, face, "text" if invoice.plain else "media")
        return {"strays": invoice.with_stray(stray, face)}

    async def _tell(self, invoice: Invoice) -> Columns:
        again = invoice.may_stand(Do.TELL)
        if not invoice.tell_to:
            text = texts.told(invoice, earlier_copy=again)
            await self._send_text(invoice, text)
            return {"told": True}
        text = texts.told(invoice, earlier_copy=again, elsewhere=texts.CANT_REACH_CHAT)
        people = [invoice.asker_id] if invoice.tell_to == "asker" else sorted(self._owners)
        failure: ChatError | None = None
        reached = self._reached.setdefault(invoice.id, set())
        for person in people:
            if person in reached:
                continue
            try:
                await self._send_to(person, invoice, text)
                reached.add(person)
            except (ChatForbidden, ChatRefused) as error:
                failure = error
        del self._reached[invoice.id]
        if not reached:
            raise failure or ChatForbidden(detail="there is nobody else")
        return {"told": True}

    async def _send_to(self, person: int, invoice: Invoice, text: str) -> None:
        await self._chats.send(
            person,
            invoice.priority,
            lambda bot: bot.send_message(person, text, parse_mode=ParseMode.HTML),
        )

    def _card(
        self, invoice: Invoice, face: Face, *, as_text: bool, again: bool = False
    ) -> texts.Card:
        limit = texts.MAX_TEXT if as_text else texts.MAX_CAPTION
        return texts.card(invoice, face, limit=limit, earlier_copy=again)

    async def _send_text(
        self, invoice: Invoice, text: str, *, markup: Any = None, reply_to: int | None = None
    ) -> Message:
        message = await self._chats.send(
            invoice.chat_id,
            invoice.priority,
            lambda bot: bot.send_message(
                invoice.chat_id,
                text,
                parse_mode=ParseMode.HTML,
                reply_markup=markup,
                message_thread_id=invoice.thread_id,
                reply_to_message_id=reply_to or invoice.reply_to,
                allow_sending_without_reply=True,
            ),
        )
        if message is None:
            raise ValueError("only an edit can change nothing")
        return message

    async def _edit(
        self, invoice: Invoice, message_id: int, face: Face, way: Way
    ) -> tuple[texts.Card, Way]:
        """Make the message show `face`; the card, and the way in which Telegram took it.

        Where it refuses that way, the picture stays as it is. A message that can't be made true in
        any way is removed.
        """
        refusal: ChatRefused | None = None
        ways: tuple[Way, ...] = (way, "caption", "text")
        for each in dict.fromkeys(ways):
            card = self._card(invoice, face, as_text=each == "text")
            try:
                if each == "media":
                    await self._edit_media(invoice, message_id, face, card)
                elif each == "caption":
                    await self._edit_caption(invoice, message_id, face, card)
                else:
                    await self._edit_text(invoice, message_id, card.html, face)
            except ChatRefused as error:
                refusal = refusal or error  # those after it may only say what kind of message it is
            else:
                if refusal is not None:
                    log.warning("edited another way", way=each, detail=refusal.detail)
                return card, each
        assert refusal is not None  # noqa: S101 -- there is always a way that was tried
        return await self._remove(invoice, message_id, refusal)

    async def _remove(self, invoice: Invoice, message_id: int, refusal: ChatRefused) -> NoReturn:
        """Telegram takes no edit of this message: rather none than one that is not true.

        Raises `MessageGone`, or the refusal where it can't be removed either.
        """
        try:
            await self._chats.send(
                invoice.chat_id,
                invoice.priority,
                lambda bot: bot.delete_message(invoice.chat_id, message_id),
            )
        except ChatRefused:
            raise refusal from None
        log.warning("removed from the chat", detail=refusal.detail)
        raise MessageGone(detail=refusal.detail)

    async def _edit_text(
        self, invoice: Invoice, message_id: int, text: str, face: Face | None
    ) -> None:
        await self._chats.send(
            invoice.chat_id,
            invoice.priority,
            lambda bot: bot.edit_message_text(
                text,
                invoice.chat_id,
                message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=None if face is None else _buttons(invoice, face),
            ),
        )

    async def _edit_caption(
        self, invoice: Invoice, message_id: int, face: Face, card: texts.Card
    ) -> None:
        await self._chats.send(
            invoice.chat_id,
            invoice.priority,
            lambda bot: bot.edit_message_caption(
                invoice.chat_id,
                message_id,
                caption=card.html,
                parse_mode=ParseMode.HTML,
                reply_markup=_buttons(invoice, face),
            ),
        )

    async def _edit_media(
        self, invoice: Invoice, message_id: int, face: Face, card: texts.Card
    ) -> None:
        await self._with_picture(
            invoice,
            face,
            lambda bot, picture: bot.edit_message_media(
                InputMediaPhoto(
                    picture, caption=card.html, parse_mode=ParseMode.HTML, filename=_FILE
                ),
                invoice.chat_id,
                message_id,
                reply_markup=_buttons(invoice, face),
            ),
        )

    async def _with_picture(
        self, invoice: Invoice, face: Face, request: Callable[[TelegramBot, bytes | str], Any]
    ) -> Any:
        """Make `request` with the QR code, or with the fixed picture of a closed state."""
        if face is Face.OPEN:
            async with self._drawing:
                drawn = qr.payment_png(invoice.payment_request)
                await asyncio.sleep(0)  # let the others have the loop before the next one
            return await self._send_picture(invoice, request, drawn)
        name = _PICTURES[face]
        file_id = await self._file_id(name)
        if file_id is not None:
            try:
                return await self._send_picture(invoice, request, file_id)
            except ChatRefused as error:
                if "file" not in error.detail.lower():
                    raise
                # Telegram does not know it any more, or it was another bot's.
                await self._remember(name, None)
        answer = await self._send_picture(invoice, request, qr.closed_png(name))
        if isinstance(answer, Message) and answer.photo:
            # The message stands in the chat: that must be recorded, whatever becomes of this.
            with contextlib.suppress(StoreUnavailable):
                await self._remember(name, answer.photo[-1].file_id)
        return answer

    async def _send_picture(
        self,
        invoice: Invoice,
        request: Callable[[TelegramBot, bytes | str], Any],
        picture: bytes | str,
    ) -> Any:
        return await self._chats.send(
            invoice.chat_id, invoice.priority, lambda bot: request(bot, picture)
        )

    async def _file_id(self, name: str) -> str | None:
        if name not in self._file_ids:
            stored = await self._store.do(lambda tx: tx.picture(name))
            if stored is not None:
                self._file_ids[name] = stored
        return self._file_ids.get(name)

    async def _remember(self, name: str, file_id: str | None) -> None:
        self._file_ids.pop(name, None)
        if file_id is not None:
            self._file_ids[name] = file_id
        await self._store.do(lambda tx: tx.set_picture(name, file_id))
