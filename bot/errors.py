"""Every error of ours. Knows nothing else of the project, and no sentence for people.

Grouped by what the reader should do::

    InvoiceBotError
    ├── ConfigError                * fix the setting it names
    ├── StartError                 * the process cannot run like this
    │   ├── FolderGone             * run it in another folder
    │   ├── DatabaseInUse            end the other process
    │   ├── DatabaseMissing        * run the bot once, or name another file
    │   ├── DatabaseTooNew         * run the newer version
    │   ├── DatabaseTooOld         * run the bot once: that brings it up to date
    │   ├── DatabaseReplaced       * restore it, then start
    │   ├── DatabaseUnreadable       check the disk
    │   │   ├── DatabaseDamaged    *
    │   │   ├── DatabaseHalfMissing *
    │   │   ├── DatabaseHalfMoved  * move it once more
    │   │   ├── DatabaseWithoutTables *
    │   │   ├── DatabaseJournalLeft *
    │   │   ├── DatabaseIsFolder   * name a file
    │   │   ├── DatabaseNotPermitted * let the bot's user read it
    │   │   ├── NotADatabase       *
    │   │   ├── DatabaseNotOurs    *
    │   │   └── DatabaseHasTwoNames * remove the other one
    │   ├── DatabaseFolderReadOnly * let the bot's user write there
    │   ├── DatabaseFileClosed     * let the bot's user write to it
    │   ├── DatabaseAway             wait: PostgreSQL's server can't be reached
    │   ├── DatabaseRefuses        * PostgreSQL's server does not let the bot in
    │   │   ├── DatabasePasswordWrong *
    │   │   ├── DatabaseTlsFailed  *
    │   │   ├── DatabaseUnknown    * create it
    │   │   ├── DatabaseRightsMissing * grant them
    │   │   ├── DatabaseReadOnly   * let the bot's user write
    │   │   └── DatabasePooled     * connect to the server, or by a pool that keeps sessions
    │   ├── DatabaseUnfit          * its server is too old, or its encoding is not UTF-8
    │   ├── PostgresMissing        * install psycopg
    │   ├── LinkInTheWay           * remove the symbolic link
    │   ├── TokenRefused           * ask @BotFather for a token
    │   ├── PortInUse              * choose another port
    │   ├── PortUnusable           * choose another port
    │   ├── AddressInUse           * choose another address to listen at
    │   ├── AddressUnusable        * choose another address to listen at
    │   ├── DemoMissing            * install the demo
    │   └── DemoNotReady             the demo's bot has not started in time
    ├── SettingsNotWritten         * let this user write there
    ├── StoreUnavailable             wait: locked, full or unreachable; nothing was written
    │   └── TermLost                 another process acts now: this one waits for its turn
    ├── Refused                      tell the person who asked
    │   ├── AmountRefused          * `problem` says why
    │   ├── MemoRefused            *
    │   │   └── MemoUnreadable     *
    │   ├── UserLimitReached
    │   ├── ChatLimitReached
    │   ├── ShareLimitReached
    │   ├── PeriodRefused          * it is no date
    │   │   └── PeriodEmpty        * it ends before it begins
    │   ├── ExportEmpty              there is nothing in that time
    │   ├── ExportTooLarge           Telegram takes no file of that size
    │   ├── OutputRefused          * the command line cannot write there
    │   │   └── OutputFailed         it could not be written in the end
    │   └── ArgumentRefused        * an argument of the command line
    │       ├── ExpiryRefused      *
    │       ├── OptionsExclude     * of which only one can be given
    │       ├── LimitRefused       *
    │       ├── NotAnInvoice       * neither a payment hash nor a payment request
    │       │   └── RequestCorrupt * it begins as one
    │       ├── OtherNetwork       * a payment request of another network than the node's
    │       ├── UserUnknown        *
    │       ├── PathForUnitRefused *
    │       ├── BackupRefused      * not there: `problem` says why
    │       │   └── BackupFailed     the backup could not be made in the end
    │       └── MoveRefused        * a database can't be moved there: `problem` says why
    │           └── MoveFailed       it could not be moved in the end
    ├── NodeError
    │   ├── NodePassing              wait, and ask again: whether the call arrived is unknown
    │   │   ├── NodeUnreachable
    │   │   │   ├── NodeNameUnknown
    │   │   │   └── ProxyRefused     lnd.proxy does not lead to it
    │   │   ├── NodeStarting
    │   │   │   ├── NodeStopping
    │   │   │   └── NodeNotAsked     the process has just started
    │   │   ├── NodeLocked
    │   │   │   └── WalletMissing
    │   │   ├── NodeTimeout
    │   │   ├── NodeOdd              a text that nobody knows
    │   │   │   └── ClockBehind      the node's clock is a day behind ours, or ours ahead
    │   │   └── AskedTooLongAgo      not the node's fault: the bot was away
    │   ├── NodeSetting            * the owner has to fix something; asked again all the same
    │   │   ├── CredentialsUnreadable
    │   │   ├── CertificateRefused
    │   │   │   ├── CertificateExpired
    │   │   │   ├── CertificateNotYetValid  a clock is wrong
    │   │   │   ├── CertificateChanged  it was the pinned one before
    │   │   │   ├── CertificateNotPublic  none is pinned
    │   │   │   ├── CertificateName
    │   │   │   ├── CertificateCorrupt
    │   │   │   ├── TlsMissing
    │   │   │   └── TlsFailed
    │   │   ├── RestPort
    │   │   ├── MacaroonRefused
    │   │   │   ├── MacaroonExpired
    │   │   │   └── MacaroonBound
    │   │   ├── PermissionMissing
    │   │   └── CallMissing
    │   └── NodeRefused              the node refused this very call
    │       ├── MemoTooLong        *
    │       ├── AmountTooLarge     *
    │       ├── ExpiryTooLong      *
    │       ├── HashExists           an earlier try of this add arrived
    │       ├── InvoiceUnknown       no such payment hash at the node
    │       └── AlreadySettled       too late to cancel: it is paid
    └── ChatError                    what Telegram answered to a send or an edit
        ├── NotSent                  it surely did not arrive: send again
        │   └── ChatBusy             not before `retry_after_s`
        ├── MaybeSent                unknown, never failed: it may be in the chat
        │   └── NoAnswer             it was not even refused: most likely it is there
        │       └── AnswerUnreadable  it is there, and nobody knows its number
        ├── MessageGone              the message to edit was removed
        ├── ChatForbidden            blocked or removed: the chat is unreachable
        ├── ChatMoved                the group has a new id
        └── ChatRefused              Telegram will never take this
            ├── TopicGone            send it without the topic
            └── TopicClosed          tell the person in private

A ``*`` stands for `needs_fixing`, of that class and those below it.

What people read about an error is made in `bot.texts` from its class and its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

#: Letters at most of what the other side said: it goes into log lines and notices.
MAX_DETAIL = 500

#: What an error's sentence needs: figures, a path, a name.
Value = str | int | float


class InvoiceBotError(Exception):
    """Something went wrong."""

    #: The class's name as it is stored and looked up: `NodeLocked` → ``node-locked``.
    key: ClassVar[str] = "invoice-bot-error"

    #: Whether somebody has to fix a setting, an argument or a file first: until then the same again
    #: ends the same. The command line's exit code says so, and a service manager goes by that.
    needs_fixing: ClassVar[bool] = False

    def __init_subclass__(cls, *, needs_fixing: bool | None = None) -> None:
        if needs_fixing is not None:
            cls.needs_fixing = needs_fixing
        cls.key = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def family(cls) -> Iterator[type[Self]]:
        """This class and all below it."""
        yield cls
        for each in cls.__subclasses__():
            yield from each.family()

    def __init__(self, *, detail: str = "", **values: Value) -> None:
        detail = detail[:MAX_DETAIL]
        said = [self.key, *(f"{name}={value}" for name, value in values.items()), detail]
        super().__init__(" ".join(filter(None, said)))
        self.values = values
        # what the other side said, for the log only
        self.detail = detail


@dataclass(frozen=True)
class Problem:
    """One thing to fix in the settings: what is wrong with `key`, or with the file of that path.

    `kind` is one of `bot.config.problems.Kind`; `variable` is the environment variable that the
    value came from, "" for none. No part of it is a secret.
    """

    kind: str
    key: str
    variable: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        values = [f"{name}={value}" for name, value in self.values.items()]
        return " ".join([f"{self.key}: {self.kind}", *values])


class ConfigError(InvoiceBotError, needs_fixing=True):
    """Settings are missing, wrong or unknown: `problems` says which, each once."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.args = ("\n".join(map(str, problems)),)
        self.problems = problems


