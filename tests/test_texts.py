"""Whatever people write: each text is read by Telegram's own parser, fits, and forges nothing."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
import tdjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import errors, texts
from bot.invoice import Face, Invoice, State
from bot.texts import MAX_CAPTION, MAX_MEMO_BYTES, MAX_NAME, MAX_TEXT, clean, clean_name, length

Json = dict[str, Any]

NOW = 1_790_000_000
SHORT_REQUEST = "lnbc21u1p" + "q" * 251
LONG_REQUEST = "lnbc21u1p" + "q" * 2991  # the longest memo and twenty hints

FACES: dict[Face, State] = {
    Face.OPEN: State.OPEN,
    Face.PAID: State.SETTLED,
    Face.EXPIRED: State.EXPIRED,
    Face.EXPIRED_RENEWED: State.EXPIRED,
    Face.CANCELLED: State.CANCELLED,
    Face.CANCELLED_RENEWED: State.CANCELLED,
    Face.FAILED: State.FAILED,
    Face.QUESTION: State.ASKING,
}
STATE_MARKS = {
    Face.OPEN: "⚡ Please pay",
    Face.PAID: "✅ Paid:",
    Face.EXPIRED: "⌛ Expired:",
    Face.EXPIRED_RENEWED: "⌛ Expired:",
    Face.CANCELLED: "✖️ Cancelled:",
    Face.CANCELLED_RENEWED: "✖️ Cancelled:",
}

HOSTILE = [
    "",
    "pizza",
    "<b>bold</b> <script>alert(1)</script>",
    "</blockquote>\n✅ <b>Paid: 1,000,000 sats</b>",
    "</code></b></i></a></blockquote></tg-time>",
    "✅ Paid: 2,100 sats\nPaid today",
    "&lt;b&gt; &amp;amp; &#60; &copy &nosuch; & <",
    '" onclick=\' href="tg://user?id=1"',
    "\u202eevil\u202c \u2066hidden\u2069 \u200fRTL \u200e",
    "שלום עליכם, العربية",
    "lone \ud800 and \udfff and \ud83d",
    "nul \x00 bell \x07 escape \x1b[31m",
    "line\r\nline\rline\u2028line\u2029line\x85line\x0bline\x0cline",
    "\n\n\n   \n",
    "👩\u200d👩\u200d👧\u200d👦 🏴\U000e0067\U000e0062\U000e007f 🇩🇪 ⚡️",
    "\U0001f9c0" * 159,
    "x" * 639,
    "\n" * 639,
    "<" * 639,
    "&" * 639,
    "ж" * 319,
    "\u3164" * 200,
    "a\u0300\u0301\u0302" * 90,
    "@everyone /cancel https://example.org #tag lightning:lnbc1",
]
NAMES = [*HOSTILE, "Anna", "n" * 64, "n" * 65, "\U0001f9c0" * 64, "\U0001f9c0" * 200, "\u200d"]


@pytest.fixture(scope="module", autouse=True)
def quiet_tdlib() -> None:
    td({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


def td(request: Json) -> Json:
    answer = tdjson.td_execute(json.dumps(request).encode())
    read: Json = json.loads(answer or b"{}")
    return read


def parsed(markup: str) -> Json:
    """What Telegram's own parser makes of a text of ours."""
    answer = td(
        {
            "@type": "parseTextEntities",
            "text": markup,
            "parse_mode": {"@type": "textParseModeHTML"},
        }
    )
    assert answer["@type"] == "formattedText", (answer, markup)
    return answer


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def checked(markup: str, limit: int = MAX_TEXT) -> Json:
    """Parsed as meant, within the limit, and as long as we think."""
    read = parsed(markup)
    text = read["text"]
    assert 0 < units(text) <= limit
    assert units(text) == length(markup)
    assert text.strip()
    tags = markup.count("</")
    empty = markup.count("></")
    assert len(read["entities"]) >= tags - empty - markup.count('unix="0"'), "a tag was lost"
    return read


def outside_quotes(read: Json) -> str:
    """The text without what stands in a quote."""
    text = read["text"].encode("utf-16-le")
    for entity in reversed(read["entities"]):
        if entity["type"]["@type"].endswith("BlockQuote"):
            start = 2 * entity["offset"]
            text = text[:start] + text[start + 2 * entity["length"] :]
    return str(text.decode("utf-16-le"))


