"""A simulated Telegram with a bot and two people, and a client without a library in between."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image

from bot.demo.telegram import Chat, Message, SimTelegram, User

TOKEN = "123456:AAE-simulated"
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)
TOO_BIG = "file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes"
CANCEL = {"inline_keyboard": [[{"text": "Cancel", "callback_data": "cancel:1"}]]}

Json = dict[str, Any]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_795_380_000.0

    def __call__(self) -> float:
        return self.now


class Refused(Exception):
    """What the Bot API answered when it was not ok."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer["description"])
        self.code = answer["error_code"]
        self.parameters = answer.get("parameters")


class Town:
    """A simulator with a bot and some people, and a client without any library between."""

    http: httpx.AsyncClient

    def __init__(self) -> None:
        self.clock = Clock()
        self.sim = SimTelegram(clock=self.clock)
        self.bot = self.sim.add_bot(TOKEN, "invoice_bot", "Invoices")
        self.ann = self.sim.add_user("Ann")
        self.bob = self.sim.add_user("Bob")

    async def call(self, method: str, token: str = TOKEN, **params: Any) -> Any:
        """The result of a method, sent as JSON; bytes go as an upload in a multipart form."""
        url = f"{self.sim.url}/bot{token}/{method}"
        files = {key: value for key, value in params.items() if isinstance(value, bytes)}
        if not files:
            answer = (await self.http.post(url, json=params)).json()
        else:
            fields = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in params.items()
                if key not in files
            }
            uploads = {key: ("a.png", value) for key, value in files.items()}
            answer = (await self.http.post(url, data=fields, files=uploads)).json()
        if not answer["ok"]:
            raise Refused(answer)
        return answer["result"]

    async def updates(self, offset: int = 0, **params: Any) -> list[Json]:
        """What waits now, without waiting; the offset is never the last one twice."""
        found: list[Json] = await self.call("getUpdates", offset=offset, **params)
        return found

    async def drain(self) -> None:
        """Confirm all that waits."""
        await self.call("getUpdates", offset=-1, limit=1)
        self.sim.bots[TOKEN].updates.clear()

    def group(self, **kind: Any) -> Chat:
        return self.sim.add_group("Dinner", [self.ann, self.bob], **kind)

    def private(self, user: User | None = None) -> Chat:
        """A chat that has begun."""
        chat = self.sim.private_chat(user or self.ann)
        self.sim.say(chat, user or self.ann, "/start")
        return chat

    async def sent(self, chat: Chat, **params: Any) -> Message:
        """A message of the bot's."""
        method = "sendPhoto" if "photo" in params else "sendMessage"
        result = await self.call(method, chat_id=chat.id, **({"text": "x"} | params))
        return self.sim.message(chat, result["message_id"])


def picture(width: int = 40, height: int = 40, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("L", (width, height)).save(out, form)
    return out.getvalue()


async def refusal(town: Town, method: str, **params: Any) -> str:
    with pytest.raises(Refused) as caught:
        await town.call(method, **params)
    return str(caught.value)
