"""What people write as plain text, and Telegram's and BOLT11's lengths. Pure; only our errors."""

from __future__ import annotations

import html
import re
import unicodedata

from bot.core.lookalikes import (
    KEYCAP,
    is_apostrophe,
    is_double_quote,
    is_sign,
    without_letters_as_quotes,
)
from bot.errors import MemoRefused, MemoUnreadable

#: Telegram's limits, in UTF-16 units of what is shown.
MAX_CAPTION = 1024
MAX_TEXT = 4096
#: LND's and BOLT11's own limit, in bytes of UTF-8.
MAX_MEMO_BYTES = 639
#: Characters of a word for whose sake a text is cut before it.
LONGEST_WORD = 20
#: A text that was cut is shorter by fewer bytes than this.
_MOST_CUT_BYTES = 100
#: Characters of a name that are kept.
MAX_NAME = 64
#: A memo with more characters than this is folded.
FOLD_AT = 200
#: A memo of one line with no more characters than this is in the card's first line.
SHORT_MEMO = 40

_ZERO_WIDTH_JOINER = "\u200d"  # holds families and flags of emoji together
# letters and signs that show nothing, and what no font shows although it is not assigned yet
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159\u2065") | {
    *map(chr, range(0xFFF0, 0xFFF9)),
    *map(chr, range(0xE0000, 0xE1000)),
}
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
# As many marks above and below one letter as a language writes; more of them cover other lines.
_MAX_MARKS = 3
# marks that show nothing, and those that say whether a symbol is drawn as an emoji
_BLANK_MARKS = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")
_VARIATION_SELECTORS = frozenset(map(chr, range(0xFE00, 0xFE10)))
_ON_KEYS = frozenset("0123456789#*")


