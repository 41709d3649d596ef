"""The command menus: everybody's, and in their private chats the owners'. Knows setMyCommands."""

from __future__ import annotations

from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import TelegramError

from bot import logs, texts
from bot.access import Access
from bot.chat.client import TelegramBot
from bot.store import Store, Tx

log = logs.get(__name__)

#: What is noted of an owner whose chat has a menu of its own; Telegram keeps it.
_KIND = "owner menu"


class Menus:
    """Which chat has which menu: best effort. Raises `StoreUnavailable`."""

    def __init__(self, telegram_bot: TelegramBot, access: Access, store: Store) -> None:
        self._telegram_bot = telegram_bot
        self._access = access
        self._store = store
        self._have: set[int] = set()  # the owners who have theirs, as far as this process knows

    async def set_general(self) -> None:
        """Everybody's."""
        await self._set(texts.PRIVATE_COMMANDS, BotCommandScopeAllPrivateChats())
        await self._set(texts.GROUP_COMMANDS, BotCommandScopeAllGroupChats())

    async def set_owners(self, now: float) -> bool:
        """The owners'; former owners get everybody's back. Whether every owner has theirs.

        Nobody has who never opened the bot.
        """
        owners = self._access.owners
        known = await self._store.do(_known)
        self._have &= owners
        for owner in sorted(owners - self._have):
            menu = (*texts.PRIVATE_COMMANDS, *texts.OWNER_COMMANDS)
            if await self._set(menu, BotCommandScopeChat(owner)):
                self._have.add(owner)
                await self._store.do(_note, owner, now)
        for former in sorted(known - owners):
            try:
                await self._telegram_bot.delete_my_commands(scope=BotCommandScopeChat(former))
            except TelegramError as error:
                log.info("command menu not removed", chat=former, detail=error.message)
            await self._store.do(_forget, former)
        return self._have == owners

    async def _set(self, commands: tuple[tuple[str, str], ...], scope: BotCommandScope) -> bool:
        made = [BotCommand(name, text) for name, text in commands]
        try:
            return await self._telegram_bot.set_my_commands(made, scope=scope)
        except TelegramError as error:
            write = log.info if isinstance(scope, BotCommandScopeChat) else log.warning
            write("command menu not set", detail=error.message)
            return False


def _known(tx: Tx) -> frozenset[int]:
    return frozenset(tx.memory.hints(_KIND, before=float("inf")))


def _note(tx: Tx, owner: int, now: float) -> None:
    tx.memory.claim_hint(_KIND, owner, now=now, every_s=0.0)


def _forget(tx: Tx, owner: int) -> None:
    tx.memory.forget_hint(_KIND, owner)
