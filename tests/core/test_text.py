"""What people write is cleaned, and counted as Telegram and BOLT11 count it."""

from __future__ import annotations

import html
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.core.lookalikes import is_sign
from bot.core.text import (
    MAX_MEMO_BYTES,
    MAX_NAME,
    clean,
    clean_name,
    clean_quote,
    is_shortened,
    last_sentences,
    length,
    memo,
    shortened,
)
from bot.errors import MemoRefused, MemoUnreadable
from tests.texts.reading import parsed, people_write, units


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
def test_only_lone_surrogates_are_replaced(parts: list[str]) -> None:
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
        ("✅ Bob, you got 50,000 sats.\u2800\u2800\u2800", "Bob, you got 50,000 sats."),
        ("⚡️ Anna ⚡️", "Anna"),
        ("✖️", ""),
        ("\u3164\u115f\u1160\uffa0\u2800", ""),
        ('Anna "Nan" “Berg”', "Anna Nan Berg"),
        ("O'Neil ''", "O'Neil '"),
        ("Z\u0335\u0336\u0337\u0338\u0339o\u0301e", "Z\u0335\u0336\u0337o\u0301e"),
        ("\u0301\u0302 Anna", "Anna"),
        ("Anna \u0301", "Anna"),
        ("Nguyê\u0303n", "Nguyê\u0303n"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("\u200d", ""),
        ("a\u200d\u200d", "a"),
    ],
)
def test_what_becomes_of_a_name(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@given(people_write)
@example("\u0301" * 5 + "a" + "\u0301" * 5)
@example("⚡\u200d✅\u2800\ufe0f")
def test_nothing_in_a_clean_name_looks_like_ours_or_covers_it(name: str) -> None:
    cleaned = clean_name(name)
    assert not set(cleaned) & set('"“”\u2800\u3164\u115f\u1160\uffa0')
    assert not any(map(is_sign, cleaned))
    marks = "".join("m" if unicodedata.category(c) in ("Mn", "Me") else "-" for c in cleaned)
    assert "mmmm" not in marks
    assert not marks.startswith("m")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pizza", "pizza"),
        ("pizza ⚡ beer", "pizza ⚡ beer"),
        ("✅ Paid: 2,100 sats\n✅ Paid today", "Paid: 2,100 sats\nPaid today"),
        ("pizza\n\u2800 \u3164✖️\u0301\u200b ⚡️x", "pizza\nx"),
        ("list:\n  - cheese\n\n\tham", "list:\n  - cheese\n\n\tham"),
        ("⚡️", ""),
        ("⚡\npizza", "pizza"),
        ("Z\u0335\u0336\u0337\u0338\u0339o", "Z\u0335\u0336\u0337o"),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_is_shown_of_a_memo(text: str, shown: str) -> None:
    assert clean_quote(text) == shown
    assert clean_quote(shown) == shown


# the memo


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("pizza", "pizza"),
        ("  pizza\n\nwith  cheese \n", "pizza\n\nwith  cheese"),
        ("", ""),
        (" \n ", ""),
        ("\u200b\u2060\ufeff", ""),
        ("\u200d", ""),
        ("\u2800\u3164 \u0301", ""),
        ("⚡", "⚡"),
        ('""', '""'),
        ("👩\u200d🚀", "👩\u200d🚀"),
    ],
)
def test_what_becomes_of_a_memo(text: str, kept: str) -> None:
    assert memo(text) == kept


@pytest.mark.parametrize("letter", ["x", "ж", "€", "\U0001f9c0"])
def test_a_memo_is_counted_in_bytes(letter: str) -> None:
    size_bytes = len(letter.encode())
    longest = letter * (MAX_MEMO_BYTES // size_bytes)
    assert memo(f" {longest} ") == longest
    with pytest.raises(MemoRefused) as refusal:
        memo(longest + letter)
    assert type(refusal.value) is MemoRefused
    assert refusal.value.values["size_bytes"] == len(longest.encode()) + size_bytes


def test_a_memo_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(MemoUnreadable):
        memo("pizza \udcff")


@given(people_write)
def test_a_clean_memo_is_kept_or_refused_for_its_size(text: str) -> None:
    cleaned = clean(text)
    try:
        kept = memo(cleaned)
    except MemoRefused:
        assert len(cleaned.encode()) > MAX_MEMO_BYTES
    else:
        assert kept in ("", cleaned.strip())
        assert memo(kept) == kept


# lengths


@settings(deadline=None)
@given(people_write, st.sampled_from(["b", "i", "code", "blockquote", "blockquote expandable"]))
def test_length_is_telegrams_own_count(text: str, tag: str) -> None:
    markup = f"a<{tag}>{html.escape(clean(text), quote=False)}</{tag.removesuffix(' expandable')}>b"
    assert length(markup) == units(parsed(markup)["text"])


# a text that is shortened to a memo


@given(people_write)
def test_what_fits_is_not_shortened(text: str) -> None:
    text = clean(text).strip()
    if len(text.encode()) <= MAX_MEMO_BYTES:
        assert shortened(text) == text


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=20)),
    st.sampled_from(["", " ", "\n", "字", "👩\u200d🚀"]),
)
def test_a_shortened_text_is_a_beginning_that_fits_and_says_so(words: list[str], by: str) -> None:
    text = (by.join(words) + "x" * 700).strip()
    short = shortened(text)
    assert memo(short) == short
    assert is_shortened(short)
    assert text.startswith(short.removesuffix("…"))
    assert MAX_MEMO_BYTES - 90 <= len(short.encode()) <= MAX_MEMO_BYTES


def test_a_text_is_shortened_at_a_word() -> None:
    words = "one more beer, " * 60
    assert shortened(words.strip()) == ("one more beer, " * 42 + "one…")
    assert shortened("a" * 636 + " b c") == "a" * 636 + "…"
    assert shortened("a" * 635 + " b cd") == "a" * 635 + "…"
    assert shortened("a" * 640) == "a" * 636 + "…"
    assert shortened("é" * 400) == "é" * 318 + "…"


@pytest.mark.parametrize("sign", ["👩\u200d🚀", "e\u0301", "❤\ufe0f", "👍🏽"])
def test_no_sign_is_cut_in_two(sign: str) -> None:
    for before in range(12):
        short = shortened("a" * before + sign * 400)
        assert short == "a" * before + sign * short.count(sign) + "…"


@pytest.mark.parametrize("text", ["", "…", "pizza…", "a" * 639, "a" * 500 + "…"])
def test_what_people_write_does_not_look_shortened(text: str) -> None:
    assert not is_shortened(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("One. Two. Three.", "One. Two. Three."),
        ("Number one. Two. Three.", "Two. Three."),
        ("Two. Three and four.", "Three and four."),
        ("one sentence that is too long", "one sentence tha"),
        ("a" * 15 + "\U0001f9c0", "a" * 15),
        ("", ""),
    ],
)
def test_the_last_sentences_are_whole_ones(text: str, kept: str) -> None:
    assert last_sentences(text, 16) == kept
