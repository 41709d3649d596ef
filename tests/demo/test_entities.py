"""The simulated Telegram reads text as the real TDLib does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tdjson
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.demo.telegram.text import (
    Entity,
    EntityError,
    LinkError,
    check_link,
    entities_from_json,
    find_entities,
    fix_text,
    parse_html,
    utf16_length,
)

Json = dict[str, Any]

KINDS = {
    "Bold": "bold",
    "Italic": "italic",
    "Underline": "underline",
    "Strikethrough": "strikethrough",
    "Spoiler": "spoiler",
    "Code": "code",
    "Pre": "pre",
    "PreCode": "pre",
    "TextUrl": "text_link",
    "MentionName": "text_mention",
    "CustomEmoji": "custom_emoji",
    "BlockQuote": "blockquote",
    "ExpandableBlockQuote": "expandable_blockquote",
    "DateTime": "date_time",
    "Mention": "mention",
    "BotCommand": "bot_command",
}
PRECISION = {"None": 0, "Short": 1, "Long": 2}


def td(request: Json) -> Json:
    answer: Json = json.loads(tdjson.td_execute(json.dumps(request).encode()))
    return answer


@pytest.fixture(scope="module", autouse=True)
def quiet_tdlib() -> None:
    td({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


def ours(entity: Json) -> Json | None:
    """TDLib's entity as the Bot API has it; None for those that the simulator does not look for."""
    kind = entity["type"]["@type"].removeprefix("textEntityType")
    if kind not in KINDS:
        return None
    shown = {"offset": entity["offset"], "length": entity["length"], "type": KINDS[kind]}
    return shown | argument(kind, entity["type"])


def argument(kind: str, type_: Json) -> Json:
    match kind:
        case "PreCode":
            return {"language": type_["language"]}
        case "TextUrl":
            return {"url": type_["url"]}
        case "MentionName":
            return {"user": {"id": type_["user_id"]}}
        case "CustomEmoji":
            return {"custom_emoji_id": str(type_["custom_emoji_id"])}
        case "DateTime":
            return {"unix_time": type_["unix_time"], **date_format(type_.get("formatting_type"))}
    return {}


def date_format(type_: Json | None) -> Json:
    if type_ is None:
        return {}
    if type_["@type"].endswith("Relative"):
        return {"date_time_format": "r"}
    date, time = (
        PRECISION[type_[part]["@type"].removeprefix("dateTimePartPrecision")]
        for part in ("date_precision", "time_precision")
    )
    day = "w" if type_["show_day_of_week"] else ""
    return {"date_time_format": day + ("", "d", "D")[date] + ("", "t", "T")[time]}


def theirs(entity: Entity) -> Json:
    """The Bot API's entity as TDLib has it."""
    kind = next(name for name, kind in KINDS.items() if kind == entity.type)
    if entity.type == "pre" and entity.extra:
        kind = "PreCode"
    type_ = {"@type": f"textEntityType{kind}", **entity.extra}
    if "user" in entity.extra:
        type_["user_id"] = entity.extra["user"]["id"]
    if entity.type == "date_time":
        type_["formatting_type"] = {"@type": "dateTimeFormattingTypeRelative"}
    return {"@type": "textEntity", "offset": entity.offset, "length": entity.length, "type": type_}


def tdlib_html(text: str) -> tuple[str, list[Json | None]] | str:
    mode = {"@type": "textParseModeHTML"}
    answer = td({"@type": "parseTextEntities", "text": text, "parse_mode": mode})
    if answer["@type"] == "error":
        return str(answer["message"])
    return answer["text"], [ours(entity) for entity in answer["entities"]]


def our_html(text: str) -> tuple[str, list[Json | None]] | str:
    try:
        plain, entities = parse_html(text)
    except EntityError as error:
        return f"Can't parse entities: {error}"
    return plain, [entity.to_json() for entity in entities]


