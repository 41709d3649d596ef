"""What people write as plain text, and Telegram's and BOLT11's lengths. Pure; only our errors."""

from __future__ import annotations

import html
import re
import unicodedata

from bot.errors import MemoRefused, MemoUnreadable

#: Telegram's limits, in UTF-16 units of what is shown.
MAX_CAPTION = 1024
MAX_TEXT = 4096
#: LND's and BOLT11's own limit, in bytes of UTF-8.
MAX_MEMO_BYTES = 639
#: Characters of a name that are kept.
MAX_NAME = 64
#: A memo with more characters than this is folded.
FOLD_AT = 200

_ZERO_WIDTH_JOINER = "\u200d"  # holds families and flags of emoji together


def clean(text: str) -> str:
    """Text as it can be stored and sent: no lone surrogates, no control characters.

    Newlines and tabs stay; other line ends become newlines.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = re.sub("\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text)
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def clean_name(name: str) -> str:
    """A name as one line, with nothing that turns or hides text; cut at `MAX_NAME` characters."""
    visible = "".join(c if _is_kept_in_a_name(c) else " " for c in clean(name))
    line = " ".join(visible.split())
    return line if len(line) <= MAX_NAME else line[: MAX_NAME - 1] + "…"


def memo(text: str) -> str:
    """A memo as the invoice keeps it: stripped at both ends, "" where nothing in it is visible.

    Raises `MemoUnreadable` for what is not UTF-8, and `MemoRefused` beyond `MAX_MEMO_BYTES`.
    """
    text = text.strip()
    if not clean_name(text).strip(_ZERO_WIDTH_JOINER):
        return ""
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise MemoUnreadable from None
    if size_bytes > MAX_MEMO_BYTES:
        raise MemoRefused(size_bytes=size_bytes)
    return text


def length(markup: str) -> int:
    """UTF-16 units of Telegram HTML once parsed, as Telegram counts them."""
    return len(html.unescape(re.sub("<[^>]*>", "", markup)).encode("utf-16-le")) // 2


def _is_kept_in_a_name(c: str) -> bool:
    is_hidden = unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    return c == _ZERO_WIDTH_JOINER or not is_hidden
