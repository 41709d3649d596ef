"""The tables, as the migrations leave them. Knows the types of SQL, and makes no statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bot.store.rows import BOARDS, INVOICES, OCCASIONS, SEATS, Kept

META = sa.MetaData()

_TYPES: Mapping[type, type[sa.types.TypeEngine[Any]]] = {
    int: sa.BigInteger,
    float: sa.Float,
    bool: sa.Boolean,
    str: sa.Text,
    bytes: sa.LargeBinary,
}


def _columns(rows: Kept[Any], key: str = "id") -> list[sa.Column[Any]]:
    made = []
    for name in rows.columns:
        kind, may_be_empty = rows.kept_as(name)
        made.append(sa.Column(name, _TYPES[kind], primary_key=name == key, nullable=may_be_empty))
    return made


invoices = sa.Table("invoices", META, *_columns(INVOICES))

#: Bills that a group pays, and the seats of each.
boards = sa.Table("boards", META, *_columns(BOARDS))
seats = sa.Table(
    "seats",
    META,
    sa.Column("board_id", sa.BigInteger, primary_key=True, autoincrement=False),
    *_columns(SEATS, key="number"),
)

#: What the owners should know.
occasions = sa.Table("occasions", META, *_columns(OCCASIONS))

#: How far the settlements of each node are recorded.
cursors = sa.Table(
    "cursors",
    META,
    sa.Column("node_id", sa.Text, primary_key=True),
    sa.Column("settle_index", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
    sa.Column("payment_hash", sa.LargeBinary),  # of that payment, where it is known
    sa.Column("settled_at", sa.BigInteger, nullable=False),
)

#: Chats that have a new id, and those that cannot be reached.
chats = sa.Table(
    "chats",
    META,
    sa.Column("chat_id", sa.BigInteger, primary_key=True),
    sa.Column("moved_to", sa.BigInteger),
    sa.Column("unreachable", sa.Boolean, nullable=False),
)

#: The bot that the newest messages are of: one row, none before the first start.
bot = sa.Table(
    "bot", META, sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False)
)

#: When something was last said that is not repeated every time.
hints = sa.Table(
    "hints",
    META,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject_id", sa.BigInteger, primary_key=True),
    sa.Column("said_at", sa.Float, nullable=False),
)

#: Telegram's file_id of each picture that it has already.
pictures = sa.Table(
    "pictures",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("file_id", sa.Text, nullable=False),
)

#: Who was let in from the chat: people, and groups, whose ids are below 0.
grants = sa.Table(
    "grants",
    META,
    sa.Column("subject_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("by_id", sa.BigInteger, nullable=False),
    sa.Column("granted_at", sa.Float, nullable=False),
)

#: The code by which somebody claims the bot: one row, none while it has an owner.
claims = sa.Table("claims", META, sa.Column("code", sa.Text, primary_key=True))

#: People who ask to be let in, each at most once a day.
knocks = sa.Table(
    "knocks",
    META,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("handle", sa.Text, nullable=False),
    sa.Column("person_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    sa.Column("chat_title", sa.Text, nullable=False),
    sa.Column("thread_id", sa.BigInteger),
    sa.Column("reply_to", sa.BigInteger),
    sa.Column("asked_at", sa.Float, nullable=False),
    sa.Column("told", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answered_by", sa.Text, nullable=False),
    sa.Column("answered_at", sa.Float, nullable=False),
)

#: What each reader was shown of it; `reader_id` 0 is the chat in which it was asked.
knock_messages = sa.Table(
    "knock_messages",
    META,
    sa.Column("knock_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("reader_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("shown", sa.Text, nullable=False),
)

#: The term of office of the process that acts; with SQLite none.
terms = sa.Table(
    "terms",
    META,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("began_at", sa.Float, nullable=False),
    sa.Column("is_over", sa.Boolean, nullable=False),
    sa.Column("marks", sa.Text, nullable=False, server_default=""),
    sa.Column("nonce", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_on", sa.Text, nullable=False, server_default=""),
    sa.Column("is_behind", sa.Boolean, nullable=False, server_default=sa.false()),
)

#: Which transaction of each process was committed last; with SQLite none.
receipts = sa.Table(
    "receipts",
    META,
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("ticket", sa.Text, nullable=False),
    sa.Column("written_at", sa.Float, nullable=False),
)

#: What one database says of its processes: none of it goes into another one.
OF_PROCESSES = (terms, receipts)

#: Updates that the webhook got, of each bot, until they are handled.
inbox = sa.Table(
    "inbox",
    META,
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("chat_id", sa.BigInteger, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
)

#: The numbers of those that were handled: what comes late, or again after a kill, is known by them.
handled = sa.Table(
    "handled",
    META,
    sa.Column("bot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("received_at", sa.Float, nullable=False, index=True),
)