HTML = [
    "",
    "plain",
    "<b>bold</b> <strong>too</strong> <i>i</i> <em>em</em>",
    "<u>u</u><ins>ins</ins><s>s</s><strike>strike</strike><del>del</del>",
    '<tg-spoiler>x</tg-spoiler><span class="tg-spoiler">y</span>',
    '<span class="other">y</span>',
    "<span>y</span>",
    '<a href="http://example.com/?a=1&amp;b=2">link</a>',
    '<a href="example.com">link</a>',
    '<a href="EXAMPLE.com:0080/x y#z">link</a>',
    "<a>example.com</a>",
    "<a>no link</a>",
    '<a href="tg://user?id=42">Ann</a>',
    '<a href="tg:user?x=1&id=42#z">Ann</a>',
    '<a href="tg://user?id=042">Ann</a>',
    '<a href="tg://resolve?domain=x">x</a>',
    '<a href="lightning:lnbc1pvjluez">pay</a>',
    '<a href="lightning://lnbc1pvjluez">pay</a>',
    '<a href="ftp://example.com">x</a>',
    '<a href="http://[::1]:80/x">x</a>',
    '<a href="http://user:pw@example.com">x</a>',
    '<a href="ton://x_y">x</a><a href="tonsite://x.y">x</a><a href="ton://x.y">x</a>',
    '<a href="http://exam ple.com">x</a>',
    '<a href="http://example.com:99999">x</a>',
    "<a href=example.com>x</a>",
    "<code>c</code> <pre>p</pre>",
    '<pre><code class="language-python">x = 1</code></pre>',
    '<code class="language-python"><pre>x = 1</pre></code>',
    '<code class="language-python">alone</code>',
    '<pre>a<code class="language-python">b</code></pre>',
    "<blockquote>q</blockquote><blockquote expandable>e</blockquote>",
    '<blockquote expandable="x">e</blockquote><blockquote EXPANDABLE>e</blockquote>',
    '<tg-time unix="1795380000" format="r">in an hour</tg-time>',
    '<tg-time unix="1795380000" format="wDT">then</tg-time>',
    '<tg-time unix="1795380000" format="TtDdW">then</tg-time>',
    '<tg-time unix="1795380000">then</tg-time>',
    '<tg-time unix="1795380000" format="x">then</tg-time>',
    '<tg-time unix="1795380000" format="rt">then</tg-time>',
    '<tg-time unix="0" format="r">then</tg-time>',
    '<tg-time unix="-4294967295" format="r">then</tg-time>',
    '<tg-time format="r">then</tg-time>',
    '<tg-emoji emoji-id="5368324170671202286">👍</tg-emoji>',
    '<tg-emoji emoji-id="x">👍</tg-emoji>',
    "<tg-emoji>👍</tg-emoji>",
    "&lt;&gt;&amp;&quot;&apos;&nbsp;&#65;&#x41;&#128512;&#0;&#x110000;&#xd800&lt &amp",
    "&#xd83d;&#xde00;",
    "&LT; &ltx; &;& &#; &#x; &#1114111; &#0000000065; &#00065;",
    "a < b",
    "a <b",
    "<b>unclosed",
    "<b><i>crossed</b></i>",
    "</b>",
    "x</>",
    "<b>x</>",
    "<B>x</b >",
    "<b>x</b",
    "<b>x</b x>",
    "<u2>x</u2>",
    "<br>",
    "<b/>",
    "<>x</>",
    "<b x>y</b>",
    "<b x=>y</b>",
    "<b x='y>z</b>",
    "<b x=y/>z</b>",
    '<b x="a"y="b">z</b>',
    "<b =>y</b>",
    "<i></i><b> </b>",
    "😀<b>é😀</b>x&#128512;<i>é</i>",
    "é😀<x>",
    "<b>1<i>2<u>3</u></i></b>",
    "<b><b>x</b></b><i>y</i><i>z</i>",
    "<b><code>x</code></b> <code><b>x</b></code>",
    "<blockquote>a<blockquote>b</blockquote></blockquote>",
    "\0<b>\0</b>",
    "<b\0>x</b>",
]


@pytest.mark.parametrize("text", HTML)
def test_html_reads_as_tdlib_reads_it(text: str) -> None:
    assert our_html(text) == tdlib_html(text)


TAGS = [
    *("a", "b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "tg-spoiler", "span"),
    *("tg-emoji", "tg-time", "pre", "code", "blockquote", "X", "B"),
]
ATTRIBUTES = [
    'href="http://a.bc"',
    'href="tg://user?id=7"',
    'href="tg:resolve?x=y"',
    'href="lightning:x"',
    'href="[::1]/a b"',
    'href="a@b.c:99999"',
    'href="tonsite:a.b?c"',
    "href='x.y&amp;z'",
    'class="tg-spoiler"',
    'class="language-py"',
    'emoji-id="5"',
    'unix="5"',
    'unix="-5"',
    "unix=4294967299",
    'format="r"',
    'format="wDT"',
    "format=q",
    "expandable",
    "a/",
    "=",
    'q="',
]
WORDS = ["a", " ", "\n", "é", "😀", "x.y", "\r", "\u200f\u200e", "\t", "\u2028", "\u030a", "ab cd"]
REFERENCES = ["&lt;", "&amp", "&#128512;", "&#x41;", "&#0;", "&foo;", "&", "&#xd83d;", "<", ">"]

attributes = st.lists(st.sampled_from(ATTRIBUTES), max_size=2).map(" ".join)
opened = st.builds(lambda tag, rest: f"<{tag} {rest}>", st.sampled_from(TAGS), attributes)
closed = st.sampled_from([*(f"</{tag}>" for tag in TAGS), "</>", "</b "])
written = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(REFERENCES),
    st.text(alphabet="ab </>&;#x=\"'1é😀\n", max_size=5),
)
loose = st.lists(st.one_of(opened, closed, written), max_size=12).map("".join)


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda tag, rest, text: f"<{tag} {rest}>{text}</{tag}>",
        st.sampled_from(TAGS[:-2]),
        attributes,
        st.lists(inner, max_size=3).map("".join),
    )


