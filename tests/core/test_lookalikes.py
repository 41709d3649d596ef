"""What looks like a quotation mark or a sign of ours is one, whatever else Unicode adds."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.lookalikes import is_apostrophe, is_double_quote, is_sign
from bot.core.text import clean_name, clean_quote
from bot.findings import Mark
from bot.texts import FACE_SIGNS
from tests.texts.reading import people_write

# as Unicode's own list of confusables has them, and what fonts draw like them
DOUBLE = '"“”„‟«»″‶‴‷⁗〝〞〟＂ʺ˝˶˵ˮ״¨〃❝❞❠🙶🙷🙸⹂᳓΅῁'
SINGLE = "'‘’‚‛`´′‵ʹʻʼʽʾʿˈˊˋ˴΄᾽᾿῾՚՛՝׳ߴߵꞌꞋ＇｀❛❜❟"
SIGNS = (
    "✓✔✅☑🗸🗹☐🮱𐄂√⍻"
    "✗✘❌❎✕✖☒☓🗴🗵🗶🗷🗙⨯⨉╳⊠⊗🅇🅧🆇🞨🞮⮽⮾⮿"
    "⚠☡❗❕❢🛆⃤"
    "⚡🗲🗱☇↯⭍⌁🌩⛈ϟ"
    "⏳⌛⧖⧗"
    "🕐🕓🕧🕰⏰⏱⏲⌚◔◴◷"
    "🚫⛔🛇🛑🚭🚯🚱🚳🚷📵🔞⊘⦸∅⌀⃠"
)
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u17b4\u180b\u180e\ufe0e\ufe0f\u3164\u2800 "
ACCENTS = "\u0300\u0301\u0308\u030b\u0312\u0313\u0315\u20dd\u20e3\u0489"


@pytest.mark.parametrize("sign", "◻⬜□▢☐▭▯◽🔲▰▱▬■⬛⃞")
def test_no_name_and_no_memo_has_what_a_board_marks_a_part_or_a_bar_with(sign: str) -> None:
    assert is_sign(sign)
    for line in (f"{sign} 28,000 sats: free", f"{sign}\ufe0f 28,000 sats: free"):
        assert sign not in clean_name(line)
        assert sign not in clean_quote(line)


@pytest.mark.parametrize("mark", DOUBLE)
def test_no_name_has_what_looks_like_its_quotation_marks(mark: str) -> None:
    assert is_double_quote(mark)
    assert clean_name(f"Bob{mark}, you got 50,000 sats") == "Bob , you got 50,000 sats"


@pytest.mark.parametrize("mark", SINGLE)
def test_no_name_has_two_marks_that_look_like_its_quotation_marks(mark: str) -> None:
    assert is_apostrophe(mark)
    assert clean_name(f"O{mark}Neil") == f"O{mark}Neil"
    for between in ("", *INVISIBLE, *ACCENTS, *(each * 9 for each in INVISIBLE + ACCENTS)):
        for other in (mark, "'", "\u02bc"):
            cleaned = clean_name(f"Bob{mark}{between}{other}, you")
            assert "".join(cleaned.split()) == f"Bob{mark},you", (between, other)


@pytest.mark.parametrize(
    "letters",
    [
        "\u05d9\u05d9",
        "\u05d9 \u05d9",
        "\u05d9\u05b7\u05d9",
        "\u05d9\u200d\u05d9",
        "\u05f2",
        "\u144a\u144a",
        "\u16cc\u16cc",
    ],
)
def test_letters_pass_for_no_quotation_mark_where_they_are_in_no_word(letters: str) -> None:
    assert clean_name(f"Bob{letters}, you") == "Bob , you"


@pytest.mark.parametrize(
    "name",
    [
        "O'Neil d’Arc",
        "\u02bbOkina",
        "חיים",
        "ייִדיש",
        "Đặng Nguyễn",
        "e\u0301",
        "क्\u200dष",
        "👩\u200d🚀",
        "🏳\ufe0f\u200d🌈",
        "1\ufe0f\u20e3",
        "#\u20e3",
        "❤\ufe0f\u200d🔥",
        "👍🏽",
        "C++ & Co. §5 10€ ★",
        "Ünal Øre Ñandú ï",
        "rock 'n' roll",
    ],
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert clean_name(name) == name
    assert clean_quote(name) == name


@pytest.mark.parametrize("sign", SIGNS)
def test_no_name_and_no_line_of_a_memo_begins_with_what_looks_like_a_sign(sign: str) -> None:
    assert is_sign(sign)
    for shown in (sign, f"{sign}\ufe0f", f"\u200b{sign}\u20e3", f"{sign}\u200d{sign}"):
        assert clean_name(f"{shown} Paid") == "Paid"
        assert clean_quote(f"x\n{shown} Paid").split() == ["x", "Paid"]


def test_every_sign_of_ours_is_one() -> None:
    for sign in (*FACE_SIGNS.values(), Mark.FINE, Mark.BAD):
        assert is_sign(sign[0])


def seen(name: str) -> str:
    """Without what shows nothing, and without what is above or below a character."""
    drawn = (c for c in name if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
    return "".join("".join(drawn).split())


scraps = st.sampled_from([*DOUBLE, *SINGLE, *SIGNS, *INVISIBLE, *ACCENTS, *"a1.,\n", "\u05d9", "ײ"])


@given(st.one_of(people_write, st.lists(scraps, max_size=70).map("".join)))
@example("a" * 63 + "\u200d\U0001f469")
@example("a" * 62 + "'\u0301'")
@example("a" * 61 + "❤\ufe0f❤\ufe0f")
@example("'\u05d9\u05d9'")
@example("\u05f2\u0300")
@example("\u05d9\u05f2\u05d9")
@example('\u05d9"\u05f2"\u05d9')
@example("\u144a \u144a'\u144a")
@example("\u144a\xa8\u05f2\u144a")
@example("\u05b7\u144a\u144a\u05b7\u05f2")
@example("a" * 61 + " \u05f2\u05d0\u05d0")
@example("\u05d0\U0001f469\u200d\u20e31")
def test_nothing_in_any_name_looks_like_ours(name: str) -> None:
    cleaned = clean_name(name)
    assert clean_name(cleaned) == cleaned
    shown = seen(cleaned)
    assert not any(is_double_quote(c) or is_sign(c) for c in shown)
    assert not any(map(lambda *two: all(map(is_apostrophe, two)), shown, shown[1:]))