class StartError(InvoiceBotError, needs_fixing=True):
    """The bot cannot start."""


class FolderGone(StartError):
    """Somebody has removed the current folder."""


class DatabaseInUse(StartError, needs_fixing=False):
    """Another process works on the database at `path`; `pid` is its number, 0 where unknown."""


class DatabaseMissing(StartError):
    """There is no database at `path`."""


class DatabaseTooNew(StartError):
    """A newer version of this bot wrote the database."""


class DatabaseTooOld(StartError):
    """An older version of this bot wrote the database at `path`, and none has run since."""


class DatabaseReplaced(StartError):
    """The database at `path` no longer has the bot's tables, or not all of them."""


class DatabaseUnreadable(StartError, needs_fixing=False):
    """The database at `path` cannot be opened, for the `reason` that SQLite gives."""


class DatabaseDamaged(DatabaseUnreadable, needs_fixing=True):
    """The database at `path` is damaged: `reason`."""


class DatabaseHalfMissing(DatabaseUnreadable, needs_fixing=True):
    """The database at `path` is empty, its `journal` is not."""


class DatabaseHalfMoved(DatabaseUnreadable, needs_fixing=True):
    """A move into the file at `path` was cut short: what it has made is `part`."""


class DatabaseWithoutTables(DatabaseUnreadable, needs_fixing=True):
    """The database at `path` has no table: what was in it is in its `journal`, which is gone."""


