"""What Telegram's own parser makes of a text of ours, and what people might write."""

from __future__ import annotations

import json
from typing import Any

import tdjson
from hypothesis import strategies as st

from bot.core.failure import Failure
from bot.core.invoice import Face, Invoice, State
from bot.core.ledger import Overview
from bot.core.text import MAX_MEMO_BYTES, MAX_TEXT, clean, clean_name, length
from bot.errors import NodeUnreachable

Json = dict[str, Any]

NOW = 1_790_000_000
SHORT_REQUEST = "lnbc21u1p" + "q" * 251
LONG_REQUEST = "lnbc21u1p" + "q" * 2991  # the longest memo and twenty hints

FACES: dict[Face, State] = {
    Face.OPEN: State.OPEN,
    Face.UNCONFIRMED: State.OPEN,
    Face.PAID: State.SETTLED,
    Face.EXPIRED: State.EXPIRED,
    Face.EXPIRED_REPLACED: State.EXPIRED,
    Face.CANCELLED: State.CANCELLED,
    Face.CANCELLED_REPLACED: State.CANCELLED,
    Face.FAILED: State.FAILED,
    Face.FAILED_REPLACED: State.FAILED,
    Face.QUESTION: State.ASKING,
}

REPLACED = (Face.EXPIRED_REPLACED, Face.CANCELLED_REPLACED, Face.FAILED_REPLACED)

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


OVERVIEW = Overview(
    open_count=3,
    open_msat=63_000_000,
    pending=1,
    unconfirmed=2,
    paid_since=float(NOW),
    paid_count=5,
    paid_msat=210_000_000,
    last_paid_at=NOW + 60,
    last_paid_msat=21_000_000,
    stuck=1,
)


def td(request: Json) -> Json:
    answer = tdjson.td_execute(json.dumps(request).encode())
    read: Json = json.loads(answer or b"{}")
    return read


td({"@type": "setLogVerbosityLevel", "new_verbosity_level": 0})


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
    """The text without its quotes."""
    text = read["text"].encode("utf-16-le")
    for entity in reversed(read["entities"]):
        if entity["type"]["@type"].endswith("BlockQuote"):
            start = 2 * entity["offset"]
            text = text[:start] + text[start + 2 * entity["length"] :]
    return str(text.decode("utf-16-le"))


def memo_of(text: str) -> str:
    """As a row keeps it."""
    return clean(text).strip().encode()[:MAX_MEMO_BYTES].decode(errors="ignore").strip()


def invoice(state: State = State.OPEN, **changes: Any) -> Invoice:
    values: dict[str, Any] = {
        "id": 1,
        "origin_chat_id": -5,
        "origin_message_id": 10,
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
        values |= {"failure": Failure(NodeUnreachable.key)}
    if state is State.ASKING:
        values |= {"amount_msat": None, "payment_request": "", "expires_at": 0}
    return Invoice(**(values | changes))


def hostile(face: Face, memo: str, name: str, **changes: Any) -> Invoice:
    return invoice(
        FACES[face],
        memo=memo_of(memo),
        asker_name=clean_name(name),
        cancelled_by=clean_name(name) if FACES[face] is State.CANCELLED else "",
        replaced=face in REPLACED,
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