def memo_of(text: str) -> str:
    """As a handler stores it."""
    return clean(text).strip().encode()[:MAX_MEMO_BYTES].decode(errors="ignore").strip()


def invoice(state: State = State.OPEN, **changes: Any) -> Invoice:
    values: dict[str, Any] = {
        "id": 1,
        "origin_chat_id": -5,
        "origin_message_id": 10,
        "origin_count": 0,
        "chat_id": -5,
        "asker_id": 7,
        "asker_name": "Anna",
        "asked_at": float(NOW),
        "amount_msat": 2_100_000,
        "memo": "pizza",
        "expiry_s": 3600,
        "state": state,
        "payment_hash": b"h" * 32,
        "payment_request": SHORT_REQUEST,
        "expires_at": NOW + 3600,
    }
    if state is State.SETTLED:
        values |= {"settled_at": NOW + 60, "paid_msat": 2_100_000}
    if state is State.FAILED:
        values |= {"failure": errors.NodeUnreachable().sentence}
    if state is State.ASKING:
        values |= {"amount_msat": None, "payment_request": "", "expires_at": 0}
    return Invoice(**(values | changes))


def hostile(face: Face, memo: str, name: str, **changes: Any) -> Invoice:
    return invoice(
        FACES[face],
        memo=memo_of(memo),
        asker_name=clean_name(name),
        cancelled_by=clean_name(name) if FACES[face] is State.CANCELLED else "",
        renewed=face in (Face.EXPIRED_RENEWED, Face.CANCELLED_RENEWED),
        **changes,
    )


marks = st.sampled_from(
    [
        *"<>&\"'/;# \t\n\r\0ab7ж⚡✅",
        *("\u202e", "\u2066", "\u200f", "\u200d", "\ufe0f", "\u2028", "\x85", "\x1b", "\ufeff"),
        *("\ud83d", "\ude00", "\udfff", "\U0001f9c0", "\U000e0067", "\ufffd", "\ue000", "\u0301"),
        *("</b>", "</blockquote>", "<code>", "&lt;", "&#x3c;", "&amp"),
    ]
)
people_write = st.lists(st.one_of(marks, st.characters()), max_size=120).map("".join) | st.text()


# the card

LIMITS = [(MAX_CAPTION, SHORT_REQUEST), (MAX_CAPTION, LONG_REQUEST), (MAX_TEXT, LONG_REQUEST)]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("limit", "request_"), LIMITS, ids=["caption", "apart", "text"])
def test_every_card_is_parsed_and_fits_whatever_people_wrote(
    face: Face, limit: int, request_: str
) -> None:
    for memo in HOSTILE:
        for name in NAMES:
            for earlier in (False, True):
                row = hostile(face, memo, name, payment_request=request_)
                card = texts.card(row, face, limit=limit, earlier_copy=earlier)
                checked(card.html, limit)


@settings(deadline=None, max_examples=300)
@given(
    face=st.sampled_from(list(FACES)),
    memo=people_write,
    name=people_write,
    limit=st.sampled_from([MAX_CAPTION, MAX_TEXT]),
    request_length=st.integers(200, 2500),
    earlier=st.booleans(),
)
def test_any_card_is_parsed_and_fits(
    face: Face, memo: str, name: str, limit: int, request_length: int, earlier: bool
) -> None:
    row = hostile(face, memo, name, payment_request="l" * request_length)
    card = texts.card(row, face, limit=limit, earlier_copy=earlier)
    checked(card.html, limit)
    if row.state is State.OPEN:
        checked(texts.request(row, face))


@settings(deadline=None)
@given(face=st.sampled_from(list(STATE_MARKS)), memo=people_write)
def test_a_memo_changes_nothing_outside_of_its_quote(face: Face, memo: str) -> None:
    row = hostile(face, memo, "Anna")
    if not row.memo:
        return
    read = checked(texts.card(row, face).html)
    plain = checked(texts.card(hostile(face, "x", "Anna"), face).html)
    assert outside_quotes(read) == outside_quotes(plain)
    assert read["text"].startswith(STATE_MARKS[face])
    assert row.memo in read["text"]