class DatabaseJournalLeft(DatabaseUnreadable, needs_fixing=True):
    """The database at `path` is a backup that was put in place beside the `journal` of another."""


class DatabaseIsFolder(DatabaseUnreadable, needs_fixing=True):
    """A folder is at `path`, in the place of the database."""


class DatabaseNotPermitted(DatabaseUnreadable, needs_fixing=True):
    """The bot's user has no permission to read the database at `path`."""


class NotADatabase(DatabaseUnreadable, needs_fixing=True):
    """The file at `path` is no database."""


class DatabaseNotOurs(DatabaseUnreadable, needs_fixing=True):
    """The file at `path` is another program's database."""


class DatabaseHasTwoNames(DatabaseUnreadable, needs_fixing=True):
    """The file at `path` has another name as well, a hard link."""


class DatabaseFolderReadOnly(StartError):
    """The database's `folder` cannot be written: `reason`."""


class DatabaseFileClosed(StartError):
    """The file at `path`, beside the database, is there and can't be opened: `reason`."""


class DatabaseAway(StartError, needs_fixing=False):
    """The PostgreSQL server of the database at `path` can't be reached, for `reason`."""


class DatabaseRefuses(StartError):
    """The PostgreSQL server of the database at `path` refuses the bot, for `reason`."""


class DatabasePasswordWrong(DatabaseRefuses):
    """It rejects the password, or the user, or wants a password and got none."""


class DatabaseTlsFailed(DatabaseRefuses):
    """There is no TLS as ``sslmode`` wants it."""


class DatabaseUnknown(DatabaseRefuses):
    """It has no database of this name."""


class DatabaseRightsMissing(DatabaseRefuses):
    """The bot's user can't do there what a bot needs to do."""


class DatabaseReadOnly(DatabaseRefuses):
    """Nothing can be written, by the server's settings (``default_transaction_read_only``)."""


class DatabasePooled(DatabaseRefuses):
    """What is between gives each transaction another session, as transaction pooling does."""


class DatabaseUnfit(StartError):
    """The server of the database at `path` has `found` where the bot needs `needed`."""


class PostgresMissing(StartError):
    """The database is PostgreSQL's, and psycopg is not installed."""


class LinkInTheWay(StartError):
    """A symbolic link has the name of a file that the bot writes: `path`."""


class TokenRefused(StartError):
    """Telegram refuses the bot's token."""


class PortInUse(StartError):
    """Another program listens at `port`."""


class PortUnusable(StartError):
    """The system does not let `port` be used: `reason`."""


class AddressInUse(StartError):
    """Another program listens at `address`."""


class AddressUnusable(StartError):
    """The system does not let this process listen at `address`: `reason`."""


