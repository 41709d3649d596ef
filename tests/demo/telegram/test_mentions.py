"""Mentions of people, and links that are dropped."""

from __future__ import annotations

from tests.demo.telegram.town import Town


async def test_a_mentioned_person_must_be_known(town: Town) -> None:
    group = town.group()
    stranger = town.sim.add_user("Eve")
    text = "".join(f'<a href="tg://user?id={id_}">x</a> ' for id_ in (town.ann.id, stranger.id, 5))
    message = await town.sent(group, text=text, parse_mode="HTML")
    assert [entity["user"]["first_name"] for entity in message.entities] == ["Ann"]
    assert message.text == "x x x"


async def test_a_lightning_link_is_dropped_and_its_text_stays(town: Town) -> None:
    text = '<a href="lightning:lnbc1pvjluez">pay</a>'
    message = await town.sent(town.private(), text=text, parse_mode="HTML")
    assert (message.text, message.entities) == ("pay", [])
