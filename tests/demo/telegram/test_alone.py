"""The simulated Telegram as a program of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

import httpx

from tests.demo.telegram.town import CANCEL, Json


async def test_it_runs_alone_and_is_steered_from_outside() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.demo.telegram", "--listen", "127.0.0.1:0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20), httpx.AsyncClient(verify=False) as http:
            token = (await process.stdout.readline()).decode().split()[1]
            base = (await process.stdout.readline()).decode().split()[1]
            url = (await process.stdout.readline()).decode().strip()
            assert base == f"{url}/bot"

            async def post(name: str, **asked: Any) -> Json:
                answer: Json = (await http.post(f"{url}/sim/{name}", json=asked)).json()
                return answer

            ann = (await post("users", first_name="Ann"))["id"]
            group = (await post("groups", title="Dinner", members=[ann]))["id"]
            said = await post("say", chat=group, user=ann, text="/help")
            sent = {
                "chat_id": group,
                "text": "hello",
                "reply_parameters": {"message_id": said["message_id"]},
                "reply_markup": CANCEL,
            }
            answer = (await http.post(f"{base}{token}/sendMessage", json=sent)).json()
            pressing = asyncio.create_task(
                post("press", chat=group, user=ann, message=answer["result"]["message_id"])
            )
            last: Json = {"update_id": 0}
            while "callback_query" not in last:
                offset = last["update_id"] + 1
                polled = await http.get(f"{base}{token}/getUpdates?timeout=5&offset={offset}")
                last = polled.json()["result"][-1]
            query_id = last["callback_query"]["id"]
            await http.get(
                f"{base}{token}/answerCallbackQuery?text=ok&callback_query_id={query_id}"
            )
            assert (await pressing)["text"] == "ok"
            chat = (await http.get(f"{url}/sim/chats/{group}")).json()
            assert [message.get("text") for message in chat["messages"]][-1] == "hello"
            started = await post("start", user=ann, token="a-b")
            assert (started["text"], started["chat"]["id"]) == ("/start a-b", ann)
            assert (await post("say", chat=1, user=2, text="x"))["error"]
            assert (await http.get(f"{url}/sim/chats/5")).status_code == 404
            assert {chat["id"] for chat in (await http.get(f"{url}/sim/chats")).json()} == {
                ann,
                group,
            }
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
