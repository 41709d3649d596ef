"""Every error that people can read has a sentence of its own, which says what happened first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot import errors, logs, texts
from bot.chat.replies import MAX_ANSWER
from bot.core.amounts import Problem
from bot.core.failure import Failure, packed, unpacked
from bot.core.text import last_sentences
from bot.core.wishes import BackupProblem, Cancelling, Leaving, MoveProblem, OutputProblem
from bot.errors import InvoiceBotError

#: Whatever a sentence may need.
VALUES: dict[str, Any] = {
    "path": "/data/bot.db",
    "journal": "/data/bot.db-wal",
    "part": "/data/bot.db.moving",
    "folder": "/data",
    "pid": 4711,
    "reason": "No space left on device",
    "port": 8080,
    "address": "127.0.0.1:8443",
    "timeout_s": 20.0,
    "size_bytes": 700,
    "count": 10,
    "per_s": 600.0,
    "payment_request": "lnbc1example",
    "text": "soon",
    "asked": "testnet",
    "here": "mainnet",
    "name": "nobody-here",
    "shown": "the 5th",
    "since": "2026-10",
    "until": "2026-09",
    "options": "--csv and --json",
    "most": 100_000,
    "argument": "TO",
    "table": "invoices",
    "found": "PostgreSQL 13.2",
    "needed": "PostgreSQL 15 or newer",
}


def leaves(kind: type[InvoiceBotError]) -> Iterator[type[InvoiceBotError]]:
    for below in kind.__subclasses__():
        yield from leaves(below) if below.__subclasses__() else (below,)


#: Read by nobody but the log; lines as they are; and four that have a sentence for each problem.
SPECIAL = (
    errors.ChatError,
    errors.ConfigError,
    errors.AmountRefused,
    errors.OutputRefused,
    errors.BackupRefused,
    errors.MoveRefused,
    errors.HashExists,  # which the node's client takes for an answer
)
LEAVES = [kind for kind in leaves(InvoiceBotError) if not issubclass(kind, SPECIAL)]


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_that_people_can_read_has_a_sentence_of_its_own(
    kind: type[InvoiceBotError],
) -> None:
    others = {*LEAVES, *(parent for leaf in LEAVES for parent in parents(leaf))} - {kind}
    assert len(others) > 40
    own = texts.why(kind(**VALUES))
    assert own not in {texts.why(other(**VALUES)) for other in others}


@pytest.mark.parametrize("kind", [kind for kind in LEAVES if issubclass(kind, errors.NodeError)])
def test_an_answer_to_a_press_ends_with_what_is_still_so(
    kind: type[errors.NodeError],
) -> None:
    until = texts.asked_to_cancel(Cancelling.CANCELLING, kind(**VALUES))
    said = last_sentences(f"{texts.leaving(Leaving.LEAVING)} {until}", MAX_ANSWER)
    assert len(said) <= MAX_ANSWER
    assert said.endswith(". ".join(until.split(". ")[-2:]))
    assert said[0].isupper()


def parents(kind: type[InvoiceBotError]) -> list[type[InvoiceBotError]]:
    return [each for each in kind.__mro__[1:] if issubclass(each, InvoiceBotError)]


def test_a_class_without_a_sentence_has_its_parents() -> None:
    class Unheard(errors.NodeLocked):
        pass

    class Unknown(InvoiceBotError):
        pass

    assert texts.why(Unheard()) == texts.why(errors.NodeLocked())
    assert texts.why(Unknown()) == "Something went wrong."


SENTENCES: list[tuple[InvoiceBotError, str]] = [
    # the start
    (
        errors.DatabaseInUse(path="/data/bot.db", pid=4711),
        "The database /data/bot.db is in use by process 4711. Stop that one first.",
    ),
    (
        errors.DatabaseInUse(path="db.example/bot", pid=0, command="move-database"),
        "The database db.example/bot is in use by move-database. Wait until that has ended.",
    ),
    (
        errors.DatabaseInUse(path="/data/bot.db", pid=0),
        "The database /data/bot.db is in use by another process. Stop that one first.",
    ),
    (
        errors.DatabaseTooNew(detail="0009"),
        "A newer version of this bot wrote the database. Run that version or a newer one.",
    ),
    (
        errors.DatabaseReplaced(path="db.example/bot"),
        (
            "The database db.example/bot no longer has the bot's tables, or not all of them. "
            "Restore it, then start the bot. On an empty database it starts over."
        ),
    ),
    (
        errors.DatabaseUnreadable(path="/data/bot.db", reason="disk I/O error"),
        "The database /data/bot.db can't be opened: disk I/O error.",
    ),
    (
        errors.DatabaseDamaged(path="/data/bot.db", reason="it is cut short"),
        "The database /data/bot.db is damaged (it is cut short). Restore it from a backup.",
    ),
    (
        errors.DatabaseHalfMissing(path="/data/bot.db", journal="/data/bot.db-wal"),
        (
            "The database /data/bot.db is empty, but its journal /data/bot.db-wal is not. "
            "Restore both from a backup, or remove both to start over."
        ),
    ),
    (
        errors.DatabaseHalfMoved(path="/data/bot.db", part="/data/bot.db.moving"),
        (
            "Moving a database into /data/bot.db was interrupted. "
            "Run move-database again, or remove /data/bot.db.moving to start over."
        ),
    ),
    (
        errors.DatabaseNotOurs(path="/data/bot.db"),
        "The database /data/bot.db belongs to another program. Choose another one.",
    ),
    (
        errors.DatabaseHasTwoNames(path="/data/bot.db"),
        (
            "The database /data/bot.db has a second name (a hard link), and SQLite needs one name "
            "only. Remove the other one."
        ),
    ),
    (
        errors.DatabaseFolderReadOnly(folder="/data", reason="Permission denied"),
        "The database folder /data can't be written: Permission denied.",
    ),
    (
        errors.DatabaseFileClosed(path="/data/b.db.lock", reason="Permission denied"),
        (
            "The file /data/b.db.lock, which belongs to the database, can't be opened: Permission "
            "denied. Let the bot's user read and write it, with all files beside it."
        ),
    ),
    (
        errors.DatabaseAway(path="db.example/bot", reason="Connection refused"),
        "The database db.example/bot can't be reached: Connection refused.",
    ),
    (
        errors.DatabasePasswordWrong(path="db.example/bot", reason="no password supplied"),
        (
            "The database server rejects this user or password for db.example/bot: no password "
            "supplied. Correct the user in database.url, or database.password."
        ),
    ),
    (
        errors.DatabaseTlsFailed(path="db.example/bot", reason="server does not support SSL"),
        (
            "The connection to the database db.example/bot has no TLS as needed: server does not "
            "support SSL. Correct sslmode, sslrootcert or sslcert in database.url, or the "
            "server's certificate."
        ),
    ),
    (
        errors.DatabaseUnknown(path="db.example/bot", reason="it does not exist"),
        (
            "The server has no such database: db.example/bot (it does not exist). "
            "Create it (createdb), or correct its name in database.url."
        ),
    ),
    (
        errors.DatabaseRightsMissing(path="db.example/bot", reason="permission denied"),
        (
            "The bot's user has no permission for the database db.example/bot: permission "
            "denied. Let that user create tables in it, and read and write all of them."
        ),
    ),
    (
        errors.DatabaseRefuses(path="db.example/bot", reason="Is there a way?"),
        "The database db.example/bot can't be used: Is there a way. Correct database.url.",
    ),
    (
        errors.DatabaseReadOnly(path="db.example/bot", reason="it says so"),
        (
            "The database db.example/bot is read-only: it says so. "
            "Set default_transaction_read_only to off for the bot's user."
        ),
    ),
    (
        errors.DatabasePooled(path="db.example/bot", reason="each transaction has another session"),
        (
            "The connection to the database db.example/bot goes through a pool that keeps no "
            "session (each transaction has another session). "
            "Set pool_mode = session in pgbouncer, or name the server itself in database.url."
        ),
    ),
    (
        errors.DatabaseUnfit(
            path="db.example/bot", found="PostgreSQL 13.2", needed="PostgreSQL 15 or newer"
        ),
        (
            "The database db.example/bot has PostgreSQL 13.2, and the bot needs PostgreSQL 15 "
            "or newer. Use another one."
        ),
    ),
    (
        errors.PostgresMissing(),
        (
            "A PostgreSQL database needs psycopg, which is not installed. "
            'Install it with pip install "psycopg[binary]".'
        ),
    ),
    (errors.TermLost(), "Another process of this bot is the active one."),
    (
        errors.LinkInTheWay(path="/data/bot.db.pid"),
        "/data/bot.db.pid is a symbolic link, and the bot writes through none. Remove it.",
    ),
    (
        errors.TokenRefused(),
        "Telegram rejects the bot's token. Ask @BotFather for the current one.",
    ),
    (errors.PortInUse(port=8080), "Port 8080 is in use. Choose another one with --port."),
    (
        errors.PortUnusable(port=80, reason="Permission denied"),
        "Port 80 can't be used (Permission denied). Choose another one with --port.",
    ),
    (
        errors.AddressInUse(address="127.0.0.1:8443"),
        ("Another program listens at 127.0.0.1:8443. Choose another address in the settings."),
    ),
    (
        errors.AddressUnusable(address="192.0.2.1:80", reason="Permission denied"),
        (
            "The bot can't listen at 192.0.2.1:80 (Permission denied). "
            "Choose another address in the settings."
        ),
    ),
    (
        errors.DemoMissing(),
        (
            "The demo is not installed. "
            "Install it with make demo, or with pip install '.[demo]' in the project's folder."
        ),
    ),
    (errors.DemoNotReady(timeout_s=20.0), "The bot did not start within 20 s."),
    (
        errors.ConfigError(errors.Problem("unknown", "x"), errors.Problem("unknown", "log.y")),
        "x: unknown\nlog.y: unknown",
    ),
    # people
    (
        errors.MemoRefused(size_bytes=700),
        "That memo is 700 bytes long. The limit is 639 bytes. Shorten it and ask again.",
    ),
    (errors.MemoUnreadable(), "That memo is not readable text. Write it in UTF-8."),
    (
        errors.UserLimitReached(count=10, per_s=600),
        "Your limit is 10 invoices in 10 minutes. Wait a little and ask again.",
    ),
    (
        errors.UserLimitReached(count=1, per_s=3600, who="Anna Berg"),
        'The limit for "Anna Berg" is 1 invoice in an hour. Wait a little and ask again.',
    ),
    (
        errors.ChatLimitReached(count=1),
        "This chat has 1 open invoice. Cancel some, or wait until they have been paid or expire.",
    ),
    (
        errors.ShareLimitReached(count=17, who=""),
        (
            "Your limit is 17 open invoices in this chat. "
            "Cancel some, or wait until they have been paid or expire."
        ),
    ),
    (
        errors.ShareLimitReached(count=1, who="Anna Berg"),
        (
            'The limit for "Anna Berg" is 1 open invoice in this chat. '
            "Cancel some, or wait until they have been paid or expire."
        ),
    ),
    # the node
    (errors.NodeNotAsked(), "I haven't reached the Lightning node yet."),
    (
        errors.NodeLocked(),
        "The Lightning node's wallet is locked. The bot's owner needs to unlock it.",
    ),
    (
        errors.NodeSetting(),
        "The Lightning node rejects this bot. The bot's owner needs to check its settings.",
    ),
    (
        errors.CertificateCorrupt(),
        (
            "The certificate file for the Lightning node is corrupt. "
            "The bot's owner needs to replace it."
        ),
    ),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES)
def test_what_is_said_of_an_error(error: InvoiceBotError, sentence: str) -> None:
    assert texts.why(error) == sentence


def test_the_two_parts_of_a_reason_are_what_happened_and_what_to_do() -> None:
    what, action = texts.reason(errors.DatabaseTooNew())
    assert what == "A newer version of this bot wrote the database."
    assert action == "Run that version or a newer one."
    assert texts.reason(errors.NodeUnreachable()).action == ""


@pytest.mark.parametrize("problem", OutputProblem)
def test_every_problem_of_the_output_has_a_sentence_of_its_own(problem: OutputProblem) -> None:
    said = {each: texts.why(errors.OutputRefused(problem=each, **VALUES)) for each in OutputProblem}
    assert sum(sentence == said[problem] for sentence in said.values()) == 1


@pytest.mark.parametrize("problem", BackupProblem)
def test_every_problem_of_a_backup_has_a_sentence_of_its_own(problem: BackupProblem) -> None:
    said = {each: texts.why(errors.BackupRefused(problem=each, **VALUES)) for each in BackupProblem}
    assert sum(sentence == said[problem] for sentence in said.values()) == 1


@pytest.mark.parametrize("problem", MoveProblem)
def test_every_problem_of_a_move_has_a_sentence_of_its_own(problem: MoveProblem) -> None:
    said = {each: texts.why(errors.MoveRefused(problem=each, **VALUES)) for each in MoveProblem}
    assert sum(sentence == said[problem] for sentence in said.values()) == 1


ALL = [
    *(error for error, _ in SENTENCES),
    *(kind(**VALUES) for kind in LEAVES),
    *(errors.MoveRefused(problem=each, **VALUES) for each in MoveProblem),
    *(errors.BackupRefused(problem=each, **VALUES) for each in BackupProblem),
    *(errors.OutputRefused(problem=each, **VALUES) for each in OutputProblem),
]


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.key)
def test_nothing_of_a_sentence_of_ours_is_taken_for_a_secret(error: InvoiceBotError) -> None:
    assert logs.redacted(texts.why(error)) == texts.why(error)


@pytest.mark.parametrize("end", ["?", ".", "!", ":", "?\n"])
def test_a_reason_ends_no_sentence_of_ours(end: str) -> None:
    error = errors.DatabaseAway(path="db/x", reason=f"Is the server running{end}")
    assert texts.why(error).startswith("The database db/x can't be reached: Is the server running.")


def test_output_that_is_lost_leaves_the_payment_request() -> None:
    error = errors.OutputRefused(
        problem=OutputProblem.NOT_PRINTED,
        reason="No space left on device",
        payment_request="lnbc1example",
    )
    assert texts.why(error) == (
        "The node has the invoice lnbc1example but the output can't be written: "
        "No space left on device."
    )


# stored failures


@pytest.mark.parametrize("kind", [errors.NodeError, *leaves(errors.NodeError)])
def test_a_stored_failure_is_said_as_its_error_was(kind: type[errors.NodeError]) -> None:
    stored = unpacked(packed(Failure.of(kind())))
    assert stored
    assert texts.why_failed(stored) == texts.why(kind())


@pytest.mark.parametrize("key", ["a-key-of-another-version", "memo-refused", "amount-refused"])
def test_a_stored_key_that_is_not_a_node_errors_has_a_general_sentence(key: str) -> None:
    assert texts.why_failed(Failure(key)) == texts.why(errors.NodeError())


def test_a_refusal_is_escaped() -> None:
    error = errors.UserLimitReached(count=2, per_s=60, who="<b>")
    assert 'for "&lt;b&gt;" is' in texts.refusal(error)
    assert 'for "<b>" is' in texts.why(error)


def test_values_with_braces_are_only_values() -> None:
    error = errors.DatabaseUnreadable(path="/{path}/{0}", reason="{reason}")
    assert texts.why(error) == "The database /{path}/{0} can't be opened: {reason}."


def test_every_problem_of_an_amount_has_a_sentence_of_its_own() -> None:
    values: dict[str, errors.Value] = {"shown": "x", "example": "y", "fewer": "1", "more": "2"}
    values |= {"limit_sats": 21, "least": 2, "most": 50}
    said = {texts.why(errors.AmountRefused(problem, **values)) for problem in Problem}
    assert len(said) == len(Problem)