@settings(deadline=None)
@given(face=st.sampled_from(list(STATE_MARKS)), name=people_write)
def test_a_name_stays_in_its_line(face: Face, name: str) -> None:
    row = hostile(face, "", name)
    lines = checked(texts.card(row, face).html)["text"].splitlines()
    plain = checked(texts.card(hostile(face, "", "Anna"), face).html)["text"].splitlines()
    if row.asker_name:
        assert len(lines) == len(plain)
        assert lines[1] == f"Asked by {row.asker_name}"
        assert lines[0] == plain[0]


@pytest.mark.parametrize("face", STATE_MARKS)
def test_the_state_is_the_first_line_with_the_amount(face: Face) -> None:
    first = checked(texts.card(hostile(face, "pizza", "Anna"), face).html)["text"].splitlines()[0]
    assert first == f"{STATE_MARKS[face]} 2,100 sats"


def test_an_open_card_has_all_that_is_needed_to_pay() -> None:
    read = checked(texts.card(invoice(), Face.OPEN).html)
    kinds = [entity["type"]["@type"] for entity in read["entities"]]
    code = next(each for each in read["entities"] if each["type"]["@type"] == "textEntityTypeCode")
    assert read["text"][code["offset"] : code["offset"] + code["length"]] == SHORT_REQUEST
    assert "Asked by Anna" in read["text"]
    assert "pizza" in read["text"]
    times = [e["type"] for e in read["entities"] if e["type"]["@type"] == "textEntityTypeDateTime"]
    assert [each["unix_time"] for each in times] == [NOW + 3600] * 2
    assert times[1]["formatting_type"]["@type"] == "dateTimeFormattingTypeRelative"
    assert "textEntityTypeBlockQuote" in kinds


CLOSED = [face for face in STATE_MARKS if face is not Face.OPEN]


@pytest.mark.parametrize("face", CLOSED)
def test_a_closed_card_holds_no_payment_request_in_either_message(face: Face) -> None:
    row = hostile(face, "pizza", "Anna")
    for markup in (texts.card(row, face).html, texts.request(row, face)):
        assert SHORT_REQUEST not in markup
        assert "can't be paid any more" in markup or face is Face.PAID
    assert "can't be paid any more" in texts.request(row, face)


def test_a_request_that_does_not_fit_the_caption_goes_apart() -> None:
    row = hostile(Face.OPEN, "x" * 100, "Anna")
    fits = [
        size
        for size in range(300, 1100)
        if not texts.card(
            hostile(Face.OPEN, "x" * 100, "Anna", payment_request="l" * size), Face.OPEN
        ).request_apart
    ]
    longest = hostile(Face.OPEN, "x" * 100, "Anna", payment_request="l" * fits[-1])
    assert fits == list(range(300, fits[-1] + 1))
    assert length(texts.card(longest, Face.OPEN).html) == MAX_CAPTION

    long = hostile(Face.OPEN, "x" * 100, "Anna", payment_request=LONG_REQUEST)
    card = texts.card(long, Face.OPEN)
    assert card.request_apart
    assert LONG_REQUEST not in card.html
    assert row.memo in card.html
    assert LONG_REQUEST in texts.request(long, Face.OPEN)
    as_text = texts.card(long, Face.OPEN, limit=MAX_TEXT)
    assert not as_text.request_apart
    assert LONG_REQUEST in as_text.html


@pytest.mark.parametrize("face", STATE_MARKS)
def test_the_longest_memo_is_shown_whole(face: Face) -> None:
    for memo in ("x" * 639, "ж" * 319, "\U0001f9c0" * 159):
        row = hostile(face, memo, "n" * 64, payment_request=LONG_REQUEST)
        assert memo in parsed(texts.card(row, face).html)["text"]


def test_a_long_memo_is_folded() -> None:
    assert "<blockquote>" in texts.card(hostile(Face.OPEN, "x" * 200, ""), Face.OPEN).html
    for memo in ("x" * 201, "a\nb\nc\nd\ne"):
        assert "<blockquote expandable>" in texts.card(hostile(Face.OPEN, memo, ""), Face.OPEN).html