nested = st.lists(
    st.recursive(st.sampled_from([*WORDS, *REFERENCES[:5]]), wrapped, max_leaves=8), max_size=4
).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.one_of(loose, nested))
def test_any_html_reads_as_tdlib_reads_it(text: str) -> None:
    assert our_html(text) == tdlib_html(text)


@settings(max_examples=400, deadline=None)
@given(nested)
def test_entities_are_untangled_as_tdlib_does_it(source: str) -> None:
    try:
        text, entities = parse_html(source)
    except EntityError:
        return
    for entity in entities:
        if entity.type == "date_time":
            entity.extra["date_time_format"] = "r"
    formatted = {
        "@type": "formattedText",
        "text": text,
        "entities": [theirs(entity) for entity in entities],
    }
    # its parser of Markdown puts the entities in order first, and here there is nothing to parse
    answer = td({"@type": "parseMarkdown", "text": formatted})
    try:
        fixed, left = fix_text(text, entities, find=False, trim=False)
    except EntityError:
        # the one reason that is left: there is nothing to see
        assert not answer["text"].strip(" \n\u200c\u200e\u200f")
        return
    assert fixed == answer["text"]
    assert [entity.to_json() for entity in left] == [ours(entity) for entity in answer["entities"]]


PIECES = ["/", "@", "a", "bot", "_", "start", " ", "-", "é", "😀", "<", ">", "²", "1", "gif", "#"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "/invoice@thebot", "x" * 33]), max_size=9).map("".join))
def test_commands_and_mentions_are_found_as_tdlib_finds_them(text: str) -> None:
    found = [ours(entity) for entity in td({"@type": "getTextEntities", "text": text})["entities"]]
    wanted = [
        entity.to_json()
        for entity in find_entities(text)
        if entity.type in ("mention", "bot_command")
    ]
    assert wanted == [entity for entity in found if entity is not None]


def test_space_around_a_text_goes_and_entities_move_with_it() -> None:
    text, entities = fix_text(*parse_html(" \n <b>a</b> b \n"))
    assert text == "a b"
    assert [entity.to_json() for entity in entities] == [{"offset": 0, "length": 1, "type": "bold"}]


def test_space_inside_an_entity_stays_in_front_and_goes_behind() -> None:
    text, entities = fix_text(*parse_html("x <b> a </b>\n"))
    assert text == "x  a"
    assert [(entity.offset, entity.length) for entity in entities] == [(2, 2)]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "\u2800 \u00a0", "\r"])
def test_nothing_to_see_is_refused(text: str) -> None:
    with pytest.raises(EntityError, match="Text must be non-empty"):
        fix_text(text, [])


def test_lengths_are_utf16_units() -> None:
    assert utf16_length("aé😀") == 4


def test_commands_mentions_hashtags_and_links_are_found() -> None:
    text = "/invoice@thebot 5 for @ann_b #pizza at https://example.com/a?b=c, ok"
    kinds = [(entity.type, entity.offset) for entity in find_entities(text)]
    assert kinds == [("bot_command", 0), ("mention", 22), ("hashtag", 29), ("url", 39)]


def test_nothing_is_found_inside_of_code() -> None:
    _, entities = fix_text(*parse_html("<code>/start</code> /start"))
    assert [(entity.type, entity.offset) for entity in entities] == [
        ("code", 0),
        ("bot_command", 7),
    ]


@pytest.mark.parametrize(
    ("entity", "complaint"),
    [
        ("x", "expected an Object"),
        ({"type": "bold", "length": 1}, 'Can\'t find field "offset"'),
        ({"type": "bold", "offset": "0", "length": 1}, 'Field "offset" must be of type Number'),
        ({"type": "what", "offset": 0, "length": 1}, "Unsupported type specified"),
        ({"offset": 0, "length": 1}, "Type is not specified"),
        ({"type": "text_mention", "offset": 0, "length": 1, "user": 5}, "wrong type"),
    ],
)
def test_a_wrong_entity_is_refused(entity: object, complaint: str) -> None:
    with pytest.raises(EntityError, match=complaint):
        entities_from_json([entity])


@pytest.mark.parametrize(
    ("entity", "complaint"),
    [
        (Entity("bold", 9, 1), "Entity begins after the end of the text at UTF-16 offset 9"),
        (Entity("bold", 0, 9), "beginning at UTF-16 offset 0 ends after the end of the text"),
        (Entity("bold", 1, 1), "Entity begins in a middle of a UTF-16 symbol at byte offset 4"),
        (Entity("bold", -1, 1), "Receive an entity with incorrect offset -1"),
    ],
)
def test_an_entity_outside_of_the_text_is_refused(entity: Entity, complaint: str) -> None:
    with pytest.raises(EntityError, match=complaint):
        fix_text("😀x", [entity])


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("lightning:lnbc1", "Wrong port number specified in the URL"),
        ("lightning://lnbc1", "Unsupported URL protocol"),
        ("ftp://example.com", "Unsupported URL protocol"),
        ("example", "Wrong HTTP URL"),
        ("http://", "URL host is empty"),
    ],
)
def test_other_links_are_refused(url: str, reason: str) -> None:
    with pytest.raises(LinkError, match=reason):
        check_link(url)
