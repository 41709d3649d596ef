"""The JSON that steers a simulated Telegram from another process. Knows only `SimTelegram`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot.demo.telegram.sim import SimTelegram
from bot.demo.telegram.world import Chat, Json, User, chat_json, user_json

HELP = """\
Add people and chats and steer them with JSON over POST; ids are numbers:

  /sim/bots     {"token", "username", "first_name"}              one more bot
  /sim/users    {"first_name", "last_name"?, "username"?, "language_code"?}
  /sim/groups   {"title", "members": [ids], "admins"?: [ids], "supergroup"?, "forum"?}
  /sim/topics   {"chat", "name"}                                 in a forum
  /sim/say      {"chat", "user", "text", "reply_to"?, "thread"?, "anonymous"?}
                chat is a group's id, or the user's own for the private chat
  /sim/edit     {"chat", "message", "text"}
  /sim/press    {"chat", "user", "message", "text"? or "data"?}  waits up to 10 s for the answer
  /sim/start    {"user", "token"?}                               START, as a link's token offers
  /sim/delete   {"chat", "message"}
  /sim/block    {"user"}              /sim/unblock  {"user"}
  /sim/anonymous {"chat", "user", "on"?}                         an administrator as the group
  /sim/promote  {"chat", "user"}      /sim/demote   {"chat", "user"}
  /sim/remove   {"chat"}              /sim/readd    {"chat"}     the bot, from a group
  /sim/migrate  {"chat"}                                         group to supergroup
  /sim/fail     {"method", "times"?, "status"?, "description"?, "retry_after"?, "chat_id"?}
  /sim/drop     {"method", "acted", "times"?, "chat_id"?}        the answer is lost
  /sim/garble   {"method", "body", "acted", "status"?, "times"?, "chat_id"?}
  /sim/alter    {"method", "changed", "times"?, "chat_id"?}      other fields in the result
  /sim/clear    {}                                               no more faults

Read with GET:

  /sim/chats    /sim/chats/ID    /sim/users    /sim/calls    /sim/files/FILE_ID

Anything that can't be done is answered with status 400 and {"error": "..."}.
"""

_PRESS_TIMEOUT_S = 10.0

Act = Callable[[Json], "Json | Awaitable[Json]"]


class Control:
    """One function for each address."""

    def __init__(self, sim: SimTelegram) -> None:
        self._sim = sim

    def routes(self) -> list[BaseRoute]:
        """What is served below /sim."""
        sim = self._sim
        acts: dict[str, Act] = {
            "bots": self._bot,
            "users": lambda asked: user_json(sim.add_user(**asked)),
            "groups": self._group,
            "topics": lambda asked: {"thread": sim.add_topic(**asked)},
            "say": self._say,
            "edit": self._edit,
            "press": self._press,
            "start": lambda asked: sim.message_json(sim.start_bot(**asked)),
            "migrate": lambda asked: self._chat(sim.migrate(**asked)),
        }
        silent: dict[str, Callable[..., object]] = {
            "delete": self._delete,
            "block": sim.block,
            "unblock": sim.unblock,
            "anonymous": sim.set_anonymous,
            "promote": sim.promote,
            "demote": sim.demote,
            "remove": sim.remove_bot,
            "readd": sim.readd_bot,
            "fail": sim.fail,
            "drop": sim.drop,
            "garble": sim.garble,
            "alter": sim.alter,
            "clear": sim.clear_faults,
        }
        acts |= {name: _silently(act) for name, act in silent.items()}
        return [
            *(Route(f"/sim/{name}", _post(act), methods=["POST"]) for name, act in acts.items()),
            Route("/sim/users", self._users),
            Route("/sim/chats", self._chats),
            Route("/sim/chats/{chat_id:int}", self._one_chat),
            Route("/sim/chats/-{chat_id:int}", self._one_group),
            Route("/sim/calls", self._calls),
            Route("/sim/files/{file_id}", self._file),
        ]

    # --- acting

    def _bot(self, asked: Json) -> Json:
        return user_json(self._sim.add_bot(**asked))

    def _group(self, asked: Json) -> Json:
        title, members, admins = (asked.pop(key, []) for key in ("title", "members", "admins"))
        people, first = self._people(members), self._people(admins)
        return self._chat(self._sim.add_group(title, people, admins=first, **asked))

    def _people(self, ids: list[int]) -> list[User]:
        return [self._sim.user(id_) for id_ in ids]

    def _say(self, asked: Json) -> Json:
        if asked["chat"] == asked["user"]:
            self._sim.private_chat(asked["user"])
        return self._sim.message_json(self._sim.say(**asked))

    def _edit(self, asked: Json) -> Json:
        message = self._sim.message(asked["chat"], asked["message"])
        return self._sim.message_json(self._sim.edit_as_user(message, asked["text"]))

    def _delete(self, chat: int, message: int) -> None:
        self._sim.delete_message(chat, message)

    async def _press(self, asked: Json) -> Json:
        press = self._sim.press(
            asked["chat"],
            asked["user"],
            asked["message"],
            text=asked.get("text"),
            data=asked.get("data"),
        )
        try:
            async with asyncio.timeout(_PRESS_TIMEOUT_S):
                answer = await asyncio.shield(press.answer)
        except TimeoutError:
            return {"answered": False}
        shown = {"text": answer.text, "show_alert": answer.show_alert, "url": answer.url}
        return {"answered": True} | shown

    # --- reading

    def _chat(self, chat: Chat) -> Json:
        return chat_json(chat) | {
            "members": chat.members,
            "topics": chat.topics,
            "messages": [self._sim.message_json(each) for each in self._sim.messages(chat)],
        }

    async def _users(self, _: Request) -> Response:
        return JSONResponse([user_json(user) for user in self._sim.users()])

    async def _chats(self, _: Request) -> Response:
        return JSONResponse([chat_json(chat) for chat in self._sim.chats()])

    async def _one_chat(self, request: Request) -> Response:
        return self._shown(request.path_params["chat_id"])

    async def _one_group(self, request: Request) -> Response:
        return self._shown(-request.path_params["chat_id"])

    def _shown(self, chat_id: int) -> Response:
        try:
            return JSONResponse(self._chat(self._sim.chat(chat_id)))
        except KeyError:
            return JSONResponse({"error": "there is no such chat"}, status_code=404)

    async def _calls(self, _: Request) -> Response:
        shown = [
            {"method": call.method, "at": call.at, "chat_id": call.chat_id, "status": call.status}
            for call in self._sim.calls
        ]
        return JSONResponse(shown)

    async def _file(self, request: Request) -> Response:
        photo = self._sim.photos.find(request.path_params["file_id"])
        if photo is None:
            return JSONResponse({"error": "there is no such file"}, status_code=404)
        return Response(photo.data, media_type="application/octet-stream")


def _silently(act: Callable[..., object]) -> Act:
    def do(asked: Json) -> Json:
        act(**asked)
        return {}

    return do


def _post(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        try:
            done = act(await request.json())
            return JSONResponse(done if isinstance(done, dict) else await done)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            return JSONResponse({"error": f"{error}"}, status_code=400)

    return handle