@pytest.mark.parametrize(
    ("asked_msat", "paid_msat", "first", "more"),
    [
        (2_100_000, 2_100_000, "✅ Paid: 2,100 sats", False),
        (2_100_000, 2_100_001, "✅ Paid: 2,100.001 sats", True),
        (0, 777_000, "✅ Paid: 777 sats", False),
        (2_100_000, 5_000_000, "✅ Paid: 5,000 sats", True),
    ],
)
def test_a_payment_is_told_with_what_came_in(
    asked_msat: int, paid_msat: int, first: str, more: bool
) -> None:
    row = invoice(State.SETTLED, amount_msat=asked_msat, paid_msat=paid_msat)
    card, told = texts.card(row, Face.PAID).html, texts.told(row)
    assert parsed(card)["text"].splitlines()[0] == first
    assert first.removeprefix("✅ Paid: ") in told
    assert ("more than the 2,100 sats asked for" in card) is more
    assert ("more than the 2,100 sats asked for" in told) is more


def test_who_cancelled_is_told_unless_it_was_the_asker() -> None:
    row = hostile(Face.CANCELLED, "pizza", "<Bert>")
    assert "Cancelled by <Bert>:" in parsed(texts.card(row, Face.CANCELLED).html)["text"]
    row = invoice(State.CANCELLED)
    assert "Cancelled: it can't" in parsed(texts.card(row, Face.CANCELLED).html)["text"]


# the other texts

OTHERS: dict[str, Callable[[str, str], str]] = {
    "told": lambda memo, name: texts.told(hostile(Face.PAID, memo, name)),
    "told again, elsewhere": lambda memo, name: texts.told(
        hostile(Face.PAID, memo, name, amount_msat=1),
        earlier_copy=True,
        elsewhere=texts.CANT_REACH_CHAT,
    ),
    "told to a group": lambda memo, name: texts.told(hostile(Face.PAID, memo, name, asker_id=-5)),
    "question": lambda _, name: texts.question(hostile(Face.QUESTION, "", name)),
    "waiting": lambda memo, _: texts.waiting(clean(memo), 60),
    "failed": lambda memo, _: texts.failed(invoice(State.FAILED, failure=clean(memo))),
    "latest": lambda memo, name: texts.latest(
        [hostile(face, memo, name) for face in FACES if face is not Face.QUESTION], in_group=True
    ),
    "help": lambda _, name: texts.help_private(clean_name(name)),
    "help in a group": lambda _, name: texts.help_group(clean_name(name)),
    "refusal": lambda memo, _: texts.refusal(clean(memo) or "No."),
    "stuck": lambda memo, _: texts.owner_stuck(7, clean(memo)),
    "refused": lambda memo, _: texts.owner_refused(7, clean(memo)),
    "untrue": lambda memo, _: texts.owner_untrue(7, clean(memo)),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_every_other_text_is_parsed_and_fits(make: Callable[[str, str], str]) -> None:
    for memo in HOSTILE:
        for name in NAMES:
            if (markup := make(memo, name)).strip():
                checked(markup)


@settings(deadline=None)
@given(name=st.sampled_from(sorted(OTHERS)), memo=people_write, who=people_write)
def test_any_other_text_is_parsed_and_fits(name: str, memo: str, who: str) -> None:
    if (markup := OTHERS[name](memo, who)).strip():
        checked(markup)


def test_texts_of_numbers_are_parsed() -> None:
    for markup in (
        texts.ids(7, 7),
        texts.ids(7, -100),
        texts.stranger(7, -100),
        texts.memo_too_long(700),
        texts.limit_user(10, 600),
        texts.limit_chat(50),
        texts.owner_foreign(1),
        texts.owner_foreign(3),
        texts.latest([], in_group=False),
        texts.latest([], in_group=True),
    ):
        checked(markup)


def test_answers_to_a_press_fit_its_little_window() -> None:
    said = [
        value for name, value in vars(texts).items() if name.isupper() and isinstance(value, str)
    ]
    assert len(said) > 10
    assert all(len(each) <= 200 for each in said)


def test_the_ids_are_each_told_once() -> None:
    assert parsed(texts.ids(7, 7))["text"] == "Your id: 7"
    assert parsed(texts.ids(7, -100))["text"] == "Your id: 7\nThis chat's id: -100"


def test_as_many_of_the_latest_are_told_as_fit() -> None:
    rows = [hostile(Face.OPEN, "\U0001f9c0" * 100, "Anna") for _ in range(200)]
    text = checked(texts.latest(rows, in_group=False))["text"]
    assert units(text) > MAX_TEXT - 200
    lines = text.splitlines()
    assert lines[0] == "Your latest invoices"
    assert len(set(lines[1:])) == 1
    assert lines[1].startswith("⚡ open · 2,100 sats – ")


@settings(deadline=None)
@given(memo=people_write)
def test_a_memo_takes_one_line_among_the_latest(memo: str) -> None:
    row = hostile(Face.OPEN, memo, "Anna")
    text = checked(texts.latest([row, invoice()], in_group=True))["text"]
    assert len(text.split("\n")) == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (60, "1 minute"),
        (120, "2 minutes"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (86_400, "1 day"),
        (0, "0 seconds"),
        (1, "1 second"),
    ],
)
def test_a_time_is_told_in_its_largest_whole_unit(seconds: int, text: str) -> None:
    assert f"for {text}." in texts.waiting("Away.", seconds)


