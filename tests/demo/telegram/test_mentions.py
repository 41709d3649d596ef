"""Mentions of people, and links that are dropped."""

from __future__ import annotations

from tests.demo.telegram.town import Town, picture, refusal


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


async def test_somebody_whom_nobody_can_mention_is_refused(town: Town) -> None:
    chat = town.private()
    town.sim.unmentionable.add(town.ann.id)
    text = f'<a href="tg://user?id={town.ann.id}">x</a>'
    said = await refusal(town, "sendMessage", chat_id=chat.id, text=text, parse_mode="HTML")
    assert said == "Bad Request: ENTITY_MENTION_USER_INVALID"
    await town.sent(chat, text="x")


async def test_an_older_server_does_not_know_each_tag(town: Town) -> None:
    chat = town.private()
    text = 'by <tg-time unix="1795380000" format="r">then</tg-time>'
    await town.sent(chat, text=text, parse_mode="HTML")
    town.sim.unknown_tags = frozenset({"tg-time"})
    said = await refusal(town, "sendMessage", chat_id=chat.id, text=text, parse_mode="HTML")
    assert said == (
        'Bad Request: can\'t parse entities: Unsupported start tag "tg-time" at byte offset 3'
    )
    media = {"type": "photo", "media": "attach://a", "caption": text, "parse_mode": "HTML"}
    sent = await town.sent(chat)
    there = {"chat_id": chat.id, "message_id": sent.id}
    assert await refusal(town, "editMessageMedia", **there, media=media, a=picture()) == said
