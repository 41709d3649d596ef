"""A simulated Telegram: a real HTTP Bot API server with people and chats inside.

Knows nothing of the product. Tests and the demo steer it in-process through `SimTelegram`; a bot
reaches it over HTTP only (`base_url=f"{sim.url}/bot"`, `base_file_url=f"{sim.url}/file/bot"`).
It refuses what the real one refuses, with the same codes and texts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from bot.demo.tg_world import Call, Change, Chat, Json, Message, Press, User

T = TypeVar("T")


class Hold:
    """A method that is held: calls stop before they act until `release`."""

    async def reached(self, timeout_s: float = 10.0) -> None:
        """Wait until a call has arrived here."""
        raise NotImplementedError

    def release(self) -> None:
        """Let the held call and all later ones through."""
        raise NotImplementedError


class SimTelegram:
    """One Telegram. It outlives the bots that connect to it.

    Arguments named `chat` take a `Chat` or its id, `user` a `User` or its id. Times are Unix
    seconds of `clock`; only long polls, `slow` and `wait_for` run on the real clock.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self.calls: deque[Call] = deque(maxlen=10_000)
        raise NotImplementedError

    # --- server

    @property
    def url(self) -> str:
        """http://host:port, with no slash at its end; known after `start`."""
        raise NotImplementedError

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen. OSError when the port is in use."""

    async def stop(self) -> None:
        """Stop listening and end every connection. Chats and updates stay."""

    async def down(self) -> None:
        """Out of reach: connections are refused and the open ones are closed."""

    async def up(self) -> None:
        """Back at the same address."""

    # --- people and chats

    def add_bot(
        self,
        token: str,
        username: str,
        first_name: str,
        *,
        can_join_groups: bool = True,
        can_read_all_group_messages: bool = False,
    ) -> User:
        """Make a bot; its id is the part of `token` before the colon."""
        raise NotImplementedError

    def add_user(
        self,
        first_name: str,
        *,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = "en",
    ) -> User:
        """Make a person."""
        raise NotImplementedError

    def private_chat(self, user: User | int) -> Chat:
        """The person's chat with the bot; its id is the person's. The bot can't write first."""
        raise NotImplementedError

    def add_group(
        self,
        title: str,
        members: list[User],
        *,
        admins: tuple[User, ...] | list[User] = (),
        supergroup: bool = False,
        forum: bool = False,
        bot_member: bool = True,
        bare_commands: bool = True,
    ) -> Chat:
        """Make a group; the first admin (or member) is its creator. `forum` implies supergroup.

        `bare_commands`: whether `/cmd` without `@thebot` reaches a bot in privacy mode.
        """
        raise NotImplementedError

    def add_channel(self, title: str, *, admins: list[User], bot_member: bool = True) -> Chat:
        """Make a channel."""
        raise NotImplementedError

    def add_topic(self, chat: Chat | int, name: str) -> int:
        """Make a topic in a forum; gives its message_thread_id."""
        raise NotImplementedError

    def users(self) -> list[User]:
        """Every person, in the order they were made; no bots."""
        raise NotImplementedError

    def chats(self) -> list[Chat]:
        """Every chat, in the order they were made."""
        raise NotImplementedError

    def chat(self, chat_id: int) -> Chat:
        """The chat of that id. KeyError if there is none."""
        raise NotImplementedError

    def promote(self, chat: Chat | int, user: User | int) -> None:
        """Make a member (or the bot) an administrator."""

    def demote(self, chat: Chat | int, user: User | int) -> None:
        """Make an administrator a member again."""

    def restrict_bot(
        self, chat: Chat | int, *, send_text: bool = True, send_photos: bool = True
    ) -> None:
        """What the bot may send in a group; refused otherwise with `not enough rights`."""

    def block(self, user: User | int) -> None:
        """The person blocks the bot (my_chat_member goes out; sends answer 403)."""

    def unblock(self, user: User | int) -> None:
        """The person takes the block back."""

    def remove_bot(self, chat: Chat | int) -> None:
        """The bot is removed from a group or channel."""

    def readd_bot(self, chat: Chat | int) -> None:
        """The bot is added (again) to a group or channel."""

    def migrate(self, chat: Chat | int) -> Chat:
        """Turn a group into a supergroup with a new id. The old id answers 400 from now on."""
        raise NotImplementedError

    # --- what people do

    def say(
        self,
        chat: Chat | int,
        user: User | int,
        text: str,
        *,
        reply_to: Message | int | None = None,
        thread: int | None = None,
        anonymous: bool = False,
        sender_chat: Chat | None = None,
        photo: bytes | None = None,
    ) -> Message:
        """A person writes. `anonymous`: an administrator as the group; `sender_chat`: as a channel.

        With `photo`, `text` is its caption. Leaves no trace of `user` when anonymous.
        """
        raise NotImplementedError

    def post(self, channel: Chat | int, text: str) -> Message:
        """A post in a channel."""
        raise NotImplementedError

    def edit_as_user(self, message: Message, text: str) -> Message:
        """The writer edits a message."""
        raise NotImplementedError

    def forward(
        self,
        message: Message,
        to: Chat | int,
        user: User | int | None = None,
        *,
        automatic: bool = False,
    ) -> Message:
        """Forward a message; `automatic`: a channel's post arriving in its discussion group."""
        raise NotImplementedError

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

        LookupError if no such button stands there now.
        """
        raise NotImplementedError

    def delete_message(self, chat: Chat | int, message_id: int) -> None:
        """Somebody deletes a message. Bots are not told."""

    def push_raw_update(self, update: Json) -> int:
        """Deliver this very dict, plus an update_id, to every bot: broken or unknown updates."""
        raise NotImplementedError

    # --- what stands there

    def messages(self, chat: Chat | int) -> list[Message]:
        """The messages that stand in the chat now, oldest first."""
        raise NotImplementedError

    def message(self, chat: Chat | int, message_id: int) -> Message:
        """One message, deleted ones too. KeyError if there never was one."""
        raise NotImplementedError

    def message_json(self, message: Message) -> Json:
        """The message as the Bot API shows it."""
        raise NotImplementedError

    def file_bytes(self, file_id: str) -> bytes:
        """The uploaded bytes. KeyError if unknown."""
        raise NotImplementedError

    def commands(self, chat: Chat | int, user: User | int) -> list[Json]:
        """The command menu that this person is shown in this chat."""
        raise NotImplementedError

    async def wait_for(self, condition: Callable[[], T], timeout_s: float = 10.0) -> T:
        """Ask `condition` now and after every change until it gives something true; give that.

        LookupError, KeyError, IndexError and StopIteration count as not yet.
        TimeoutError after `timeout_s` real seconds.
        """
        raise NotImplementedError

    def listen(self) -> AsyncIterator[Change]:
        """Every change from this call on."""
        raise NotImplementedError

    # --- faults

    def fail(
        self,
        method: str | None,
        *,
        chat_id: int | None = None,
        times: int | None = 1,
        status: int = 500,
        description: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        """Answer the next `times` calls (None: all until `clear_faults`) with an error, not acting.

        `method` None is every method except getUpdates.
        """

    def drop(
        self, method: str | None, *, acted: bool, chat_id: int | None = None, times: int | None = 1
    ) -> None:
        """Close the connection without an answer, before acting or after having acted."""

    def slow(self, method: str | None, seconds: float, *, chat_id: int | None = None) -> None:
        """Take this many real seconds before acting, until `clear_faults`."""

    def hold(self, method: str, *, chat_id: int | None = None) -> Hold:
        """Keep calls waiting before they act."""
        raise NotImplementedError

    def clear_faults(self) -> None:
        """No faults any more; held calls go through."""

    def limit_floods(self, on: bool = True) -> None:
        """Telegram's own limits: 30/s overall, 20/min in a group, 1/s in a chat with a burst."""
