"""The marks by which processes of one bot find that they have other settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.config import (
    AccessSettings,
    DatabaseSettings,
    HealthSettings,
    InvoicesSettings,
    LimitsSettings,
    LndSettings,
    LogSettings,
    NoticesSettings,
    Rate,
    Settings,
    TelegramSettings,
    differing,
    marks,
)

TOKEN = "123456789:AAF0-a-token-that-is-nobodys-at-all-1"


def settings(token: str = TOKEN, **sections: Any) -> Settings:
    telegram = sections.pop("telegram", {})
    return Settings(telegram=TelegramSettings(token=SecretStr(token), **telegram), **sections)


OTHERS = {
    "telegram": {"telegram": {"webhook": "https://bot.example.org"}},
    "lnd": {"lnd": LndSettings(private_route_hints=True)},
    "invoices": {"invoices": InvoicesSettings(max_sats=7)},
    "access": {"access": AccessSettings(users=frozenset({5}))},
    "limits": {"limits": LimitsSettings(invoices_per_user=Rate(1, 1))},
    "notices": {"notices": NoticesSettings(stuck=False)},
    "database": {"database": DatabaseSettings(keep="2d")},
}


@pytest.mark.parametrize("section", OTHERS)
def test_a_section_that_is_another_is_named(section: str) -> None:
    assert differing(marks(settings()), marks(settings(**OTHERS[section]))) == [section]


def test_what_is_each_process_own_is_not_compared() -> None:
    other = settings(
        telegram={"listen": "127.0.0.1:1", "api_url": "http://127.0.0.1:8081"},
        lnd=LndSettings(host="node:10009", tls_cert=Path("/x"), macaroon=Path("/y")),
        database=DatabaseSettings(url="postgresql://bot@db/bot", password=SecretStr("x")),
        health=HealthSettings(listen="127.0.0.1:9090"),
        log=LogSettings(level="debug"),
    )
    assert not differing(marks(settings()), marks(other))


def test_the_order_of_ids_is_no_difference() -> None:
    ids = [2**40 + 1, 5, 2**20, 17, 8]
    first, second = (
        settings(access=AccessSettings(users=frozenset(each))) for each in (ids, ids[::-1])
    )
    assert not differing(marks(first), marks(second))


def test_of_another_token_nothing_else_is_said() -> None:
    other = settings(TOKEN + "x", access=AccessSettings(open=True))
    assert differing(marks(settings()), marks(other)) == ["telegram"]


def test_marks_show_no_setting_and_nobody_without_the_token_can_try_values() -> None:
    made = [
        marks(settings(token, access=AccessSettings(users=frozenset({987_654_321}))))
        for token in (TOKEN, TOKEN + "x")
    ]
    assert not any(part in text for text in made for part in ("987654321", TOKEN, TOKEN[-8:]))
    assert "access" in made[0]
    assert made[0] != made[1]


@pytest.mark.parametrize("odd", ["", "{", "[]", "7", '{"token": 5}', "null"])
def test_where_nothing_was_said_nothing_differs(odd: str) -> None:
    assert differing(marks(settings()), odd) in ([], ["telegram"])
    assert differing(odd, odd) == []