def clean(text: str) -> str:
    """Text as it can be stored and sent: no lone surrogates, no control characters.

    Newlines and tabs stay; other line ends become newlines.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub("\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text)
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def clean_name(name: str) -> str:
    """A name as one line that can be set off by quotation marks; cut at `MAX_NAME` characters.

    Nothing in it turns or hides text, looks like a quotation mark or a sign of ours, or is blank.
    """
    visible = "".join(" " if is_double_quote(c) else c for c in clean_line(name))
    # what is taken out may have kept two others apart, or leave the marks that were above it
    while (apart := without_letters_as_quotes(without_heaps(visible))) != visible:
        visible = apart
    line = " ".join(_without_second_apostrophes(visible).split())
    return line if len(line) <= MAX_NAME else clean_name(line[: MAX_NAME - 1] + "…")


def clean_line(text: str) -> str:
    """What somebody wrote as one line of any length: nothing in it turns or hides text, is blank,
    or looks like a sign of ours.
    """
    visible = "".join(c if _is_kept_in_a_line(c) else " " for c in clean(text))
    return " ".join(without_heaps(visible).split())


def spelled(text: str) -> str:
    """What another program said, a path, a setting: within a line of ours, as it is.

    What would end, turn or hide the line, or look like a sign of ours, is there as its escape.
    """
    if text.isascii() and text.isprintable():
        return text
    near = _MAX_MARKS + 1
    return "".join(
        c if _is_harmless(c, text[max(at - near, 0) : at]) else _escape(c)
        for at, c in enumerate(text)
    )


def clean_quote(text: str) -> str:
    """A memo as its quote shows it: no line begins with what looks like one of ours.

    "" where nothing of it is left.
    """
    lines = without_heaps(clean(text)).split("\n")
    return "\n".join(map(_without_start, lines)).strip()


def clean_short(text: str) -> str:
    """A memo of one short line as it can be set off by quotation marks; "" for any other.

    Nothing of it may be lost on the way: one that would have to be changed is no short one.
    """
    shown = clean_name(text)
    is_whole = shown == text.strip() and len(shown) <= SHORT_MEMO
    return shown if is_whole else ""


def without_heaps(text: str) -> str:
    """The text without combining marks that follow no letter, or too many of their kind.

    Of what shows nothing a zero-width joiner stays between letters or symbols, and after a symbol
    what says how it is drawn.
    """
    kept: list[str] = []
    marks = _MAX_MARKS
    for at, c in enumerate(text):
        if c == _ZERO_WIDTH_JOINER:
            is_kept = _joins(kept, text[at + 1 : at + 2])
        elif c in _VARIATION_SELECTORS or c == KEYCAP:
            is_kept = bool(kept) and _draws(kept[-1], c)
        elif unicodedata.category(c) in ("Mn", "Me"):
            marks += 1
            is_kept = marks <= _MAX_MARKS and not (c in _BLANK_MARKS or is_sign(c))
        else:
            marks = 0 if _takes_marks(c) else _MAX_MARKS
            is_kept = True
        if is_kept:
            kept.append(c)
    return "".join(kept)


def memo(text: str) -> str:
    """A memo as the invoice keeps it: stripped at both ends, "" where nothing in it is visible.

    Raises `MemoUnreadable` for what is not UTF-8, and `MemoRefused` beyond `MAX_MEMO_BYTES`.
    """
    text = text.strip()
    if not any(map(_is_visible, clean(text))):
        return ""
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise MemoUnreadable from None
    if size_bytes > MAX_MEMO_BYTES:
        raise MemoRefused(size_bytes=size_bytes)
    return text


def shortened(text: str) -> str:
    """A clean text as a memo that fits: cut before a word, with "…", where it is too long."""
    data = text.encode()
    if len(data) <= MAX_MEMO_BYTES:
        return text
    start = data[: MAX_MEMO_BYTES - len("…".encode())].decode(errors="ignore")
    return text[: _cut(text, len(start))].rstrip() + "…"


def is_shortened(memo: str) -> bool:
    """Whether a memo is one that `shortened` cut, to go by its end and its size."""
    return memo.endswith("…") and len(memo.encode()) > MAX_MEMO_BYTES - _MOST_CUT_BYTES


def length(markup: str) -> int:
    """UTF-16 units of Telegram HTML once parsed, as Telegram counts them."""
    return _units(html.unescape(re.sub("<[^>]*>", "", markup)))


def last_sentences(text: str, most: int) -> str:
    """A plain text in at most so many UTF-16 units: of a longer one its end, in whole sentences."""
    while _units(text) > most:
        _, between, rest = text.partition(". ")
        if not between:
            return text.encode("utf-16-le")[: 2 * most].decode("utf-16-le", "ignore")
        text = rest
    return text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, at: int) -> int:
    """The last place up to `at` where a word begins, or a sign where the word is a long one."""
    near = range(at, max(at - LONGEST_WORD - 1, 0), -1)
    words = (i for i in near if text[i].isspace() or text[i - 1].isspace())
    signs = (i for i in near if _begins_sign(text, i))
    return next(words, None) or next(signs, at)


def _begins_sign(text: str, at: int) -> bool:
    """Whether what is here does not belong to the character before it."""
    is_skin = "\U0001f3fb" <= text[at] <= "\U0001f3ff"
    is_joined = _ZERO_WIDTH_JOINER in (text[at], text[at - 1])
    return not (is_skin or is_joined or unicodedata.category(text[at]).startswith("M"))


def _is_kept_in_a_line(c: str) -> bool:
    if is_sign(c) or c in _BLANK:
        return False
    return c == _ZERO_WIDTH_JOINER or unicodedata.category(c) not in _HIDDEN


def _without_second_apostrophes(text: str) -> str:
    """The text without an apostrophe that follows another one, be it after a space."""
    kept: list[str] = []
    is_second = False
    for c in text:
        if is_apostrophe(c):
            if not is_second:
                kept.append(c)
            is_second = True
        else:
            kept.append(c)
            is_second = is_second and c.isspace()
    return "".join(kept)


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode()


def _is_harmless(c: str, before: str) -> bool:
    if unicodedata.category(c) in ("Mn", "Me"):
        return without_heaps(before + c).endswith(c)
    return c.isprintable() and c not in _BLANK and not is_sign(c)


def _is_visible(c: str) -> bool:
    is_mark = unicodedata.category(c) in ("Mn", "Me")
    return not (c.isspace() or is_mark or c in _BLANK or unicodedata.category(c) in _HIDDEN)


def _joins(before: list[str], after: str) -> bool:
    """Whether a zero-width joiner here has something to join."""
    return bool(before) and _is_joined(before[-1], "LMS") and _is_joined(after, "LS")


def _is_joined(c: str, kinds: str) -> bool:
    if not c or c in _BLANK or is_apostrophe(c) or is_double_quote(c):
        return False
    return unicodedata.category(c)[0] in kinds


def _takes_marks(c: str) -> bool:
    """Whether a mark belongs above or below it; above a dot it would look like another sign."""
    is_letter = unicodedata.category(c)[0] in "LMN"
    return is_letter and not (c in _BLANK or is_apostrophe(c) or is_double_quote(c))


def _draws(before: str, c: str) -> bool:
    """Whether this says how a symbol is drawn, or the key with a digit on it."""
    if before in _ON_KEYS:
        return True
    if c == KEYCAP:
        return before in _VARIATION_SELECTORS
    is_symbol = unicodedata.category(before) in ("So", "Sm", "Sk")
    return is_symbol and not (is_apostrophe(before) or is_double_quote(before))


def _without_start(line: str) -> str:
    """The line without signs of ours at its start, and without what hides them there."""
    for at, c in enumerate(line):
        if _is_visible(c) and not is_sign(c):
            start = line[:at]
            return line if start.isascii() else line[at:]
    return ""