class DemoMissing(StartError):
    """The demo's packages are not installed."""


class DemoNotReady(StartError, needs_fixing=False):
    """The demo's bot did not start within `timeout_s` seconds."""


class SettingsNotWritten(InvoiceBotError, needs_fixing=True):
    """What the owner answered cannot be written: `problem`, at `path`, for `reason`.

    `problem` is one of `bot.core.wishes.OutputProblem`.
    """


class StoreUnavailable(InvoiceBotError):
    """The database cannot be written right now."""


class TermLost(StoreUnavailable):
    """Another process of this bot acts by now, or this one does not yet: nothing was written."""


class Refused(InvoiceBotError):
    """What a person asked for cannot be done."""


class AmountRefused(Refused, needs_fixing=True):
    """What stands there is no amount that can be asked for.

    `problem` is the reason's key, one of `bot.core.amounts.Problem`; `example` works.
    """

    def __init__(self, problem: str, **values: Value) -> None:
        super().__init__(detail="", problem=problem, **values)
        self.problem = problem


class MemoRefused(Refused, needs_fixing=True):
    """A memo of `size_bytes`, more than an invoice holds."""


class MemoUnreadable(MemoRefused):
    """A memo that is not UTF-8."""


class UserLimitReached(Refused):
    """One person can ask for `count` invoices in `per_s` seconds; `who` where not the reader."""


class ChatLimitReached(Refused):
    """A chat has `count` open invoices."""


class ShareLimitReached(Refused):
    """One person can have `count` open invoices in a group; `who` where not the reader."""


class PeriodRefused(Refused, needs_fixing=True):
    """What was written, `shown`, names no year, month or day."""


class PeriodEmpty(PeriodRefused):
    """`until` is before `since`."""


class ExportEmpty(Refused):
    """No invoice was asked for in that time."""


class ExportTooLarge(Refused):
    """Telegram takes no file as large as the export."""


class OutputRefused(Refused, needs_fixing=True):
    """The command line cannot write its output there: `problem`, at `path`, for `reason`.

    `option`: the one that names it, --png where it does not say.
    `problem` is one of `bot.core.wishes.OutputProblem`, which names the values of each.
    """


class OutputFailed(OutputRefused, needs_fixing=False):
    """The invoice was made, and its output could not be written; values likewise."""


class ArgumentRefused(Refused, needs_fixing=True):
    """An argument of the command line is wrong."""


class ExpiryRefused(ArgumentRefused):
    """`text` is no time to pay an invoice, or too long a one."""


class OptionsExclude(ArgumentRefused):
    """More than one of these `options` was given."""


class LimitRefused(ArgumentRefused):
    """`text` is no number of lines from 1 to `most`."""


class NotAnInvoice(ArgumentRefused):
    """What was written is neither a payment hash nor a payment request."""


class RequestCorrupt(NotAnInvoice):
    """It begins as a payment request does, and is none."""


class OtherNetwork(ArgumentRefused):
    """A payment request of the network `asked`, where the node is on `here`."""


class UserUnknown(ArgumentRefused):
    """This machine has no user `name`."""


class PathForUnitRefused(ArgumentRefused):
    """`path` has a character that means something else in a systemd unit."""


class BackupRefused(ArgumentRefused):
    """A backup cannot be written to `path`: `problem`, for `reason`.

    `problem` is one of `bot.core.wishes.BackupProblem`.
    """


class BackupFailed(BackupRefused, needs_fixing=False):
    """A backup could not be made; values likewise."""


class MoveRefused(ArgumentRefused):
    """A database can't be moved like this: `problem` is one of `bot.core.wishes.MoveProblem`."""


class MoveFailed(MoveRefused, needs_fixing=False):
    """It could not be moved in the end."""


class NodeError(InvoiceBotError):
    """The Lightning node did not do it."""

    #: The permission that the macaroon was found to lack just before.
    lacks: PermissionMissing | None = None


class NodePassing(NodeError):
    """The node cannot answer right now: whether the call arrived is unknown."""


class NodeUnreachable(NodePassing):
    """No connection, or it broke."""


class NodeNameUnknown(NodeUnreachable):
    """This machine does not know the name in the node's address."""


class ProxyRefused(NodeUnreachable):
    """The proxy to the node does not let the bot through, or does not reach the node."""


