"""How a call comes in: its address, its parameters, its body."""

from __future__ import annotations

import pytest

from tests.demo.telegram.town import TOKEN, Town


@pytest.mark.parametrize("way", ["query", "form", "json", "multipart"])
async def test_parameters_come_in_every_form(town: Town, way: str) -> None:
    chat = town.private()
    url = f"{town.sim.url}/bot{TOKEN}/SendMessage"
    params = {"chat_id": str(chat.id), "text": "é&=😀", "disable_notification": "true"}
    match way:
        case "query":
            answer = await town.http.get(url, params=params)
        case "form":
            answer = await town.http.post(url, data=params)
        case "json":
            answer = await town.http.post(url, json=params)
        case _:
            empty = {key: (None, value) for key, value in params.items()}
            answer = await town.http.post(url, files=empty)
    assert answer.status_code == 200
    assert answer.json()["result"]["text"] == "é&=😀"


@pytest.mark.parametrize(
    ("path", "status", "description"),
    [
        ("bot123456:AAE-wrong/getMe", 401, "Unauthorized"),
        ("botwrong/getMe", 404, "Not Found"),
        (f"bot{TOKEN}/getSomething", 404, "Not Found: method not found"),
        ("getMe", 404, "Not Found"),
        (f"file/bot{TOKEN}/photos/none.jpg", 404, "Not Found"),
    ],
)
async def test_a_wrong_address_is_refused(
    town: Town, path: str, status: int, description: str
) -> None:
    answer = await town.http.get(f"{town.sim.url}/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)
    assert answer.json()["description"] == description


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"text": "\\ud800", "chat_id": 1}'])
async def test_a_broken_body_is_refused(town: Town, body: bytes) -> None:
    url = f"{town.sim.url}/bot{TOKEN}/sendMessage"
    answer = await town.http.post(url, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["description"].startswith("Bad Request: ")