def test_one_is_told_as_one() -> None:
    assert "for 1 invoice in 1 hour:" in texts.limit_user(1, 3600)
    assert "has 1 open invoice:" in texts.limit_chat(1)
    assert "has 2 open invoices:" in texts.limit_chat(2)
    assert "1 open invoice of" in texts.owner_foreign(1)


def test_a_failure_names_the_amount_that_was_asked_for() -> None:
    failure = "The Lightning node can't be reached."
    row = invoice(State.FAILED, failure=failure)
    text = parsed(texts.failed(row))["text"]
    assert text == f"⚠️ {failure}\nThere is no invoice for 2,100 sats: ask again later."
    row = invoice(State.FAILED, failure=failure, amount_msat=0)
    assert parsed(texts.failed(row))["text"].endswith("There is no invoice: ask again later.")


def test_the_commands_are_as_telegram_takes_them() -> None:
    for commands in (texts.PRIVATE_COMMANDS, texts.GROUP_COMMANDS):
        for name, text in commands:
            assert name.isalpha()
            assert name.islower()
            assert 3 <= len(text) <= 256 or name == "id"


# what people wrote


@given(people_write)
@example("\ud83d\ude00")
@example("\ud83dx\ude00")
@example("a\r\x00\nb")
@example("\ufeffa")
def test_clean_text_can_be_stored_and_sent(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert clean(cleaned) == cleaned
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in cleaned)
    assert not set(cleaned) & set("\u2028\u2029\r")


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]) | st.sampled_from("\n\t"))
)
def test_cleaning_changes_nothing_that_is_clean(text: str) -> None:
    assert clean(text) == text


@given(st.lists(st.sampled_from(["a", "ж", "\U0001f9c0", "\ud800", "\udc00"]), max_size=20))
def test_only_what_stands_alone_is_replaced(parts: list[str]) -> None:
    text = "".join(parts)
    expected = text.replace("\ud800\udc00", "\U00010000")
    expected = "".join("\ufffd" if c in "\ud800\udc00" else c for c in expected)
    assert clean(text) == expected


def test_every_line_end_becomes_a_newline() -> None:
    assert clean("a\r\nb\rc\u2028d\u2029e\x0bf\x0cg\x85h\ni") == "a\nb\nc\nd\ne\nf\ng\nh\ni"


@given(people_write)
@example("a" * 63 + "\u200d\U0001f469")
def test_a_clean_name_is_one_short_line_that_turns_and_hides_nothing(name: str) -> None:
    cleaned = clean_name(name)
    assert len(cleaned) <= MAX_NAME
    assert cleaned == cleaned.strip()
    assert len(cleaned.splitlines()) <= 1
    assert clean_name(cleaned) == cleaned
    for c in cleaned:
        assert (
            c == "\u200d"
            or not unicodedata.category(c).startswith(("C", "Zl", "Zp"))
            or (unicodedata.category(c) == "Cn")
        )


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("Anna Berg", "Anna Berg"),
        ("  Anna \n Berg ", "Anna Berg"),
        ("Anna\u202egreB", "Anna greB"),
        ("👩\u200d🚀 Anna", "👩\u200d🚀 Anna"),
        ("שלום", "שלום"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 63 + "…"),
        ("\u200b\u2060\ufeff", ""),
        ("\x00\x07", ""),
    ],
)
def test_what_becomes_of_a_name(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@settings(deadline=None)
@given(people_write, st.sampled_from(["b", "i", "code", "blockquote", "blockquote expandable"]))
def test_length_is_telegrams_own_count(text: str, tag: str) -> None:
    markup = f"a<{tag}>{texts._escape(clean(text))}</{tag.removesuffix(' expandable')}>b"
    assert length(markup) == units(parsed(markup)["text"])
