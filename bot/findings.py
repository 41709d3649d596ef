"""What a finding is: one thing that was checked, as a kind with values. Knows no prose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from bot.errors import InvoiceBotError, Value

#: What a finding's line needs; a tuple is a list of names.
Values: TypeAlias = Mapping[str, Value | tuple[str, ...]]


class Mark(StrEnum):
    """How it is, as each line begins."""

    FINE = "✓"
    NOTE = "!"  # worth knowing: the bot runs all the same
    BAD = "✗"


class About(StrEnum):
    """What was checked."""

    TELEGRAM = "Telegram"
    GROUPS = "groups"
    SETTINGS = "settings"
    INVOICES = "invoices"
    ACCESS = "access"
    CERTIFICATE = "certificate"
    MACAROON = "macaroon"
    NODE = "node"
    WALLET = "wallet"
    CHAIN = "chain"
    CHANNELS = "channels"
    DATABASE = "database"
    HEALTH = "health"


class Kind(StrEnum):
    """What was found, with the values that its line needs."""

    # of any check
    NO_ANSWER = "no answer"  # timeout_s
    CRASHED = "crashed"  # exception: the name of its class
    # the error says why; host, bake, source, certificate_key, unpinned, proxy where it is the
    # node's
    REFUSED = "refused"
    EXPIRES = "expires"  # expires_at, left_s; bake where it is the macaroon
    EXPIRED = "expired"  # expired_at, likewise
    # Telegram
    LOGIN_ACCEPTED = "login accepted"  # username, name
    LOGIN_REJECTED = "login rejected"
    LOGIN_UNKNOWN = "login unknown"  # api_url: no bot of this token there, or no such path
    UNREACHABLE = "unreachable"  # api_url, reason
    NAME_UNKNOWN = "name unknown"  # name, api_url
    PROXY_FAILED = "proxy failed"  # proxy: its host and port, "" where nobody can tell; reason
    PROXY_UNSUPPORTED = "proxy unsupported"  # variable: the one that names it
    TLS_FAILED = "TLS failed"  # api_url, reason
    NO_BOT_API = "no Bot API"  # api_url, answer: the status that it gives, "" for none
    ANSWERS_ODDLY = "answers oddly"  # message
    WEBHOOK_SET = "webhook set"  # host: of another program's, or of settings that were changed
    WEBHOOK_OURS = "webhook ours"  # host
    WEBHOOK_TO_SET = "webhook to set"  # host
    WEBHOOK_FAILED = "webhook failed"  # host, reason: what came since was delivered
    WEBHOOK_FAILS = "webhook fails"  # host, reason, waiting: updates
    WEBHOOK_NO_HTTPS = "webhook without HTTPS"
    WEBHOOK_PORT = "webhook port"  # port
    WEBHOOK_RESERVED = "webhook reserved"  # host
    WEBHOOK_NAME_UNKNOWN = "webhook name unknown"  # host
    WEBHOOK_REFUSED = "webhook refused"  # host, reason
    GROUPS_FORBIDDEN = "groups forbidden"
    PRIVACY_OFF = "privacy off"
    PRIVACY_ON = "privacy on"  # username
    IN_ALL_CHATS = "in all chats"
    NOT_IN_CHAT = "not in chat"  # chat_id
    CHAT_MOVED = "chat moved"  # chat_id, new_chat_id
    OWNERS_MET = "owners met"
    OWNER_NOT_MET = "owner not met"  # user_id, username
    NOT_CHECKED = "not checked"  # id: whose chat; message
    # the files with secrets
    READABLE_BY_ALL = "readable by all"  # key: "" for the settings' own file; path
    # what is asked for
    SHORT_EXPIRY = "short expiry"  # expiry_s
    MIN_ABOVE_RECEIVABLE = "min above receivable"  # min_msat
    MAX_ABOVE_RECEIVABLE = "max above receivable"  # max_msat, receivable_msat
    # who can ask
    OPEN_TO_ANYONE = "open to anyone"
    CLOSED_TO_EVERYONE = "closed to everyone"
    NO_OWNERS = "no owners"
    # the certificate; source: the setting that it comes from, where that is not its file's
    SYSTEM_AUTHORITIES = "system authorities"
    NO_CERTIFICATE = "no certificate"
    # the macaroon; bake: the line that makes one that fits; source likewise
    NO_MACAROON = "no macaroon"  # bake
    LACKS_CALLS = "lacks calls"  # methods, bake
    LACKS_EXTRAS = "lacks extras"  # methods: calls that the bot can do without; bake
    ALLOWS_ALL = "allows all"
    ALLOWS_TOO_MUCH = "allows too much"  # permissions, bake
    CONDITION = "condition"  # caveat
    MACAROON_ACCEPTED = "macaroon accepted"
    # the node
    ANSWERS = "answers"  # host
    WALLET_READY = "wallet ready"
    WALLET_LOCKED = "wallet locked"
    WALLET_MISSING = "wallet missing"
    STARTING = "starting"  # state, by LND's name
    IDENTITY = "identity"  # alias, version, network
    SYNCED = "synced"  # block_height
    NOT_SYNCED = "not synced"  # block_height
    RECEIVABLE = "receivable"  # receivable_msat
    NOTHING_RECEIVABLE = "nothing receivable"
    CHANNELS_UNSEEN = "channels unseen"  # permission: without it they cannot be seen
    HINTS = "hints"
    NO_HINTS = "no hints"
    HINTS_NEEDED = "hints needed"
    NOT_PERMITTED = "not permitted"  # permission: without it this cannot be checked
    # the database; path: what it is about
    WRITABLE = "writable"  # path
    REACHED = "reached"  # path: the server's name and the database's
    ACTIVE = "active"  # process: its host and number; began_at
    OTHER_SETTINGS = "other settings"  # process, sections
    MOVING = "moving"
    OLDER = "older"
    IS_FOLDER = "is a folder"  # path
    NOT_A_FOLDER = "not a folder"  # path
    FOLDER_MISSING = "folder missing"  # path
    FOLDER_READ_ONLY = "folder read-only"  # path
    FOLDER_CLOSED = "folder closed"  # path
    FILE_READ_ONLY = "file read-only"  # path
    LITTLE_SPACE = "little space"  # free_bytes, path
    # what it says of itself by HTTP
    NOT_LOOPBACK = "not loopback"  # listen


@dataclass(frozen=True)
class Finding:
    """One thing that was checked, and how it is. Its line is made in `bot.texts.terminal`.

    `error` is what a check of the settings, the node or the database met.
    """

    mark: Mark
    about: About
    kind: Kind
    values: Values = field(default_factory=dict)
    error: InvoiceBotError | None = None


def fine(about: About, kind: Kind, **values: Value | tuple[str, ...]) -> Finding:
    """In order."""
    return Finding(Mark.FINE, about, kind, values)


def note(about: About, kind: Kind, **values: Value | tuple[str, ...]) -> Finding:
    """Worth knowing."""
    return Finding(Mark.NOTE, about, kind, values)


def bad(about: About, kind: Kind, **values: Value | tuple[str, ...]) -> Finding:
    """Needs fixing."""
    return Finding(Mark.BAD, about, kind, values)


def refused(about: About, error: InvoiceBotError, **values: Value) -> Finding:
    """An error was met, which says what needs fixing."""
    return Finding(Mark.BAD, about, Kind.REFUSED, values, error)
