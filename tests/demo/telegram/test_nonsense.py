"""Nonsense is refused and crashes nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.demo.telegram.floods import Floods
from bot.demo.telegram.methods import BotApi
from bot.demo.telegram.request import Query, Refusal
from tests.demo.telegram.town import TOKEN, Json, Town

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["type", "text", "url", "offset", "length", "user", "media", "chat_id"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)
FIELDS = (
    "text parse_mode entities caption caption_entities reply_markup reply_parameters photo media "
    "message_id message_thread_id user_id commands scope language_code reaction file_id offset "
    "callback_query_id action limit"
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    params=st.dictionaries(st.sampled_from(FIELDS.split(" ")), values, max_size=4),
    markup=values,
    method=st.integers(0, 30),
)
def test_nonsense_is_refused_and_never_a_crash(params: Json, markup: Any, method: int) -> None:
    async def run() -> None:
        town = Town()
        chat = town.private()
        bot = town.sim.bots[TOKEN]
        api = BotApi(town.sim, Floods(town.clock))
        names = sorted(api._methods)
        wild = params | {"reply_markup": {"inline_keyboard": [[markup]]}}
        query = Query({key: json.dumps(value) for key, value in wild.items()})
        query.params["chat_id"] = str(chat.id)
        await api.call(bot, "sendmessage", Query({"chat_id": str(chat.id), "text": "x"}))
        query.params.setdefault("message_id", "2")
        code = 200
        try:
            await api.call(bot, names[method % len(names)], query)
        except Refusal as refused:
            code = refused.code
        assert code in (200, 400, 403, 409)

    asyncio.run(run())
