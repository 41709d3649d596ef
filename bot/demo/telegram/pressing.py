"""What people press in a simulated Telegram: buttons, links, START, Block. Knows no HTTP."""

from __future__ import annotations

import asyncio

from bot.demo.telegram.starts import start_token
from bot.demo.telegram.state import Bot
from bot.demo.telegram.world import Chat, Json, Message, Press, User
from bot.demo.telegram.writing import Writing


class Pressing(Writing):
    """What people press."""

    def press(
        self,
        chat: Chat | int,
        user: User | int,
        message_id: int,
        *,
        text: str | None = None,
        data: str | None = None,
    ) -> Press:
        """Press the button with that text or callback_data (the only one if neither is given).

        LookupError if there is no such button now.
        """
        message = self.message(chat, message_id)
        bot = self._bot_of(message.author)
        buttons = [] if message.deleted or bot is None else _buttons(message)
        wanted = [
            button
            for button in buttons
            if text in (None, button["text"]) and data in (None, button["callback_data"])
        ]
        if not wanted or bot is None or (text is None and data is None and len(wanted) > 1):
            raise LookupError(f"no such button: {[button['text'] for button in buttons]}")
        answer = asyncio.get_running_loop().create_future()
        label, pressed = wanted[0]["text"], wanted[0]["callback_data"]
        press_id = str(next(self._press_ids))
        press = Press(press_id, self._user(user), message, label, pressed, answer, self.clock())
        self.push_press(bot, press)
        return press

    def follow(self, press: Press, *, presses_start: bool = True) -> Message | None:
        """Follow the link that the press was answered with, once: it opens the private chat.

        The client of somebody who uses the bot sends the link's `/start` at once. Anybody else is
        offered START there, and presses it unless `presses_start` is False. Returns what was sent.
        LookupError where a client follows no link: there is none yet, it was followed, or there is
        a text beside it, as some clients then show only the text.
        """
        answer = press.answer.result() if press.answer.done() else None
        if answer is None or answer.url is None or answer.text is not None or press.followed:
            raise LookupError("there is no link to follow")
        press.followed = True
        bot = press.message.author
        chat = self.private_chat(press.user, bot=bot)
        token = start_token(answer.url, bot.username if bot else None) or ""
        is_user = chat.started and not chat.blocked
        return self.start_bot(press.user, token, bot=bot) if is_user or presses_start else None

    def start_bot(self, user: User | int, token: str = "", *, bot: User | None = None) -> Message:
        """Press START in the private chat: `/start`, with the token of a link that led there.

        A bot that was blocked is unblocked by it.
        """
        chat = self.private_chat(user, bot=bot)
        if chat.blocked:
            self._set_blocked(chat, blocked=False)
        return self.say(chat, user, f"/start {token}" if token else "/start")

    def commands(self, chat: Chat | int, user: User | int) -> list[Json]:
        """The command menu that this person is shown in this chat; the narrowest scope wins."""
        chat, user = self._chat(chat), self._user(user)
        bots = [self._bot_of(chat.bot)] if chat.bot else self.bots_in(chat)
        menu: list[Json] = []
        for bot in bots:
            if bot is not None:
                menu += _menu(bot, chat, user)
        return menu

    def block(self, user: User | int, *, bot: User | None = None) -> None:
        """The person blocks the bot (my_chat_member goes out; sends answer 403)."""
        self._set_blocked(self.private_chat(user, bot=bot), blocked=True)

    def unblock(self, user: User | int, *, bot: User | None = None) -> None:
        """The person unblocks the bot."""
        self._set_blocked(self.private_chat(user, bot=bot), blocked=False)

    def _set_blocked(self, chat: Chat, *, blocked: bool) -> None:
        chat.blocked = blocked
        bot = self._bot_of(chat.bot)
        if bot is not None and chat.person is not None:
            self.push_membership(bot, chat, chat.person, "kicked" if blocked else "member")


def _buttons(message: Message) -> list[Json]:
    rows = (message.reply_markup or {}).get("inline_keyboard", [])
    return [button for row in rows for button in row if "callback_data" in button]


def _menu(bot: Bot, chat: Chat, user: User) -> list[Json]:
    scopes: list[tuple[str, int | None, int | None]]
    if chat.type == "private":
        scopes = [("chat", chat.id, None), ("all_private_chats", None, None)]
    else:
        admin = chat.has_admin(user.id)
        scopes = [
            ("chat_member", chat.id, user.id),
            *([("chat_administrators", chat.id, None)] if admin else []),
            ("chat", chat.id, None),
            *([("all_chat_administrators", None, None)] if admin else []),
            ("all_group_chats", None, None),
        ]
    for scope in [*scopes, ("default", None, None)]:
        for language in (user.language_code or "", ""):
            if menu := bot.commands.get((*scope, language)):
                return menu
    return []
