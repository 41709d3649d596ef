"""The connection to Telegram's Bot API. Knows python-telegram-bot's insides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from telegram import ChatMember, LinkPreviewOptions
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.ext import Defaults, ExtBot

from bot import logs
from bot.chat import plainer, received
from bot.chat.ages import Told
from bot.chat.explain import (
    changes_nothing,
    explain,
    is_about_a_person,
    is_about_its_reply,
    is_about_its_text,
    is_about_times,
    is_not_there,
    is_telegrams_word,
)
from bot.chat.received import is_group_id
from bot.chat.transport import NotTelegrams, Transport, Unreadable
from bot.clock import steady
from bot.config import TelegramSettings
from bot.errors import MAX_DETAIL
from bot.fence import Fence
from bot.metrics import METER

#: Seconds beyond a long poll's own time after which its connection is given up.
POLL_GRACE_S = 5.0
#: Connections at once: for messages in their turns, for answers to presses, and some to spare.
CONNECTIONS = 924

log = logs.get(__name__)


class Naming(StrEnum):
    """What everybody in a group may read of somebody."""

    NAME = "name"
    AN_ADMIN = "an admin"  # who writes as the group
    SOMEONE = "someone"  # who may be one of them


#: What only Telegram says, and neither a proxy nor a connection that breaks.
_SAID = (BadRequest, ChatMigrated, Conflict, Forbidden, RetryAfter)
_ADMINS = (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
#: What somebody is who is not in a chat, by Telegram's name.
OUT = (ChatMember.LEFT, ChatMember.BANNED)
#: Supergroups and channels have this number and lower ones; no group that may become one has.
FIRST_SUPERGROUP = -(10**12)
#: An action that ends what nobody began: Telegram says whether the bot may write there, and nobody
#: sees anything.
NO_ACTION = "cancel"
_NO_ADMINS = (ChatMember.MEMBER, ChatMember.RESTRICTED, *OUT)


class TelegramBot(ExtBot[None]):
    """PTB's bot, which also gives updates as Telegram sent them.

    What Telegram refuses of a text is left out of it, and the call is made again: a refused call
    has sent nothing.
    """

    _knows_times = True  # this Bot API server, until it says otherwise

    async def raw_updates(
        self, *, offset: int, poll_s: int, limit: int, allowed: Sequence[str]
    ) -> object:
        """What getUpdates answers, unread: one broken update must not hide its neighbours.

        Everything below `offset` is confirmed by it. Raises `TelegramError`.
        """
        data = {
            "offset": offset,
            "timeout": poll_s,
            "limit": limit,
            "allowed_updates": list(allowed),
        }
        answer: object = await self._post("getUpdates", data, read_timeout=poll_s + POLL_GRACE_S)
        return answer

    @property
    def _own_id(self) -> int:
        """This bot's id: the token begins with it."""
        number = self.token.partition(":")[0]
        return int(number) if number.isdecimal() else 0

    @property
    def told(self) -> Told | None:
        """When the latest answer to getUpdates was made; None where that does not say."""
        transport = self._request[0]
        return transport.told if isinstance(transport, Transport) else None

    @property
    def told_lately(self) -> Told | None:
        """When the latest answer of all was made, to whatever call; None where none says."""
        told = (each.told for each in self._request if isinstance(each, Transport))
        return max((each for each in told if each), key=lambda each: each.at, default=None)

    async def is_admin(self, chat_id: int, user_id: int, *, within_s: float) -> bool:
        """Whether somebody is an admin of a group, asked now.

        Raises `TelegramError` wherever Telegram does not say it, for whatever reason.
        """
        try:
            status = await self.status(chat_id, user_id, within_s=within_s)
        except BadRequest as error:
            if is_not_there(error):
                return False
            raise
        if status not in (*_ADMINS, *_NO_ADMINS):
            raise Unreadable(f"unreadable answer: {status!r} is no status")
        return status in _ADMINS

    async def status(self, chat_id: int, user_id: int, *, within_s: float) -> str:
        """What somebody is in a group, by Telegram's name, asked now. Raises `TelegramError`."""
        return (await self._member(chat_id, user_id, within_s)).status

    async def naming(
        self, chat_id: int, user_id: int, *, is_public: bool, within_s: float
    ) -> Naming:
        """What everybody in a group may read of somebody who pressed there.

        `is_public`: people who are no members can press as well. Raises `TelegramError`.
        """
        member = await self._member(chat_id, user_id, within_s)
        if member.is_anonymous:
            return Naming.AN_ADMIN
        if member.status in OUT:  # so admins look who write as the group
            return Naming.SOMEONE if is_public else Naming.AN_ADMIN
        return Naming.NAME

    async def _member(self, chat_id: int, user_id: int, within_s: float) -> received.Member:
        who = {"chat_id": chat_id, "user_id": user_id}
        try:
            async with asyncio.timeout(within_s):  # connecting counts as well
                answer = await self._post("getChatMember", who, read_timeout=within_s)
        except TimeoutError as late:
            raise TimedOut from late
        try:
            return received.member(answer)
        except ValueError as error:
            raise Unreadable(f"unreadable answer: {error}") from error

    async def _do_post(self, endpoint: str, data: dict[str, Any], **timeouts: Any) -> Any:
        """One call, and of its result what is read. Raises `TelegramError`.

        What is left of a success that nobody can read is `Unreadable`. Any other answer that nobody
        can read is a `NetworkError`, whatever its status: what the call did is unknown. A proxy, or
        Telegram in trouble, may answer anything; PTB then raises whatever comes.
        """
        result = await self._result(endpoint, data, **timeouts)
        try:
            return self._read(endpoint, result)
        except ValueError as error:
            unreadable = Unreadable(f"unreadable answer: {error}")
            _count(unreadable)
            raise unreadable from error

    def _read(self, endpoint: str, result: Any) -> Any:
        """What is read of a result. Raises `ValueError`."""
        read = received.READ.get(endpoint)
        found = result if read is None else read(result)
        if endpoint == "getMe" and found["id"] != self._own_id:
            raise ValueError("another bot's id than the token has")
        return found

    async def _result(self, endpoint: str, data: dict[str, Any], **timeouts: Any) -> Any:
        said = data if self._knows_times else plainer.without_times(data) or data
        while True:
            try:
                return await self._called(endpoint, said, **timeouts)
            except BadRequest as error:
                if (further := self._plainer(said, error)) is None:
                    raise
                said = further

    def _plainer(self, data: dict[str, Any], error: BadRequest) -> dict[str, Any] | None:
        """The call without what may have been refused; None where there is nothing of it."""
        if is_about_times(error):
            if self._knows_times:
                log.warning("this Bot API server is too old for times: they are sent as words")
                self._knows_times = False
            return plainer.without_times(data)
        if is_about_its_reply(error) and (alone := plainer.without_reply(data)) is not None:
            return alone
        may_take_another = is_about_its_text(error) or is_about_a_person(error)
        return plainer.without_mentions(data) if may_take_another else None

    async def _called(self, endpoint: str, data: dict[str, Any], **timeouts: Any) -> Any:
        try:
            answer = await self._answer(endpoint, data, **timeouts)
        except TelegramError as error:
            _count(error)
            raise
        METER.telegram.saw(steady())
        return answer

    async def _answer(self, endpoint: str, data: dict[str, Any], **timeouts: Any) -> Any:
        try:
            return await super()._do_post(endpoint, data, **timeouts)
        except TelegramError as error:
            error.message = _short(error.message)
            by_status = isinstance(error, (BadRequest, Conflict, Forbidden, InvalidToken))
            if by_status and not is_telegrams_word(error):
                raise NetworkError(error.message) from error
            if isinstance(error, ChatMigrated) and not is_group_id(data.get("chat_id")):
                raise NotTelegrams(error.message) from error  # only a group has another id
            raise
        except MemoryError:  # it says nothing of the answer
            raise
        except Exception as error:
            what = _short(f"unreadable answer: {type(error).__name__}: {error}")
            raise NetworkError(what) from error


def _count(error: TelegramError) -> None:
    """A call that failed, and whether Telegram itself said so."""
    note = METER.telegram.saw if isinstance(error, _SAID) else METER.telegram.missed
    note(steady())
    if not changes_nothing(error):
        by_name = isinstance(error, (Conflict, InvalidToken))
        METER.telegram_errors.add(type(error if by_name else explain(error)).__name__)


def _short(text: str) -> str:
    """PTB puts the whole answer into its errors' texts, and Telegram's own can be of any length."""
    return text[:MAX_DETAIL]


def make_bot(settings: TelegramSettings, fence: Fence | None = None) -> TelegramBot:
    """The connection to Telegram's Bot API, not yet initialized."""
    return TelegramBot(
        settings.token.get_secret_value(),
        base_url=f"{settings.api_url}/bot",
        base_file_url=f"{settings.api_url}/file/bot",
        request=Transport(connections=CONNECTIONS, fence=fence),
        get_updates_request=Transport(connections=1, fence=fence),
        # A memo may have a link; the page that it names has no place in a card.
        defaults=Defaults(link_preview_options=LinkPreviewOptions(is_disabled=True)),
    )
