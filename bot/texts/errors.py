"""A sentence for each error of ours, by its class. Plain text: errors are read at terminals too.

First what happened, then what to do. A class without a sentence of its own has its parent's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bot import errors
from bot.core.failure import Failure
from bot.core.text import MAX_MEMO_BYTES
from bot.core.wishes import BackupProblem, MoveProblem, OutputProblem
from bot.errors import InvoiceBotError, Value
from bot.texts.amounts import about_amount
from bot.texts.phrases import count, escape, quoted, shown_values, span
from bot.texts.settings import settings_problems

Values = Mapping[str, Value]


class Reason(NamedTuple):
    """What happened, and what to do ("" where there is nothing to do but wait)."""

    what: str
    action: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.action}".strip()


def why(error: InvoiceBotError) -> str:
    """What happened and what to do, as plain text; a line for each problem of the settings."""
    return str(reason(error))


def reason(error: InvoiceBotError) -> Reason:
    """The same, in its two parts."""
    if isinstance(error, errors.ConfigError):
        return Reason(settings_problems(error))
    return _reason(type(error), error.values)


def why_failed(failure: Failure) -> str:
    """Why there is no invoice, as it was stored; plain text."""
    return str(_reason(_STORED.get(failure.key, errors.NodeError), failure.values))


def what_failed(failure: Failure) -> str:
    """What happened alone, as plain text: what to do, the reader knows better."""
    return _reason(_STORED.get(failure.key, errors.NodeError), failure.values).what


def refusal(error: InvoiceBotError) -> str:
    """Why a command is not carried out, as Telegram HTML."""
    return escape(why(error))


def _reason(kind: type[InvoiceBotError], values: Values) -> Reason:
    said = next(_REASONS[each] for each in kind.__mro__ if each in _REASONS)
    return _filled(said, values) if isinstance(said, Reason) else said(values)


def _filled(said: Reason, values: Values) -> Reason:
    shown = shown_values(values)
    return Reason(said.what.format_map(shown), said.action.format_map(shown))


#: What the database keeps as a row's failure.
_STORED = {kind.key: kind for kind in errors.NodeError.family()}


# those whose figures take more than a place in a sentence


def _database_in_use(values: Values) -> Reason:
    path = shown_values(values)["path"]
    if command := values.get("command"):
        return Reason(f"The database {path} is in use by {command}.", "Wait until that has ended.")
    process = f"process {values['pid']}" if values.get("pid") else "another process"
    return Reason(f"The database {path} is in use by {process}.", "Stop that one first.")


def _memo(values: Values) -> Reason:
    size = f"That memo is {values['size_bytes']} bytes long."
    return Reason(f"{size} The limit is {MAX_MEMO_BYTES} bytes.", "Shorten it and ask again.")


def _user_limit(values: Values) -> Reason:
    most = count(int(values["count"]), "invoice")
    within = span(float(values["per_s"]))
    return Reason(f"{_limit_of(values)} is {most} in {within}.", "Wait a little and ask again.")


def _chat_limit(values: Values) -> Reason:
    there = count(int(values["count"]), "open invoice")
    return Reason(
        f"This chat has {there}.", "Cancel some, or wait until they have been paid or expire."
    )


def _share_limit(values: Values) -> Reason:
    most = count(int(values["count"]), "open invoice")
    return Reason(
        f"{_limit_of(values)} is {most} in this chat.",
        "Cancel some, or wait until they have been paid or expire.",
    )


def _limit_of(values: Values) -> str:
    who = quoted(str(values.get("who", "")))
    return f"The limit for {who}" if who else "Your limit"


def _no_date(values: Values) -> str:
    shown = quoted(str(values.get("shown", "")))
    return f"{shown} is not a date." if shown else "That is not a date."


_DATES = "Write a year, a month or a day, such as 2026, 2026-10 or 2026-10-31."


_EXPORTS = "Write for example /export 2026-10 or /export since 2026-01-01 until 2026-03-31."


def export_refusal(error: InvoiceBotError) -> str:
    """The same of /export, with its own form where what follows it is no time."""
    if type(error) is errors.PeriodRefused:
        return escape(f"{reason(error).what} {_EXPORTS}")
    return refusal(error)


def _output(values: Values) -> Reason:
    return _filled(_OUTPUTS[OutputProblem(str(values["problem"]))], {"option": "--png", **values})


_OUTPUTS = {
    OutputProblem.IS_OURS: Reason(
        "{option}: {path} is one of the bot's own files.", "Name another one."
    ),
    OutputProblem.IS_FOLDER: Reason("{option}: {path} is a folder.", "Name a file in it."),
    OutputProblem.NOT_A_FILE: Reason(
        "{option}: {path} is not a regular file.", "Name another one."
    ),
    OutputProblem.EXISTS: Reason(
        "{option}: the file {path} is there already.", "To replace it, use --force."
    ),
    OutputProblem.FOLDER_MISSING: Reason(
        "{option}: there is no folder {path}.", "Create it first."
    ),
    OutputProblem.FOLDER_READ_ONLY: Reason("{option}: the folder {path} is not writable."),
    OutputProblem.NOT_WRITTEN: Reason("{option}: {path} can't be written: {reason}."),
    OutputProblem.TWO_OUTPUTS: Reason(
        "--png - and --json would both write to standard output.",
        "Name a file, or use --json alone: it has the picture too.",
    ),
    OutputProblem.IS_TERMINAL: Reason(
        "--png -: standard output is a terminal, and the picture is no text.",
        "Name a file, or send the output elsewhere.",
    ),
    OutputProblem.NO_CODE: Reason("--png: the payment request is too long for a QR code."),
    OutputProblem.CLOSED: Reason("Standard output is closed, so nobody could see the result."),
    OutputProblem.LOST: Reason("The output can't be written: {reason}."),
    OutputProblem.NOT_PRINTED: Reason(
        "The node has the invoice {payment_request} but the output can't be written: {reason}."
    ),
}


def _not_written(values: Values) -> Reason:
    problem = OutputProblem(str(values.get("problem", OutputProblem.NOT_WRITTEN)))
    return _filled(_NOT_WRITTEN[problem], {"path": "", "reason": "", **values})


_NOT_WRITTEN = {
    OutputProblem.IS_FOLDER: Reason(
        "{path} is a folder.", "Move it away, or choose another file with --config."
    ),
    OutputProblem.NOT_A_FILE: Reason(
        "{path} is not a regular file.", "Move it away, or choose another file with --config."
    ),
    OutputProblem.FOLDER_MISSING: Reason("There is no folder {path}.", "Create it first."),
    OutputProblem.FOLDER_READ_ONLY: Reason(
        "This user can't write in the folder {path}.",
        "Start setup in a folder of the bot's own, or choose one with --config.",
    ),
    OutputProblem.NOT_WRITTEN: Reason("{path} can't be written: {reason}.", "Nothing was changed."),
}


def _backup(values: Values) -> Reason:
    return _filled(_BACKUPS[BackupProblem(str(values["problem"]))], values)


def _move(values: Values) -> Reason:
    return _filled(_MOVES[MoveProblem(str(values["problem"]))], values)


_MOVES = {
    MoveProblem.NO_ADDRESS: Reason(
        "{argument} is not a database's address.",
        "Write sqlite:/// and the path of a file, or postgresql://user@host/database.",
    ),
    MoveProblem.NOT_BARE: Reason(
        "{argument} has a password in it, which other users of this machine can read.",
        "Remove it, and set database.password or database.password_file.",
    ),
    MoveProblem.SAME: Reason("FROM and TO are the same database.", "Name another one as TO."),
    MoveProblem.MISSING: Reason("FROM: there is no database {path}.", "Correct FROM."),
    MoveProblem.EMPTY: Reason(
        "FROM: the database {path} is empty.",
        "Correct FROM, or use a new database without moving anything.",
    ),
    MoveProblem.HOLDS_SOMETHING: Reason(
        "TO: {path} is there already, and is not empty.", "Name another one as TO."
    ),
    MoveProblem.COUNTS_DIFFER: Reason(
        "The database was not moved, because not all rows of {table} arrived."
    ),
    MoveProblem.STOPPED: Reason(
        "The database was not moved, because of {path}: {reason}.",
        "Nothing was left at TO. Run the command again once that is fixed.",
    ),
    MoveProblem.INTERRUPTED: Reason(
        "The database was not moved, because the command was stopped.", "Nothing was left at TO."
    ),
    MoveProblem.UNKNOWN: Reason(
        "The connection to {path} was lost in the last moment ({reason}).",
        "Run the command again: if it says that TO is not empty, everything has arrived.",
    ),
    MoveProblem.LOCK_LOST: Reason(
        "The database was moved, but {path} was not locked until the end: a bot may have worked "
        "on it meanwhile.",
        "If none has, set database.url to TO. Otherwise stop it, empty TO, and run the command "
        "again.",
    ),
}

_BACKUPS = {
    BackupProblem.IS_DATABASE: Reason(
        "The file {path} is the database, or belongs to it.", "Name another one."
    ),
    BackupProblem.IS_OURS: Reason(
        "The file {path} is one of the bot's own files.", "Name another one."
    ),
    BackupProblem.EXISTS: Reason(
        "The file {path} is there already.", "To replace it, use --force."
    ),
    BackupProblem.IS_FOLDER: Reason("There is a folder {path}.", "Name a file in it."),
    BackupProblem.NOT_A_FILE: Reason("What is at {path} is not a file.", "Name another one."),
    BackupProblem.FOLDER_MISSING: Reason("There is no folder {path}.", "Create it first."),
    BackupProblem.FOLDER_READ_ONLY: Reason("The folder {path} is not writable."),
    BackupProblem.NOT_WRITTEN: Reason("The backup {path} can't be written: {reason}."),
    BackupProblem.NOT_WHOLE: Reason(
        "The backup was not made, because the database is damaged ({reason}).",
        "Restore an earlier backup.",
    ),
}

_REASONS: dict[type[InvoiceBotError], Reason | Callable[[Values], Reason]] = {
    InvoiceBotError: Reason("Something went wrong."),
    # at the start
    errors.StartError: Reason("The bot can't start."),
    errors.FolderGone: Reason(
        "The current folder was removed.", "Run the command in another one (cd changes to it)."
    ),
    errors.DatabaseInUse: _database_in_use,
    errors.DatabaseMissing: Reason(
        "There is no database {path}.",
        "Start the bot once, which creates it, or correct database.url.",
    ),
    errors.DatabaseTooNew: Reason(
        "A newer version of this bot wrote the database.", "Run that version or a newer one."
    ),
    errors.DatabaseTooOld: Reason(
        "An older version of this bot wrote the database {path}.",
        "Start the bot once, which brings it up to date.",
    ),
    errors.DatabaseReplaced: Reason(
        "The database {path} no longer has the bot's tables, or not all of them.",
        "Restore it, then start the bot. On an empty database it starts over.",
    ),
    errors.DatabaseUnreadable: Reason("The database {path} can't be opened: {reason}."),
    errors.DatabaseDamaged: Reason(
        "The database {path} is damaged ({reason}).", "Restore it from a backup."
    ),
    errors.DatabaseHalfMissing: Reason(
        "The database {path} is empty, but its journal {journal} is not.",
        "Restore both from a backup, or remove both to start over.",
    ),
    errors.DatabaseHalfMoved: Reason(
        "Moving a database into {path} was interrupted.",
        "Run move-database again, or remove {part} to start over.",
    ),
    errors.DatabaseWithoutTables: Reason(
        "The database {path} has nothing in it: its journal {journal} is missing.",
        "Restore both from a backup, or remove it to start over.",
    ),
    errors.DatabaseJournalLeft: Reason(
        "The database {path} is a backup, and the journal {journal} beside it is another's.",
        "Remove the journal.",
    ),
    errors.DatabaseIsFolder: Reason(
        "The database {path} is a folder.", "Name a file in database.url."
    ),
    errors.DatabaseNotPermitted: Reason(
        "The bot's user has no permission to read the database {path}.",
        "Let that user read and write it.",
    ),
    errors.NotADatabase: Reason(
        "The file {path} is not a database.",
        "Name another one in database.url, or restore it from a backup if it was one.",
    ),
    errors.DatabaseNotOurs: Reason(
        "The database {path} belongs to another program.", "Choose another one."
    ),
    errors.DatabaseHasTwoNames: Reason(
        "The database {path} has a second name (a hard link), and SQLite needs one name only.",
        "Remove the other one.",
    ),
    errors.DatabaseFileClosed: Reason(
        "The file {path}, which belongs to the database, can't be opened: {reason}.",
        "Let the bot's user read and write it, with all files beside it.",
    ),
    errors.DatabaseFolderReadOnly: Reason(
        "The database folder {folder} can't be written: {reason}."
    ),
    errors.DatabaseAway: Reason("The database {path} can't be reached: {reason}."),
    errors.DatabaseRefuses: Reason(
        "The database {path} can't be used: {reason}.", "Correct database.url."
    ),
    errors.DatabasePasswordWrong: Reason(
        "The database server rejects this user or password for {path}: {reason}.",
        "Correct the user in database.url, or database.password.",
    ),
    errors.DatabaseTlsFailed: Reason(
        "The connection to the database {path} has no TLS as needed: {reason}.",
        "Correct sslmode, sslrootcert or sslcert in database.url, or the server's certificate.",
    ),
    errors.DatabaseUnknown: Reason(
        "The server has no such database: {path} ({reason}).",
        "Create it (createdb), or correct its name in database.url.",
    ),
    errors.DatabaseRightsMissing: Reason(
        "The bot's user has no permission for the database {path}: {reason}.",
        "Let that user create tables in it, and read and write all of them.",
    ),
    errors.DatabaseReadOnly: Reason(
        "The database {path} is read-only: {reason}.",
        "Set default_transaction_read_only to off for the bot's user.",
    ),
    errors.DatabasePooled: Reason(
        "The connection to the database {path} goes through a pool that keeps no session "
        "({reason}).",
        "Set pool_mode = session in pgbouncer, or name the server itself in database.url.",
    ),
    errors.DatabaseUnfit: Reason(
        "The database {path} has {found}, and the bot needs {needed}.", "Use another one."
    ),
    errors.PostgresMissing: Reason(
        "A PostgreSQL database needs psycopg, which is not installed.",
        'Install it with pip install "psycopg[binary]".',
    ),
    errors.TermLost: Reason("Another process of this bot is the active one."),
    errors.LinkInTheWay: Reason(
        "{path} is a symbolic link, and the bot writes through none.", "Remove it."
    ),
    errors.TokenRefused: Reason(
        "Telegram rejects the bot's token.", "Ask @BotFather for the current one."
    ),
    errors.PortInUse: Reason("Port {port} is in use.", "Choose another one with --port."),
    errors.PortUnusable: Reason(
        "Port {port} can't be used ({reason}).", "Choose another one with --port."
    ),
    errors.AddressInUse: Reason(
        "Another program listens at {address}.", "Choose another address in the settings."
    ),
    errors.AddressUnusable: Reason(
        "The bot can't listen at {address} ({reason}).", "Choose another address in the settings."
    ),
    errors.DemoMissing: Reason(
        "The demo is not installed.",
        "Install it with make demo, or with pip install '.[demo]' in the project's folder.",
    ),
    errors.DemoNotReady: Reason("The bot did not start within {timeout_s:g} s."),
    errors.StoreUnavailable: Reason("The database can't be written right now.", "Try again later."),
    # what people asked for
    errors.Refused: Reason("That is not possible."),
    errors.AmountRefused: lambda values: Reason(*about_amount(values)),
    errors.MemoRefused: _memo,
    errors.MemoUnreadable: Reason("That memo is not readable text.", "Write it in UTF-8."),
    errors.UserLimitReached: _user_limit,
    errors.ChatLimitReached: _chat_limit,
    errors.ShareLimitReached: _share_limit,
    errors.PeriodRefused: lambda values: Reason(_no_date(values), _DATES),
    errors.PeriodEmpty: Reason("{until} is before {since}.", "Swap them."),
    errors.ExportEmpty: Reason("There are no invoices from that time."),
    errors.ExportTooLarge: Reason(
        "That is more than the 50 MB that Telegram accepts.",
        "Ask for less, for example /export 2026-10, or use invoice-bot export at a terminal.",
    ),
    errors.OutputRefused: _output,
    errors.SettingsNotWritten: _not_written,
    # what was written at a terminal
    errors.ArgumentRefused: Reason("That is not possible."),
    errors.ExpiryRefused: Reason(
        "--expiry {text} is not a time to pay an invoice.",
        "Write a number with s, m, h or d, such as 1d, up to 365d.",
    ),
    errors.OptionsExclude: Reason("Only one of {options} can be given.", "Remove the others."),
    errors.LimitRefused: Reason(
        "--limit {text} is not a number of invoices.", "Write one from 1 to {most}."
    ),
    errors.NotAnInvoice: Reason(
        "That is neither a payment hash nor a payment request.",
        "A hash has 64 hex digits, and a request begins with ln and its network's letters.",
    ),
    errors.RequestCorrupt: Reason(
        "That payment request is too short or has a typo.", "Copy the whole of it."
    ),
    errors.OtherNetwork: Reason("That payment request is on {asked}, and the node is on {here}."),
    errors.UserUnknown: Reason("This machine has no user {name}.", "Name another one with --user."),
    errors.PathForUnitRefused: Reason(
        "A systemd unit can't name the path {path}.",
        "Move it to one of letters, digits, spaces and dashes.",
    ),
    errors.BackupRefused: _backup,
    errors.MoveRefused: _move,
    # the node
    errors.NodeError: Reason("The Lightning node could not do that."),
    errors.NodePassing: Reason("The Lightning node can't answer right now."),
    errors.NodeUnreachable: Reason("The Lightning node can't be reached."),
    errors.NodeNameUnknown: Reason(
        "The Lightning node's name can't be found.",
        "The bot's owner needs to check its address.",
    ),
    errors.ProxyRefused: Reason("The proxy can't reach the Lightning node."),
    errors.NodeStarting: Reason("The Lightning node is still starting."),
    errors.NodeStopping: Reason("The Lightning node is shutting down."),
    errors.NodeNotAsked: Reason("I haven't reached the Lightning node yet."),
    errors.NodeLocked: Reason(
        "The Lightning node's wallet is locked.", "The bot's owner needs to unlock it."
    ),
    errors.WalletMissing: Reason(
        "The Lightning node has no wallet yet.", "The bot's owner needs to create one."
    ),
    errors.NodeTimeout: Reason("The Lightning node is not answering."),
    errors.NodeOdd: Reason("The Lightning node reports an unknown error."),
    errors.ClockBehind: Reason(
        "The Lightning node's clock is more than a day slow.",
        "The bot's owner needs to set it, or the bot's.",
    ),
    errors.AskedTooLongAgo: Reason("I was away when you asked."),
    errors.NodeSetting: Reason(
        "The Lightning node rejects this bot.", "The bot's owner needs to check its settings."
    ),
    errors.CredentialsUnreadable: Reason(
        "The certificate or the macaroon for the Lightning node can't be read.",
        "The bot's owner needs to check both files.",
    ),
    errors.CertificateRefused: Reason(
        "The Lightning node's certificate does not match the pinned certificate.",
        "The bot's owner needs to copy the current one.",
    ),
    errors.CertificateExpired: Reason(
        "The Lightning node's certificate has expired.", "The bot's owner needs to renew it."
    ),
    errors.CertificateNotYetValid: Reason(
        "The Lightning node's certificate is not valid yet.",
        "The bot's owner needs to check the clocks of both machines.",
    ),
    errors.CertificateChanged: Reason(
        "The Lightning node's certificate has changed.",
        "The bot's owner needs to copy the new one.",
    ),
    errors.CertificateNotPublic: Reason(
        "The Lightning node's certificate is not from a public authority, and none is pinned.",
        "The bot's owner needs to pin LND's tls.cert.",
    ),
    errors.CertificateName: Reason(
        "The Lightning node's certificate does not include its address.",
        "The bot's owner needs to use an address that it includes.",
    ),
    errors.CertificateCorrupt: Reason(
        "The certificate file for the Lightning node is corrupt.",
        "The bot's owner needs to replace it.",
    ),
    errors.TlsMissing: Reason(
        "The Lightning node's address answers without TLS.",
        "The bot's owner needs to correct that address.",
    ),
    errors.TlsFailed: Reason("The TLS handshake with the Lightning node failed."),
    errors.RestPort: Reason(
        "The Lightning node's address looks like LND's REST port.",
        "The bot's owner needs to set the other port, which is usually 10009.",
    ),
    errors.MacaroonRefused: Reason(
        "The Lightning node rejects this bot's macaroon.", "The bot's owner needs to replace it."
    ),
    errors.MacaroonExpired: Reason(
        "This bot's macaroon has expired.", "The bot's owner needs to bake a new one."
    ),
    errors.MacaroonBound: Reason(
        "This bot's macaroon is bound to another address.",
        "The bot's owner needs to bake one for this address.",
    ),
    errors.PermissionMissing: Reason(
        "This bot's macaroon lacks a permission.",
        "The bot's owner needs to bake one that has it.",
    ),
    errors.CallMissing: Reason(
        "The Lightning node lacks a call that this bot needs. It is too old, or it is not LND."
    ),
    errors.NodeRefused: Reason("The Lightning node rejected this invoice."),
    errors.MemoTooLong: Reason("The memo is too long for the Lightning node."),
    errors.AmountTooLarge: Reason("The amount is too large for the Lightning node."),
    errors.ExpiryTooLong: Reason("The expiry is too long for the Lightning node."),
    errors.InvoiceUnknown: Reason("The Lightning node does not know this invoice."),
    errors.AlreadySettled: Reason("This invoice has already been paid."),
}
