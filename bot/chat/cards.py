"""One invoice in its chat: sent, edited, or found gone. Knows Telegram's messages.

Each step is mostly one call. What is recorded as shown is the face that was rendered, not the one
that the row has by then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Literal, NoReturn

from telegram import InputMediaPhoto, Message
from telegram.constants import ParseMode

from bot import logs, texts
from bot.access import Access
from bot.chat import buttons, pictures
from bot.chat.buttons import Keyboard
from bot.chat.chats import Chats, IsSo
from bot.chat.client import TelegramBot
from bot.chat.pictures import FILE_NAME, Pictures
from bot.chat.side_by_side import Came, side_by_side
from bot.core.answers import Notified, Rendered, SoFar, unwritten
from bot.core.failure import Failure
from bot.core.invoice import AT_ONCE, Audience, Columns, Face, Invoice, State
from bot.core.steps import Around
from bot.core.text import MAX_CAPTION, MAX_TEXT
from bot.core.work import Do, Lane
from bot.errors import (
    AnswerUnreadable,
    ChatError,
    ChatForbidden,
    ChatRefused,
    MaybeSent,
    MessageGone,
    NodeError,
    NotSent,
    TopicClosed,
    TopicGone,
)
from bot.store import Store

log = logs.get(__name__)

#: How a message is edited: with another picture, its caption alone, or as one without a picture.
Way = Literal["media", "caption", "text"]

_TEXT_FACES = (Face.QUESTION, Face.FAILED, Face.FAILED_REPLACED, Face.WAITING)


class Cards:
    """Shows invoices through `chats`. Every method raises `ChatError`."""

    def __init__(
        self,
        chats: Chats,
        store: Store,
        *,
        access: Access,
        payee: Callable[[Invoice], str],
        within: range,
    ) -> None:
        """`payee`: whose node a row's invoice pays, by its name, "" where it has none; `within`:
        the satoshi that one may have."""
        self._chats = chats
        self._pictures = Pictures(chats, store)
        self._access = access
        self._payee_of = payee
        self._within = within

    async def do(
        self,
        do: Do,
        row: Invoice,
        around: Around,
        reason: NodeError,
        is_so: IsSo | None = None,
        so_far: SoFar = unwritten,
    ) -> Rendered:
        """Take a step in the chat; `reason` is why the row waits for the node.

        `is_so`: whether what can be paid still can. It is `NotSent` where it can't be when its
        turn comes. `so_far`: writes what of it is known while the rest takes long.
        """
        if do is Do.ANNOUNCE:
            return Rendered(await self._announce(row, row.audience(around.unreachable), so_far))
        return Rendered(await self._columns(do, row, around, reason, is_so))

    async def _columns(
        self, do: Do, row: Invoice, around: Around, reason: NodeError, is_so: IsSo | None
    ) -> Columns:
        match do:
            case Do.SEND_WAITING_NOTICE:
                return await self._send_waiting_notice(row, reason, around.patience_s)
            case Do.SEND_CARD:
                return await self._send_card(row, is_so)
            case Do.EDIT_CARD:
                if row.state is State.PENDING:
                    return await self._edit_waiting_notice(row, reason)
                return await self._edit_card(row, is_so)
            case Do.SEND_PAYMENT_REQUEST:
                return await self._send_payment_request(row, is_so)
            case Do.EDIT_PAYMENT_REQUEST:
                return await self._edit_payment_request(row)
            case Do.EDIT_DUPLICATE:
                return await self._edit_duplicate(row)
        raise ValueError(f"not a step in a chat: {do}")

    def _card(
        self, row: Invoice, face: Face, *, as_text: bool, may_be_duplicate: bool = False
    ) -> texts.Card:
        return texts.card(
            row,
            face,
            self._payee(row),
            limit=MAX_TEXT if as_text else MAX_CAPTION,
            may_be_duplicate=may_be_duplicate,
            has_code=not as_text,
        )

    def _payee(self, row: Invoice) -> str | None:
        """Whose node is paid; None where an owner asks: it is theirs."""
        return None if self._access.is_owner(row.asker_id) else self._payee_of(row)

    # new messages

    async def _send_waiting_notice(
        self, row: Invoice, reason: NodeError, patience_s: float
    ) -> Columns:
        message = await self._send_text(row, texts.waiting_notice(reason, patience_s))
        return {
            "card_id": message.message_id,
            "card_shown": Face.WAITING,
            "card_is_text": True,
            "failure": Failure.of(reason),
        }

    async def _send_card(self, row: Invoice, is_so: IsSo | None) -> Columns:
        face = row.face
        as_text = row.text_only or face in _TEXT_FACES
        may_be_duplicate = row.may_be_duplicate(Do.SEND_CARD)
        card = self._card(row, face, as_text=as_text, may_be_duplicate=may_be_duplicate)
        keyboard = buttons.under_new(row, face, self._within)
        if as_text:
            message = await self._send_text(row, card.html, is_so, keyboard=keyboard)
        else:
            message = await self._send_photo(row, face, card.html, keyboard, is_so)
        return {
            "card_id": message.message_id,
            "card_shown": face,
            "card_is_text": as_text,
            "payment_request_separate": card.payment_request_separate,
        }

    async def _send_payment_request(self, row: Invoice, is_so: IsSo | None) -> Columns:
        text = texts.payment_request(row, Face.OPEN)
        message = await self._send_text(row, text, is_so, reply_to=row.card_id)
        return {"payment_request_id": message.message_id, "payment_request_shown": Face.OPEN}

    async def _send_text(
        self,
        row: Invoice,
        text: str,
        is_so: IsSo | None = None,
        *,
        keyboard: Keyboard = None,
        reply_to: int | None = None,
    ) -> Message:
        message = await self._chats.send(
            row.chat_id,
            row.urgency,
            lambda bot: bot.send_message(
                row.chat_id,
                text,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard,
                message_thread_id=row.thread_id,
                reply_to_message_id=reply_to or row.reply_to,
                allow_sending_without_reply=True,
            ),
            is_so,
        )
        return _sent(message)

    async def _send_photo(
        self, row: Invoice, face: Face, caption: str, keyboard: Keyboard, is_so: IsSo | None
    ) -> Message:
        message = await self._pictures.send(
            row,
            face,
            lambda bot, picture: bot.send_photo(
                row.chat_id,
                picture,
                filename=FILE_NAME,
                caption=caption,
                parse_mode=ParseMode.HTML,
                reply_markup=keyboard,
                message_thread_id=row.thread_id,
                reply_to_message_id=row.reply_to,
                allow_sending_without_reply=True,
            ),
            is_so,
        )
        return _sent(message)

    async def _announce(self, row: Invoice, audience: Audience | None, so_far: SoFar) -> Columns:
        assert audience is not None  # noqa: S101 -- next_step asks for it only then
        try:
            reached = await self._announce_to(row, audience, so_far, is_bare=False)
        except (TopicClosed, TopicGone):
            raise
        except ChatRefused as refusal:  # what people wrote may be what was refused
            log.warning("announced without name and memo", detail=refusal.detail)
            reached = await self._announce_to(row, audience, so_far, is_bare=True)
        return {"announced": True, "notified": {**row.notified, **reached}}

    async def _announce_to(
        self, row: Invoice, audience: Audience, so_far: SoFar, *, is_bare: bool
    ) -> dict[int, bool]:
        """Announce; the people who read it in private, or may have."""
        text = texts.announcement(
            row,
            audience,
            self._payee(row),
            may_be_duplicate=row.may_be_duplicate(Do.ANNOUNCE),
            is_bare=is_bare,
        )
        if audience is Audience.CHAT:
            await self._send_text(row, text)
            return {row.chat_id: True} if row.chat_id > 0 else {}
        people = [row.asker_id] if audience is Audience.ASKER else self._unaware(row)
        if not people and self._access.owners:
            return {}  # all of them know

        async def some(came: Came) -> None:
            if read := _who_read(came):  # the others are notified as owners
                maybe = row.with_notified(people, surely=False)
                await so_far({"announced": True, "notified": {**maybe, **read}})

        sends = {person: self._try_to(person, row, lambda _: text) for person in people}
        came = await side_by_side(sends, some)
        if read := _who_read(came):
            maybe = {who: False for who, each in came.items() if isinstance(each, MaybeSent)}
            return {**maybe, **read}
        failures = [each for each in came.values() if each is not None]
        passing = [each for each in failures if not isinstance(each, ChatForbidden | ChatRefused)]
        # As long as one of them may come back, it is news that waits for that.
        away = [each for each in failures if isinstance(each, ChatForbidden)]
        raise next(iter(passing or away or failures), ChatForbidden(detail="there is nobody else"))

    def _unaware(self, row: Invoice) -> list[int]:
        """The owners but those who have read of the payment."""
        return [each for each in sorted(self._access.owners) if not row.notified.get(each)]

    async def notify(
        self, row: Invoice, people: Collection[int], so_far: SoFar = unwritten
    ) -> Notified:
        """Tell these people, side by side, in private that it is paid. Raises what is a bug."""

        async def some(came: Came) -> None:
            maybe = row.with_notified(people, surely=False)
            await so_far({"notified": {**maybe, **_who_read(came)}})

        came = await side_by_side({each: self._notify(row, each) for each in people}, some)

        def who(*kinds: type[ChatError]) -> frozenset[int]:
            return frozenset(person for person, each in came.items() if isinstance(each, kinds))

        read = frozenset(_who_read(came))
        return Notified(read, who(MaybeSent), who(ChatForbidden), who(ChatRefused))

    async def _notify(self, row: Invoice, person: int) -> ChatError | None:
        """None where it is there."""
        try:
            for is_bare in (False, True):
                text = partial(_payment_notice, row, person, is_bare=is_bare)
                try:
                    await self._send_to(person, row, text, Lane.BACKGROUND)
                except ChatRefused as refusal:
                    if is_bare:
                        raise
                    log.warning("owner notified without name and memo", detail=refusal.detail)
                else:
                    return None
        except AnswerUnreadable:  # it is there, and nothing of it has to be edited
            return None
        except ChatError as error:
            log.info("owner not notified", reason=error.detail or error.key, **row.tag)
            return error
        return None

    async def _try_to(
        self, person: int, row: Invoice, text: Callable[[bool], str]
    ) -> ChatError | None:
        try:
            await self._send_to(person, row, text)
        except ChatError as error:
            return error
        return None

    async def _send_to(
        self,
        person: int,
        row: Invoice,
        text: Callable[[bool], str],
        urgency: Lane | None = None,
    ) -> None:
        """Send what `text` says, by whether the person is an owner when it is their turn.

        Raises `NotSent` where it is none of their business by then.
        """

        def call(bot: TelegramBot) -> Awaitable[Message]:
            is_owner = self._access.is_owner(person)
            if not is_owner and person not in (row.asker_id, row.requester_id):
                raise NotSent(detail="no longer an owner")
            return bot.send_message(person, text(is_owner), parse_mode=ParseMode.HTML)

        await self._chats.send(person, row.urgency if urgency is None else urgency, call)

    # edits

    async def _edit_card(self, row: Invoice, is_so: IsSo | None) -> Columns:
        face = row.face
        assert row.card_id is not None  # noqa: S101 -- next_step asks for it only then
        way = _way(row, face)
        was_open = face is Face.OPEN and row.card_shown is Face.OUTDATED
        is_redraw = row.is_redraw(Do.EDIT_CARD)
        is_known = not row.redraw_at  # else an earlier picture may have come after the last one
        is_same = was_open or pictures.are_same(face, row.card_shown)
        if is_known and is_same and not row.card_is_text:
            way = "caption"
        elif is_redraw and row.card_is_text:
            way = "text"
        card, taken = await self._edit(row, row.card_id, face, way, is_so, keeps=is_redraw)
        is_separate = row.payment_request_separate or card.payment_request_separate
        columns: Columns = {
            "card_shown": face,
            "card_is_text": taken == "text",
            "payment_request_separate": is_separate,
        }
        if way == "media" and taken == "caption" and not is_redraw:
            columns["redraw_at"] = AT_ONCE  # its picture is still that of before: it may be a slip
        return columns

    async def _edit_waiting_notice(self, row: Invoice, reason: NodeError) -> Columns:
        assert row.card_id is not None  # noqa: S101 -- next_step asks for it only then
        try:
            await self._edit_text(row, row.card_id, texts.still_waiting(reason), None)
        except ChatRefused as refusal:
            await self._remove(row, row.card_id, refusal)
        return {"failure": Failure.of(reason)}

    async def _edit_payment_request(self, row: Invoice) -> Columns:
        face, message_id = row.face, row.payment_request_id
        assert message_id is not None  # noqa: S101 -- next_step asks for it only then
        try:
            await self._edit_text(row, message_id, texts.payment_request(row, face), None)
        except ChatRefused as refusal:
            await self._remove(row, message_id, refusal)
        return {"payment_request_shown": face}

    async def _edit_duplicate(self, row: Invoice) -> Columns:
        face, duplicate = row.face, row.untrue_duplicate
        assert duplicate is not None  # noqa: S101 -- next_step asks for it only then
        await self._edit(row, duplicate, face, _way(row, face))
        return {"duplicates": row.with_duplicate(duplicate, face)}

    async def _edit(
        self,
        row: Invoice,
        message_id: int,
        face: Face,
        way: Way,
        is_so: IsSo | None = None,
        *,
        keeps: bool = False,
    ) -> tuple[texts.Card, Way]:
        """Make the message show `face`; the card, and the way in which Telegram took it.

        Where it refuses that way, the picture stays as it is. A message that can't be made true in
        any way is removed; not one that most likely is true (`keeps`).
        """
        refusal: ChatRefused | None = None
        ways: tuple[Way, ...] = (way, "caption", "text")
        for each in dict.fromkeys(ways):
            card = self._card(row, face, as_text=each == "text")
            try:
                if each == "media":
                    await self._edit_media(row, message_id, face, card.html, is_so)
                elif each == "caption":
                    await self._edit_caption(row, message_id, face, card.html, is_so)
                else:
                    await self._edit_text(row, message_id, card.html, face, is_so)
            except ChatRefused as error:
                refusal = refusal or error  # those after it may only say what kind of message it is
            else:
                if refusal is not None:
                    log.warning("message edited another way", way=each, detail=refusal.detail)
                return card, each
        assert refusal is not None  # noqa: S101 -- there is always a way that was tried
        if keeps:
            raise refusal
        return await self._remove(row, message_id, refusal)

    async def _remove(self, row: Invoice, message_id: int, refusal: ChatRefused) -> NoReturn:
        """Telegram takes no edit of this message: better none than one that is not true.

        Raises `MessageGone`, or the refusal where it can't be removed either.
        """
        try:
            await self._chats.send(
                row.chat_id,
                row.urgency,
                lambda bot: bot.delete_message(row.chat_id, message_id),
            )
        except ChatRefused:
            raise refusal from None
        log.warning("message removed from the chat", detail=refusal.detail)
        raise MessageGone(detail=refusal.detail)

    async def _edit_text(
        self,
        row: Invoice,
        message_id: int,
        text: str,
        face: Face | None,
        is_so: IsSo | None = None,
    ) -> None:
        await self._chats.send(
            row.chat_id,
            row.urgency,
            lambda bot: bot.edit_message_text(
                text,
                row.chat_id,
                message_id,
                parse_mode=ParseMode.HTML,
                reply_markup=None if face is None else buttons.under(row, face, self._within),
            ),
            is_so,
        )

    async def _edit_caption(
        self, row: Invoice, message_id: int, face: Face, caption: str, is_so: IsSo | None
    ) -> None:
        await self._chats.send(
            row.chat_id,
            row.urgency,
            lambda bot: bot.edit_message_caption(
                row.chat_id,
                message_id,
                caption=caption,
                parse_mode=ParseMode.HTML,
                reply_markup=buttons.under(row, face, self._within),
            ),
            is_so,
        )

    async def _edit_media(
        self, row: Invoice, message_id: int, face: Face, caption: str, is_so: IsSo | None
    ) -> None:
        await self._pictures.send(
            row,
            face,
            lambda bot, picture: bot.edit_message_media(
                InputMediaPhoto(
                    picture, caption=caption, parse_mode=ParseMode.HTML, filename=FILE_NAME
                ),
                row.chat_id,
                message_id,
                reply_markup=buttons.under(row, face, self._within),
            ),
            is_so,
        )


def _who_read(came: Came) -> dict[int, bool]:
    return {person: True for person, error in came.items() if error is None}


def _payment_notice(row: Invoice, person: int, is_owner: bool, *, is_bare: bool) -> str:
    return texts.payment_notice(
        row,
        person,
        is_owner=is_owner,
        may_be_duplicate=person in row.notified or row.may_be_duplicate(Do.NOTIFY_OWNERS),
        is_bare=is_bare,
    )


def _way(row: Invoice, face: Face) -> Way:
    return "text" if row.text_only or face in _TEXT_FACES else "media"


def _sent(answer: Message | bool | None) -> Message:
    if answer is None or isinstance(answer, bool):
        raise TypeError("only an edit can change nothing")
    return answer