class NodeStarting(NodePassing):
    """The node is starting."""


class NodeStopping(NodeStarting):
    """The node is shutting down."""


class NodeNotAsked(NodeStarting):
    """Nobody has asked the node since the process started."""


class NodeLocked(NodePassing):
    """The node's wallet is locked."""


class WalletMissing(NodeLocked):
    """The node has no wallet yet."""


class NodeTimeout(NodePassing):
    """No answer in time."""


class NodeOdd(NodePassing):
    """The node says something that nobody knows."""


class ClockBehind(NodeOdd):
    """The node made an invoice long before it was asked for, by its own clock."""


class AskedTooLongAgo(NodePassing):
    """The bot was away when this was asked."""


class NodeSetting(NodeError, needs_fixing=True):
    """The node rejects this bot."""


class CredentialsUnreadable(NodeSetting):
    """The files of the certificate or the macaroon cannot be read."""


class CertificateRefused(NodeSetting):
    """The node's certificate does not match the one that is pinned."""


class CertificateExpired(CertificateRefused):
    """The node's certificate has expired."""


class CertificateNotYetValid(CertificateRefused):
    """The node's certificate is valid from a time in the future."""


class CertificateChanged(CertificateRefused):
    """The node had the pinned certificate, as this process saw, and has another one now."""


class CertificateNotPublic(CertificateRefused):
    """No certificate is pinned, and no public authority vouches for the node's."""


class CertificateName(CertificateRefused):
    """The node's certificate does not name the address that is used."""


class CertificateCorrupt(CertificateRefused):
    """The pinned certificate's file is corrupt."""


class TlsMissing(CertificateRefused):
    """What answers there does so without TLS."""


class TlsFailed(CertificateRefused):
    """The TLS handshake failed."""


class RestPort(NodeSetting):
    """What answers at the node's address speaks TLS and no gRPC, as LND's REST port does."""


class MacaroonRefused(NodeSetting):
    """The node refuses this bot's macaroon."""


class MacaroonExpired(MacaroonRefused):
    """The macaroon has expired."""


class MacaroonBound(MacaroonRefused):
    """The macaroon is bound to another address."""


class PermissionMissing(NodeSetting):
    """The macaroon lacks a permission."""


class CallMissing(NodeSetting):
    """The node does not know a call that the bot needs."""


class NodeRefused(NodeError):
    """The node refused this very call, and always will."""


class MemoTooLong(NodeRefused, needs_fixing=True):
    """The node finds the memo too long."""


class AmountTooLarge(NodeRefused, needs_fixing=True):
    """The node finds the amount too large."""


class ExpiryTooLong(NodeRefused, needs_fixing=True):
    """The node finds the expiry too long."""


class HashExists(NodeRefused):
    """The node has an invoice of this preimage already."""


class InvoiceUnknown(NodeRefused):
    """The node has no invoice with this payment hash."""


class AlreadySettled(NodeRefused):
    """The invoice is paid already."""


class ChatError(InvoiceBotError):
    """Telegram did not do it."""


class NotSent(ChatError):
    """It surely did not arrive."""


class ChatBusy(NotSent):
    """Telegram wants this chat left alone for `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class MaybeSent(ChatError):
    """Whether it arrived is unknown."""


class NoAnswer(MaybeSent):
    """Telegram has not answered in time: it may have arrived or not."""


class AnswerUnreadable(NoAnswer):
    """Telegram took it, to go by its answer, but the message's number cannot be read."""


class MessageGone(ChatError):
    """The message was removed."""


class ChatForbidden(ChatError):
    """The bot has no permission to write there.

    `is_muted`: it is still there, and what it has written can be edited.
    """

    def __init__(self, *, detail: str = "", is_muted: bool = False) -> None:
        super().__init__(detail=detail)
        self.is_muted = is_muted


class ChatMoved(ChatError):
    """The group became a supergroup with the id `new_chat_id`."""

    def __init__(self, new_chat_id: int) -> None:
        super().__init__(new_chat_id=new_chat_id)
        self.new_chat_id = new_chat_id


class ChatRefused(ChatError):
    """Telegram refused the message, or there is no picture to send with it."""


class TopicGone(ChatRefused):
    """The topic was deleted, or the group no longer has topics."""


class TopicClosed(ChatRefused):
    """Only admins write in the topic now."""
