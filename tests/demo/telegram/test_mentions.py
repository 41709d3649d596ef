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


async def test_people_mention_others_by_their_username_or_with_their_user(town: Town) -> None:
    dora = town.sim.add_user("Дора 🎈", language_code=None)
    carl = town.sim.add_user("Carl", username="carl_b")
    town.sim.promote(group := town.group(), town.bot)
    await town.drain()
    town.sim.say(group, town.ann, [" 🍕🍕 for ", carl, ", ", dora, " and @nobody_here, ", dora])
    (update,) = await town.updates()
    told = update["message"]
    assert told["text"] == "🍕🍕 for @carl_b, Дора 🎈 and @nobody_here, Дора 🎈"
    units = told["text"].encode("utf-16-le")
    shown = [
        (
            entity["type"],
            units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode(
                "utf-16-le"
            ),
            entity.get("user"),
        )
        for entity in told["entities"]
    ]
    user = {"id": dora.id, "is_bot": False, "first_name": "Дора 🎈"}
    assert shown == [
        ("mention", "@carl_b", None),
        ("text_mention", "Дора 🎈", user),
        ("mention", "@nobody_here", None),
        ("text_mention", "Дора 🎈", user),
    ]


async def test_mentions_are_carried_by_captions_and_edits(town: Town) -> None:
    group = town.group()
    town.sim.promote(group, town.bot)
    await town.drain()
    said = town.sim.say(group, town.ann, ["With ", town.bob], photo=picture())
    town.sim.edit_as_user(said, ["With ", town.bob, " ", town.ann])
    first, second = await town.updates()
    (mark,) = first["message"]["caption_entities"]
    assert (mark["type"], mark["offset"], mark["user"]["id"]) == ("text_mention", 5, town.bob.id)
    marks = second["edited_message"]["caption_entities"]
    assert [mark["user"]["id"] for mark in marks] == [town.bob.id, town.ann.id]


async def test_somebody_whom_a_message_mentions_with_their_user_is_known_by_it(town: Town) -> None:
    chat = town.private()
    eve, fred = town.sim.add_user("Eve"), town.sim.add_user("Fred", username="fred_f")
    town.sim.say(chat, town.ann, [eve, " and ", fred])
    text = "".join(f'<a href="tg://user?id={each.id}">x</a> ' for each in (eve, fred))
    message = await town.sent(chat, text=text, parse_mode="HTML")
    assert [entity["user"]["first_name"] for entity in message.entities] == ["Eve"]


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
