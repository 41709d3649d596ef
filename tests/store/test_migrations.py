"""Versions: each database becomes the newest, keeps what it means, or stays as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot import errors
from bot.core.cursor import Cursor
from bot.core.failure import Failure
from bot.core.invoice import Audience, Columns, Face, Invoice, State
from bot.core.work import Do, Lane
from bot.errors import DatabaseUnreadable, NodeError
from bot.store import Store, migrations, sqlite
from bot.store.tables import META
from tests.store.made import CHAT, NOW, beside, columns, opened, read, row, url


@contextmanager
def at_version(file: Path, version: str) -> Iterator[tuple[sa.Connection, sa.Table]]:
    """A database that was made by an earlier version, and its table of invoices."""
    engine = sa.create_engine(url(file))
    sa.event.listen(engine, "connect", sqlite._configure)
    sa.event.listen(engine, "begin", sqlite._begin)
    with engine.begin() as connection:
        migrations.take(connection, version)
        yield connection, sa.Table("invoices", sa.MetaData(), autoload_with=connection)
    engine.dispose()


def add(connection: sa.Connection, table: sa.Table, number: int, **changes: Any) -> None:
    """An old row with this id; what is not given is empty."""
    empty = {c.name: "" if isinstance(c.type, sa.Text) else 0 for c in table.c if not c.nullable}
    made = {name: value for name, value in columns(number).items() if name in table.c}
    values = {**empty, **made, "id": number, "state": "open", **changes}
    connection.execute(sa.insert(table).values(values))


# the schema


AFFINITIES = {"BIGINT": "INTEGER", "BOOLEAN": "INTEGER", "FLOAT": "REAL"}
Schema = dict[str, Any]


def schema(file: Path) -> Schema:
    """All that SQLite knows of the tables but the order of columns, and defaults."""
    with beside(file) as connection:
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        found: Schema = {}
        for table in tables:
            indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
            found[table] = {
                (name, AFFINITIES.get(kind, kind), bool(not_null or key), bool(key))
                for _, name, kind, not_null, _, key in connection.execute(
                    f"PRAGMA table_info({table})"
                )
            }
            found[f"{table}'s indexes"] = {
                (
                    name if origin == "c" else "",
                    tuple(each[2] for each in connection.execute(f"PRAGMA index_info({name})")),
                    bool(is_unique),
                    bool(is_partial),
                )
                for _, name, is_unique, origin, is_partial in indexes
            }
        conditions = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
        )
        found["conditions"] = {
            (name, sql.partition("WHERE")[2]) for name, sql in connection.execute(conditions)
        }
        return found


async def test_the_migrations_make_exactly_the_tables_that_the_store_uses(
    store: Store, file: Path
) -> None:
    dialect = sa.create_engine("sqlite://").dialect
    used = {
        table.name: {
            (
                column.name,
                AFFINITIES.get(kind := column.type.compile(dialect), kind),
                not column.nullable,
                column.primary_key,
            )
            for column in table.columns
        }
        for table in META.sorted_tables
    }
    made = schema(file)
    assert {name: made[name] for name in used} == used
    tables = {name for name in made if " " not in name} - {"conditions", "alembic_version"}
    assert tables == set(used)


async def test_there_is_one_rule_for_the_origin_and_an_index_for_each_query(
    store: Store, file: Path
) -> None:
    made = schema(file)
    indexes = made["invoices's indexes"]
    assert {columns for _, columns, is_unique, _ in indexes if is_unique} == {
        ("payment_hash",),
        ("origin_chat_id", "origin_message_id", "part", "renewal", "bot_id"),
    }
    assert {(name, *columns) for name, columns, is_unique, _ in indexes if not is_unique} == {
        ("invoices_due", "lane", "due_at"),
        ("invoices_chat_state", "chat_id", "state"),
        ("invoices_asker", "asker_id", "asked_at"),
        ("invoices_state", "state", "id"),
        ("invoices_settled", "node_id", "settled_at"),
        ("invoices_retry", "retry_at"),
        ("invoices_asked", "asked_at"),
        ("invoices_card", "chat_id", "card_id"),
        ("invoices_payment_request_id", "chat_id", "payment_request_id"),
        ("invoices_reply", "chat_id", "reply_to"),
        ("invoices_duplicates", "chat_id"),
        ("invoices_board", "board_id", "part"),
        ("invoices_seat", "board_id", "part"),
    }
    of_boards = made["boards's indexes"] | made["seats's indexes"]
    assert {(name, *columns) for name, columns, *_ in of_boards if name} == {
        ("boards_due", "lane", "due_at"),
        ("boards_handle", "handle"),
        ("boards_card", "chat_id", "card_id"),
        ("boards_chat_state", "chat_id", "state"),
        ("boards_retry", "retry_at"),
        ("boards_state", "state", "ends_at"),
        ("boards_asker", "asker_id", "asked_at"),
        ("seats_token", "token"),
    }
    of_occasions = made["occasions's indexes"]
    assert {(name, *columns) for name, columns, *_ in of_occasions if name} == {
        ("occasions_subject", "kind", "subject"),
        ("occasions_told", "kind", "told_at"),
        ("occasions_to_tell", "id"),
    }
    assert made["conditions"] == {
        ("invoices_payment_request_id", " payment_request_id IS NOT NULL"),
        ("invoices_duplicates", " duplicates <> ''"),
        ("invoices_board", " board_id > 0"),
        (
            "invoices_seat",
            " board_id > 0 AND (NOT replaced OR state IN ('asking', 'pending', 'open', 'settled'))",
        ),
        ("seats_token", " token <> ''"),
        ("occasions_to_tell", " stage <> 'closed'"),
    }


async def test_the_database_itself_refuses_an_origin_twice(store: Store, file: Path) -> None:
    await row(store, 1, part=1, renewal=1)
    with beside(file) as connection:
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(invoices)")]
        copied = ", ".join({"id": "9", "payment_hash": "x'00'"}.get(name, name) for name in names)
        with pytest.raises(sqlite3.IntegrityError, match="renewal"):
            connection.execute(f"INSERT INTO invoices SELECT {copied} FROM invoices")


@pytest.mark.parametrize("version", migrations.known())
async def test_each_version_becomes_the_newest(file: Path, tmp_path: Path, version: str) -> None:
    with at_version(file, version) as (connection, table):
        if version != migrations.known()[-1]:
            add(connection, table, 1)
    async with opened(file), opened(tmp_path / "new.db"):
        assert schema(file) == schema(tmp_path / "new.db")


async def test_a_migration_that_fails_leaves_the_database_as_it_was(file: Path) -> None:
    with at_version(file, "0002") as (connection, table):
        add(connection, table, 1, state="requested")
        # there is no room for the last step
        connection.exec_driver_sql("CREATE INDEX invoices_duplicates ON pictures (file_id)")

    def content() -> list[object]:
        with beside(file) as connection:
            return [*connection.iterdump()]

    before = content()
    with pytest.raises(DatabaseUnreadable):
        await Store.open(url(file))
    assert content() == before
    with beside(file) as connection:
        connection.execute("DROP INDEX invoices_duplicates")
    async with opened(file) as store:
        assert (await read(store, 1)).state is State.PENDING


# what the rows mean


async def test_a_copy_that_the_first_version_knew_is_known(file: Path) -> None:
    with at_version(file, "0001") as (connection, table):
        for number, stray_id in ((1, 102), (2, None)):
            add(connection, table, number, stray_id=stray_id, stray_shown="open")
    async with opened(file) as store:
        assert (await read(store, 1)).duplicates == {102: Face.OPEN}
        assert (await read(store, 2)).duplicates == {}
        found = await store.do(lambda tx: tx.invoices.by_message(CHAT, 102))
        assert found == await read(store, 1)


STATES: Mapping[str, State] = {
    "asking": State.ASKING,
    "requested": State.PENDING,
    "open": State.OPEN,
    "settled": State.SETTLED,
    "expired": State.EXPIRED,
    "cancelled": State.CANCELLED,
    "failed": State.FAILED,
    "dropped": State.DROPPED,
}
NEWER_FACES = {Face.FAILED_REPLACED, Face.UNCONFIRMED, Face.OUTDATED}
FACES: Mapping[str, Face] = {
    "": Face.NOTHING,
    "question": Face.QUESTION,
    "waiting": Face.WAITING,
    "open": Face.OPEN,
    "paid": Face.PAID,
    "expired": Face.EXPIRED,
    "expired-renewed": Face.EXPIRED_REPLACED,
    "cancelled": Face.CANCELLED,
    "cancelled-renewed": Face.CANCELLED_REPLACED,
    "failed": Face.FAILED,
}
STEPS: Mapping[str, Do | None] = {
    "": None,
    "add": Do.ADD,
    "cancel": Do.CANCEL,
    "fail": Do.FAIL,
    "drop": Do.DROP,
    "say waiting": Do.SEND_WAITING_NOTICE,
    "send card": Do.SEND_CARD,
    "edit card": Do.EDIT_CARD,
    "send request": Do.SEND_PAYMENT_REQUEST,
    "edit request": Do.EDIT_PAYMENT_REQUEST,
    "edit stray": Do.EDIT_DUPLICATE,
    "tell": Do.ANNOUNCE,
}
UNSURE: Mapping[str, set[Do]] = {
    "": set(),
    "say waiting": {Do.SEND_WAITING_NOTICE},
    "send card": {Do.SEND_CARD},
    "send request": {Do.SEND_PAYMENT_REQUEST},
    "tell": {Do.ANNOUNCE},
    "send card,tell": {Do.SEND_CARD, Do.ANNOUNCE},
    "say waiting,send card,send request,tell": {
        Do.SEND_WAITING_NOTICE,
        Do.SEND_CARD,
        Do.SEND_PAYMENT_REQUEST,
        Do.ANNOUNCE,
    },
}
FAILURES: Mapping[str, type[NodeError]] = {
    "The Lightning node can't answer right now.": errors.NodePassing,
    "The Lightning node can't be reached.": errors.NodeUnreachable,
    "The Lightning node is still starting.": errors.NodeStarting,
    "The Lightning node is shutting down.": errors.NodeStopping,
    "The Lightning node was not asked yet.": errors.NodeNotAsked,
    "The Lightning node's wallet is locked: its owner has to unlock it.": errors.NodeLocked,
    "The Lightning node has no wallet yet: its owner has to create one.": errors.WalletMissing,
    "The Lightning node does not answer.": errors.NodeTimeout,
    "The Lightning node reports a fault of its own.": errors.NodeOdd,
    "I was away when you asked.": errors.AskedTooLongAgo,
    "The Lightning node does not accept this bot: its owner has to look at it.": errors.NodeSetting,
    "This bot can't read the Lightning node's certificate or its macaroon: its owner has to look "
    "at it.": errors.CredentialsUnreadable,
    "The Lightning node lacks a call that this bot needs: it is too old, or not LND.": (
        errors.CallMissing
    ),
    "The Lightning node's certificate does not fit: its owner has to renew it here.": (
        errors.CertificateRefused
    ),
    "The Lightning node's certificate has expired: its owner has to renew it.": (
        errors.CertificateExpired
    ),
    "The Lightning node's certificate has changed: its owner has to give this bot the new one.": (
        errors.CertificateChanged
    ),
    "The Lightning node's certificate does not name its address (see LND's tlsextradomain).": (
        errors.CertificateName
    ),
    "The Lightning node's address answers without TLS: its owner has to correct lnd.host.": (
        errors.TlsMissing
    ),
    "The certificate given for the Lightning node is damaged: its owner has to give it anew.": (
        errors.CertificateCorrupt
    ),
    "The Lightning node's TLS handshake failed.": errors.TlsFailed,
    "The Lightning node refuses this bot's macaroon: its owner has to put a valid one in place.": (
        errors.MacaroonRefused
    ),
    "This bot's macaroon has expired: a new one is due.": errors.MacaroonExpired,
    "This bot's macaroon is bound to another address: its owner has to bake one for here.": (
        errors.MacaroonBound
    ),
    "This bot's macaroon lacks a permission: its owner has to bake one that has it.": (
        errors.PermissionMissing
    ),
    "The Lightning node refused this invoice.": errors.NodeRefused,
    "The Lightning node says that the memo is too long.": errors.MemoTooLong,
    "The Lightning node says that the amount is too large.": errors.AmountTooLarge,
    "The Lightning node says that the expiry is too long.": errors.ExpiryTooLong,
    "The Lightning node does not know this invoice.": errors.InvoiceUnknown,
    "This invoice is already paid.": errors.AlreadySettled,
    "A sentence that nobody knows, with 'quotes' and a %.": errors.NodeRefused,
}
#: An old row's columns, and what they mean now.
MEANINGS: list[tuple[dict[str, Any], Columns]] = [
    *(({"state": old}, {"state": new}) for old, new in STATES.items()),
    *(({"card_shown": old}, {"card_shown": new}) for old, new in FACES.items()),
    *(({"request_shown": old}, {"payment_request_shown": new}) for old, new in FACES.items()),
    *(
        (
            {"strays": f"100:open 102:{old} 103:{old}"},
            {"duplicates": {100: Face.OPEN, 102: new, 103: new}},
        )
        for old, new in FACES.items()
    ),
    *(({"sending": old}, {"sending": new}) for old, new in STEPS.items()),
    *(({"tried": old}, {"tried": new}) for old, new in STEPS.items()),
    *(({"unsure": old}, {"unsure": frozenset(new)}) for old, new in UNSURE.items()),
    *(({"failure": old}, {"failure": Failure(new.key)}) for old, new in FAILURES.items()),
    ({"failure": ""}, {"failure": None}),
    ({"tell_to": ""}, {"announce_to": Audience.CHAT}),
    ({"tell_to": "asker"}, {"announce_to": Audience.ASKER}),
    ({"tell_to": "owners"}, {"announce_to": Audience.OWNERS}),
    ({"origin_count": 3}, {"part": 0, "renewal": 3}),
    *(({"lane": int(each)}, {"lane": each}) for each in Lane),
    ({"due_at": None}, {"due_at": None}),
    ({"due_at": NOW + 0.5}, {"due_at": NOW + 0.5}),
]
#: What is another one in each row.
OWN = ("id", "origin_message_id", "reply_to", "asked_at", "due_at", "payment_hash", "preimage")
FLAGS = {
    "renewed": "replaced",
    "request_apart": "payment_request_separate",
    "plain": "text_only",
    "unshowable": "undeliverable",
    "told": "announced",
    "cancel_wanted": "cancel_wanted",
    "card_is_text": "card_is_text",
}
MEANINGS += [({old: value}, {new: value}) for old, new in FLAGS.items() for value in (True, False)]


def test_every_value_of_today_has_one_of_before() -> None:
    assert set(STATES.values()) == set(State)
    assert set(FACES.values()) == set(Face) - NEWER_FACES
    assert set(STEPS.values()) == {None, *Do} - {
        *(Do.WAIT, Do.NOTHING),
        *(Do.LAPSE, Do.NOTIFY_OWNERS, Do.REARRANGE, Do.REMOVE_BEFORE, Do.REMIND),  # newer
    }


async def test_each_row_of_the_second_version_keeps_its_meaning(file: Path) -> None:
    with at_version(file, "0002") as (connection, table):
        add(connection, table, 1)
        for number, (old, _) in enumerate(MEANINGS, 2):
            add(connection, table, number, **old)
    async with opened(file) as store:
        plain = await read(store, 1)
        for number, (old, new) in enumerate(MEANINGS, 2):
            there = await read(store, number)
            own = {name: getattr(there, name) for name in OWN}
            assert there == replace(plain, **{**own, **new}), old
            # it is kept as it would be written now: the database compares it so
            again = await store.do(lambda tx, n=number, e=new: tx.invoices.update_if(n, e, **e))
            assert again == there


async def test_a_whole_row_of_the_second_version_keeps_each_column(file: Path) -> None:
    old = {
        "origin_chat_id": -11,
        "origin_message_id": 12,
        "origin_count": 2,
        "chat_id": -13,
        "thread_id": 14,
        "reply_to": 15,
        "asker_id": 16,
        "asker_name": "Ännä 🍕",
        "asked_at": 17.5,
        "amount_msat": 2**62,
        "memo": "pizza\n",
        "expiry_s": 18,
        "cancel_wanted": True,
        "cancelled_by": "Bob",
        "renewed": True,
        "state": "cancelled",
        "node_id": "03ab",
        "payment_hash": b"\x00" * 31 + b"\x01",
        "preimage": b"\xff" * 32,
        "payment_request": "lnbc1",
        "add_index": 19,
        "settle_index": 20,
        "expires_at": 21,
        "settled_at": 22,
        "paid_msat": 23,
        "failure": "I was away when you asked.",
        "card_id": 24,
        "card_shown": "cancelled-renewed",
        "card_is_text": True,
        "request_apart": True,
        "request_id": 25,
        "request_shown": "cancelled",
        "strays": "26:",
        "plain": True,
        "unshowable": True,
        "told": True,
        "tell_to": "owners",
        "sending": "tell",
        "unsure": "send card",
        "due_at": 27.25,
        "lane": 9,
        "tried": "edit stray",
        "attempts": 28,
        "faults": 29,
        "retry_at": 30.125,
    }
    with at_version(file, "0002") as (connection, table):
        assert set(old) == {column.name for column in table.c} - {"id"}
        add(connection, table, 7, **old)
    async with opened(file) as store:
        there = await read(store, 7)
    assert there == Invoice(
        id=7,
        origin_chat_id=-11,
        origin_message_id=12,
        part=0,
        renewal=2,
        chat_id=-13,
        thread_id=14,
        reply_to=15,
        asker_id=16,
        asker_name="Ännä 🍕",
        asked_at=17.5,
        amount_msat=2**62,
        memo="pizza\n",
        expiry_s=18,
        cancel_wanted=True,
        cancelled_by="Bob",
        replaced=True,
        state=State.CANCELLED,
        node_id="03ab",
        payment_hash=b"\x00" * 31 + b"\x01",
        preimage=b"\xff" * 32,
        payment_request="lnbc1",
        add_index=19,
        settle_index=20,
        expires_at=21,
        settled_at=22,
        paid_msat=23,
        failure=Failure("asked-too-long-ago"),
        card_id=24,
        card_shown=Face.CANCELLED_REPLACED,
        card_is_text=True,
        payment_request_separate=True,
        payment_request_id=25,
        payment_request_shown=Face.CANCELLED,
        duplicates={26: Face.NOTHING},
        text_only=True,
        undeliverable=True,
        announced=True,
        announce_to=Audience.OWNERS,
        sending=Do.ANNOUNCE,
        unsure=frozenset({Do.SEND_CARD}),
        due_at=27.25,
        lane=Lane.UNREACHABLE,
        tried=Do.EDIT_DUPLICATE,
        attempts=28,
        faults=29,
        retry_at=30.125,
    )


async def test_what_is_beside_the_rows_is_kept(file: Path) -> None:
    with at_version(file, "0002") as (connection, _):
        for statement in (
            "INSERT INTO cursors VALUES ('03ab', 9, 1.5)",
            "INSERT INTO chats VALUES (-1, -1000, 0), (-2, NULL, 1)",
            "INSERT INTO hints VALUES ('late', 1, 1790000000.0)",
            "INSERT INTO pictures VALUES ('paid', 'file-1')",
        ):
            connection.exec_driver_sql(statement)
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.nodes.last()) == "03ab"
        assert await store.do(lambda tx: tx.nodes.cursor("03ab")) == Cursor(9)
        assert await store.do(lambda tx: tx.chats.moves()) == {-1: -1000}
        assert await store.do(lambda tx: tx.chats.unreachable()) == {-2}
        assert not await store.do(
            lambda tx: tx.memory.claim_hint("late", 1, now=NOW + 1, every_s=60)
        )
        assert await store.do(lambda tx: tx.memory.picture("paid")) == "file-1"


async def test_a_cursor_of_before_goes_back_to_the_newest_payment_of_ours(file: Path) -> None:
    """The others' payments after it are replayed, and nobody's is passed over."""
    with at_version(file, "0005") as (connection, table):
        for number, index, at in ((1, 3, 60), (2, 5, 70), (3, 0, 80)):
            settled = {"settle_index": index, "settled_at": at, "payment_hash": bytes([number])}
            add(connection, table, number, state="settled", node_id="03ab", **settled)
        connection.exec_driver_sql("INSERT INTO cursors VALUES ('03ab', 9, 1.5), ('02cd', 7, 1.0)")
    async with opened(file) as store:
        assert await store.do(lambda tx: tx.nodes.cursor("03ab")) == Cursor(5, bytes([2]), 70)
        assert await store.do(lambda tx: tx.nodes.cursor("02cd")) == Cursor(7)


async def test_a_renewal_of_before_is_not_made_again(file: Path) -> None:
    with at_version(file, "0002") as (connection, table):
        for number, count in ((1, 0), (2, 1)):
            add(connection, table, number, origin_message_id=1, origin_count=count)
    async with opened(file) as store:
        again = columns(3, origin_message_id=1, renewal=1)
        found, is_new = await store.do(lambda tx: tx.invoices.add(**again))
        assert (found.id, is_new) == (2, False)
        part = columns(3, origin_message_id=1, part=1)
        found, is_new = await store.do(lambda tx: tx.invoices.add(**part))
        assert (found.id, is_new) == (3, True)
