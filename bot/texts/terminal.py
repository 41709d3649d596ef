"""What people at a terminal read: a line per finding, and a new invoice. Plain text.

A finding's line begins with its mark and with what was checked, and ends with what to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bot import errors
from bot.config import DAY_S, MAX_SATS
from bot.core.amounts import Problem, format_sats, parse
from bot.core.answers import NodeInvoice
from bot.core.text import clean_line, clean_name, spelled
from bot.errors import AmountRefused, InvoiceBotError
from bot.findings import About, Finding, Kind, Mark
from bot.texts.amounts import about_amount
from bot.texts.errors import Reason, reason, why
from bot.texts.phrases import count, receivable, remark, shown_values, span

#: As many permissions beyond the needed ones are named.
_NAMED = 6


def finding_line(finding: Finding) -> str:
    """The finding as one line: ``✗ wallet: locked; unlock it: lncli unlock``."""
    action = cure(finding)
    return f"{finding.mark} {found(finding)}" + (f"; {action}" if action else "")


def found(finding: Finding) -> str:
    """What was checked, and what was found: ``wallet: locked``."""
    return f"{finding.about}: {_reason(finding).what}"


def cure(finding: Finding) -> str:
    """What to do, "" for nothing."""
    return "" if finding.mark is Mark.FINE else _reason(finding).action


def why_here(error: InvoiceBotError) -> str:
    """What happened and what to do, as `why`, with examples that work at a terminal."""
    if isinstance(error, AmountRefused):
        return " ".join(_about_amount(error))
    if isinstance(error, errors.NodeError):
        return _about_node(error)
    return why(error)


def new_invoice(made: NodeInvoice, code: str, *, receivable_msat: int | None = None) -> str:
    """A new invoice, with the QR code that the terminal shows, "" for none.

    `receivable_msat`: what the node can receive, where that is too little.
    """
    until = datetime.fromtimestamp(made.expires_at, UTC).astimezone()
    memo = clean_line(made.memo)
    about = [format_sats(made.amount_msat), *([f"For: {memo}"] if memo else [])]
    about.append(f"Payable until {until:%Y-%m-%d %H:%M %Z}")
    about += receivable(receivable_msat)
    return "\n".join([*about, "", *([code] if code else []), made.payment_request])


#: In the code's place.
NO_CODE = "The payment request is too long for a QR code.\n"
NO_CODE_HERE = "The QR code can't be shown here. To get it, use --png FILE.\n"


def code_too_wide(columns: int, here: float) -> str:
    """In the place of a code that needs more than the terminal's `here` columns."""
    return (
        f"The QR code is wider than this terminal ({here:.0f} columns). "
        f"Widen it to {columns} columns, or use --png FILE.\n"
    )


def _about_node(error: errors.NodeError) -> str:
    """What the node met, and where; `check` knows what to do about most of it."""
    what = reason(error).what.removesuffix(".")
    if isinstance(error, errors.NodeRefused):
        because = remark(error.detail)
        return f"{what} ({because})." if because else f"{what}."
    host, cause = (remark(str(error.values.get(name, ""))) for name in ("host", "cause"))
    is_of_name = isinstance(error, errors.NodeNameUnknown)
    is_there = isinstance(error, errors.NodeUnreachable | errors.NodeTimeout) and not is_of_name
    if is_there and host:
        what, host = f"{what} at {host}", ""
    beside = ", ".join(filter(None, (host, cause)))
    return f"{what}{f' ({beside})' if beside else ''}. invoice-bot check says more."


def _about_amount(error: AmountRefused) -> tuple[str, str]:
    if "example" not in error.values:
        return about_amount(error.values)
    command = _command(str(error.values["example"]))
    what, action = about_amount({**error.values, "example": command})
    # at its end, without a full stop, it can be copied
    action = action.replace(f"for example {command}.", f"for example: {command}")
    return what, _AT_TERMINAL.get(Problem(error.problem), action).format(example=command)


def _command(example: str) -> str:
    """An amount, and perhaps a memo, as a command line."""
    _, memo = parse(example, min_sats=1, max_sats=MAX_SATS)
    amount = example.removesuffix(memo).strip()
    option = ["--memo", memo] if memo else []
    return shlex.join(["invoice-bot", "invoice", amount, *option])


def _reason(finding: Finding) -> Reason:
    values = _written(finding)
    if finding.error is None:
        what, action = _FOUND.get((finding.about, finding.kind)) or _FOUND[finding.kind]
        return Reason(what.format_map(values), action.format_map(values))
    cures = _CURES_UNPINNED if "unpinned" in finding.values else _CURES
    action = next((cures[each] for each in type(finding.error).__mro__ if each in cures), "")
    return Reason(_of_error(finding.error), action.format_map(values))


def _of_error(error: InvoiceBotError) -> str:
    if type(error) in _DATABASE:
        return _DATABASE[type(error)].format_map(shown_values(error.values))
    detail = remark(error.detail)
    return reason(error).what.removesuffix(".") + (f" ({detail})" if detail else "")


# how a finding's values are written


def _written(finding: Finding) -> dict[str, Any]:
    written = shown_values(finding.values)
    for name in written.keys() & _NOTATIONS:
        written[name] = _NOTATIONS[name](finding.values[name])
    written |= _IN_LNDCONNECT if "source" in finding.values else _IN_FILES
    if "certificate_key" in finding.values:
        written |= _BESIDE_LNDCONNECT
    if "unpinned" in finding.values:
        written |= _UNPINNED
    proxy = written.get("proxy")
    written["and_proxy"] = f", and that {proxy} (lnd.proxy) leads there" if proxy else ""
    if "key" in finding.values:
        written["secret"] = _SECRETS[str(finding.values["key"])]
        written["chmod"] = spelled(shlex.join(["chmod", "600", str(finding.values["path"])]))
    methods = finding.values.get("methods")
    if isinstance(methods, tuple):
        written["unseen"] = _and(_UNSEEN.get(name, name) for name in methods)
    return written


def _and(names: Iterable[str]) -> str:
    return remark(" and ".join(names))


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMED
    return remark(", ".join(names[:_NAMED])) + (f" and {more} more" if more > 0 else "")


def _left(left_s: float) -> str:
    days = int(left_s // DAY_S)
    return f"in {count(days, 'day')}" if days else "in less than a day"


def _at(form: str) -> Callable[[float], str]:
    return lambda at: datetime.fromtimestamp(at, UTC).strftime(form)


_NOTATIONS: Mapping[str, Callable[[Any], str]] = {
    "expires_at": _at("%Y-%m-%d"),
    "began_at": _at("%Y-%m-%d %H:%M UTC"),
    "process": remark,
    "expired_at": _at("%Y-%m-%d %H:%M UTC"),
    "left_s": _left,
    "methods": _and,
    "sections": _and,
    "answer": lambda answer: f" {remark(answer)}" if answer else "",
    "message": remark,
    "reason": remark,
    "name": clean_name,
    "alias": clean_name,
    "permissions": _some,
    "receivable_msat": format_sats,
    "min_msat": format_sats,
    "max_msat": format_sats,
    "expiry_s": span,
    "free_bytes": lambda size: f"{size // 1_000_000} MB",
}

# what is in the file of a key
_SECRETS = {
    "": "the settings file",
    "telegram.token_file": "the token",
    "lnd.macaroon": "the macaroon",
}

# what the bot cannot see without a call
_UNSEEN = {
    "GetInfo": "the node's identity and chain",
    "ListChannels": "how much can be received",
}


#: What to do about an amount, where that is not what it is in a chat: a memo has its own option.
_AT_TERMINAL: Mapping[Problem, str] = {
    Problem.NOT_A_NUMBER: "Write an amount, and the memo after --memo, for example: {example}",
    Problem.NO_SPACE: "Write the memo after --memo, for example: {example}",
    Problem.TOO_LONG: "Write the memo after --memo, for example: {example}",
    Problem.NOT_ALONE: "Write the memo after --memo, for example: {example} --memo pizza",
    Problem.UNCLEAR_UNIT: "Write sats or btc, and the memo after --memo, for example: {example}",
    Problem.COMMAS: (
        "Use commas for thousands and a dot for fractions, as in 2.1k, for example: {example}"
    ),
    Problem.ZERO: "To let the payer choose, write any, for example: {example}",
}


# what was found, and what to do

#: Where what is new has to go.
_IN_FILES = {
    "address": "lnd.host",
    "certificate_at": "the file at lnd.tls_cert",
    "put_certificate": "copy LND's current tls.cert to lnd.tls_cert",
    "pin_certificate": "set lnd.tls_cert to LND's tls.cert, or to a copy of it",
    "put_new_certificate": "copy the new tls.cert to lnd.tls_cert",
    "put_macaroon": "set lnd.macaroon to its path",
}
_IN_LNDCONNECT = {
    "address": "in lnd.lndconnect",
    "certificate_at": "the certificate in lnd.lndconnect",
    "put_certificate": "put an address with LND's current tls.cert into lnd.lndconnect",
    "pin_certificate": "put an address with LND's current tls.cert into lnd.lndconnect",
    "put_new_certificate": "put an address with the new tls.cert into lnd.lndconnect",
    "put_macaroon": "put an address with it into lnd.lndconnect",
}
#: The same where lndconnect has no certificate: it is in a file of its own.
_BESIDE_LNDCONNECT = {
    name: _IN_FILES[name] for name in ("certificate_at", "put_certificate", "put_new_certificate")
} | {
    "pin_certificate": (
        "that address has no certificate: copy LND's tls.cert, and name the copy in lnd.tls_cert"
    )
}
#: The same where none is pinned: the setting is empty, so that nothing can be copied there.
_UNPINNED = {"put_certificate": "set lnd.tls_cert to a copy of LND's tls.cert"}

_OWN = "open the link that the bot prints when it starts, or add your id to access.owners"
_BAKE = "bake one that fits and {put_macaroon}: {bake}"
_NEW_CERTIFICATE = "restart LND, which creates a new one, and {put_new_certificate}"
_LATER_CERTIFICATE = f"once it has expired, {_NEW_CERTIFICATE}"
_UNLOCK = "unlock it: lncli unlock"
_CREATE = "create it: lncli create"
_LATER = "try again in a while"

_FOUND: Mapping[Kind | tuple[About, Kind], Reason] = {
    Kind.NO_ANSWER: Reason("no answer within {timeout_s:g} s", "try again"),
    Kind.CRASHED: Reason("could not be checked ({exception})"),
    (About.CERTIFICATE, Kind.EXPIRES): Reason(
        "it expires on {expires_at}, {left_s}", _LATER_CERTIFICATE
    ),
    (About.CERTIFICATE, Kind.EXPIRED): Reason("it expired on {expired_at}", _NEW_CERTIFICATE),
    (About.MACAROON, Kind.EXPIRES): Reason("it expires on {expires_at}, {left_s}", _BAKE),
    (About.MACAROON, Kind.EXPIRED): Reason("it expired on {expired_at}", _BAKE),
    # Telegram
    Kind.LOGIN_ACCEPTED: Reason("the token works, the bot is @{username} ({name})"),
    Kind.LOGIN_REJECTED: Reason(
        "the token is rejected", "get the current one from @BotFather (/mybots, API Token)"
    ),
    Kind.LOGIN_UNKNOWN: Reason(
        "it knows no bot with this token",
        "check the token, and that telegram.api_url ({api_url}) is right",
    ),
    Kind.UNREACHABLE: Reason(
        "it can't be reached ({reason})",
        "check that this machine is online and that telegram.api_url ({api_url}) is right",
    ),
    Kind.NAME_UNKNOWN: Reason(
        "this machine finds no address for {name}",
        "check that it is online, that its DNS works, and that telegram.api_url ({api_url}) is "
        "right",
    ),
    Kind.PROXY_FAILED: Reason(
        "it can't be reached through the proxy {proxy} ({reason})",
        "check the proxy, and the variables HTTPS_PROXY and NO_PROXY",
    ),
    Kind.PROXY_UNSUPPORTED: Reason(
        "it can't be reached, and {variable} is not supported as it is",
        "set HTTPS_PROXY to the address of an HTTP proxy, such as http://127.0.0.1:3128",
    ),
    Kind.TLS_FAILED: Reason(
        "no secure connection ({reason})",
        "check that telegram.api_url ({api_url}) is right, begins with http:// or https:// as its "
        "server does, and that nothing in between replaces its certificate",
    ),
    Kind.NO_BOT_API: Reason(
        "{api_url} answers{answer}, but not as a Bot API server does",
        "check telegram.api_url; if it is right, try again in a while",
    ),
    Kind.ANSWERS_ODDLY: Reason("it answers {message}", "check that telegram.api_url is right"),
    Kind.WEBHOOK_SET: Reason(
        "a webhook sends the updates to {host}",
        "`run` removes it without losing an update, but {host} gets no more of them",
    ),
    Kind.WEBHOOK_OURS: Reason("updates go to the webhook at {host}"),
    Kind.WEBHOOK_TO_SET: Reason(
        "the webhook at {host} is not set yet: `run` sets it without losing an update"
    ),
    Kind.WEBHOOK_FAILED: Reason(
        "updates arrive at the webhook at {host}; the last failure was: {reason}",
        "if it comes again, check your proxy's log and the bot's",
    ),
    Kind.WEBHOOK_FAILS: Reason(
        "the webhook at {host} does not take updates ({reason}); waiting: {waiting}",
        "check that your proxy at {host} passes telegram.webhook on to telegram.listen, and that "
        "the bot runs",
    ),
    Kind.WEBHOOK_NO_HTTPS: Reason(
        "it accepts only webhooks with HTTPS",
        "write an address that starts with https:// in telegram.webhook, and put a proxy with a "
        "certificate in front of the bot",
    ),
    Kind.WEBHOOK_PORT: Reason(
        "it delivers to no webhook on port {port}",
        "use port 443, 80, 88 or 8443 in telegram.webhook",
    ),
    Kind.WEBHOOK_RESERVED: Reason(
        "it can't reach {host}, which has a private or an IPv6 address only",
        "use a name with a public IPv4 address in telegram.webhook",
    ),
    Kind.WEBHOOK_NAME_UNKNOWN: Reason(
        "it can't find {host}",
        "check the name in telegram.webhook and its DNS records",
    ),
    Kind.WEBHOOK_REFUSED: Reason(
        "it refuses the webhook at {host} ({reason})", "check telegram.webhook"
    ),
    Kind.GROUPS_FORBIDDEN: Reason(
        "the bot can't be added to groups",
        "if it should work in groups, allow that at @BotFather (/setjoingroups)",
    ),
    Kind.PRIVACY_OFF: Reason("privacy mode is off: every message reaches the bot"),
    Kind.PRIVACY_ON: Reason(
        "privacy mode is on, as recommended: "
        "/invoice@{username} and replies to the bot's messages reach it"
    ),
    Kind.IN_ALL_CHATS: Reason("the bot is in each of access.chats"),
    Kind.NOT_IN_CHAT: Reason(
        "the bot is not in {chat_id}",
        "add it to that group, or correct access.chats: the command /id shows a group's number, "
        "which is negative",
    ),
    Kind.CHAT_MOVED: Reason(
        "{chat_id} is the group's old number, from before it became a supergroup",
        "write {new_chat_id} in access.chats",
    ),
    Kind.OWNERS_MET: Reason("the bot can write to all owners"),
    Kind.OWNER_NOT_MET: Reason(
        "the bot can't write to {user_id} of access.owners: they have not opened it, or have "
        "blocked it",
        "open https://t.me/{username} with that account and press Start",
    ),
    Kind.NOT_CHECKED: Reason("{id} could not be checked ({message})", "try again"),
    # the files with secrets
    Kind.READABLE_BY_ALL: Reason(
        "everyone on this machine can read {secret} ({path})",
        "to let only the bot's user read it, run {chmod}",
    ),
    # what is asked for
    Kind.SHORT_EXPIRY: Reason(
        "an invoice can be paid for only {expiry_s}", "set a longer invoices.expiry, such as 1h"
    ),
    Kind.MIN_ABOVE_RECEIVABLE: Reason(
        "the node can't receive even {min_msat}, the smallest amount that can be requested",
        "get more inbound liquidity, or set a smaller invoices.min_sats",
    ),
    Kind.MAX_ABOVE_RECEIVABLE: Reason(
        "up to {max_msat} can be requested, but the node can receive only {receivable_msat}",
        "get more inbound liquidity, or set a smaller invoices.max_sats",
    ),
    # who can ask
    Kind.OPEN_TO_ANYONE: Reason(
        "anyone can ask for invoices (access.open)",
        "unless you want that, list people in [access] and set open = false",
    ),
    Kind.CLOSED_TO_EVERYONE: Reason("nobody can ask for invoices", _OWN),
    Kind.NO_OWNERS: Reason(
        "there are no owners, so nobody is notified when something needs fixing",
        _OWN,
    ),
    # the files
    Kind.SYSTEM_AUTHORITIES: Reason("checked against the system's certificate authorities"),
    Kind.NO_CERTIFICATE: Reason("{certificate_at} is not a valid certificate", "{put_certificate}"),
    Kind.NO_MACAROON: Reason("this is not an LND macaroon", _BAKE),
    Kind.LACKS_CALLS: Reason("it does not allow {methods}", _BAKE),
    Kind.LACKS_EXTRAS: Reason(
        "enough to run, but without {methods} the bot can't see {unseen}",
        "to allow that as well: {bake}",
    ),
    Kind.ALLOWS_ALL: Reason("it allows everything the bot needs"),
    Kind.ALLOWS_TOO_MUCH: Reason("it allows far more than the bot needs ({permissions})", _BAKE),
    Kind.CONDITION: Reason("it is valid only with {caveat}"),
    Kind.MACAROON_ACCEPTED: Reason("the node accepts it"),
    # the node
    Kind.ANSWERS: Reason("LND answers at {host}"),
    Kind.WALLET_READY: Reason("unlocked, and LND is ready"),
    Kind.WALLET_LOCKED: Reason("locked", _UNLOCK),
    Kind.WALLET_MISSING: Reason("not created yet", _CREATE),
    Kind.STARTING: Reason("LND is still starting ({state})", _LATER),
    Kind.IDENTITY: Reason("{alias}, lnd {version}, on {network}"),
    Kind.SYNCED: Reason("synced, at block {block_height}"),
    Kind.NOT_SYNCED: Reason("not synced, at block {block_height}", "wait until LND has caught up"),
    Kind.RECEIVABLE: Reason("up to {receivable_msat} can be received"),
    Kind.NOTHING_RECEIVABLE: Reason(
        "no inbound liquidity, so nobody can pay",
        "open channels to the node, or buy inbound liquidity",
    ),
    Kind.CHANNELS_UNSEEN: Reason(
        "not checked, because the macaroon lacks {permission}: payment requests include no hints "
        "for private channels",
        "if all channels are private, set lnd.private_route_hints = true",
    ),
    Kind.HINTS: Reason("payment requests include hints for the private channels"),
    Kind.NO_HINTS: Reason(
        "payment requests include no hints for the private channels, because others are public"
    ),
    Kind.HINTS_NEEDED: Reason(
        "all of them are private, and payment requests include no hints, so nobody can pay",
        'set lnd.private_route_hints = "auto"',
    ),
    Kind.NOT_PERMITTED: Reason("not checked, because the macaroon lacks {permission}"),
    # the database
    Kind.WRITABLE: Reason("{path} is writable"),
    Kind.REACHED: Reason("{path} can be used"),
    Kind.ACTIVE: Reason("the process {process} is the active one since {began_at}"),
    Kind.OTHER_SETTINGS: Reason(
        "the process {process} has other settings than these ({sections})",
        "give all processes of this bot the same settings, and restart them",
    ),
    Kind.MOVING: Reason(
        "move-database is at work on it, and no bot can use it",
        "wait until that has ended, and see that database.url is the one that counts then",
    ),
    Kind.OLDER: Reason(
        "an older version of this bot wrote it, so whether one is active is not known",
        "start this version, which brings it up to date, on every machine",
    ),
    Kind.IS_FOLDER: Reason("{path} is a folder", "name a file in database.url"),
    Kind.NOT_A_FOLDER: Reason("{path} is not a folder", "choose another one in database.url"),
    Kind.FOLDER_MISSING: Reason("there is no folder {path}", "create it"),
    Kind.FOLDER_READ_ONLY: Reason(
        "its folder {path} is not writable", "let the bot's user write there"
    ),
    Kind.FOLDER_CLOSED: Reason("{path} can't be opened by this user", "give it access"),
    Kind.FILE_READ_ONLY: Reason("{path} is not writable", "let the bot's user write to it"),
    Kind.LITTLE_SPACE: Reason("only {free_bytes} are free at {path}", "free some space there"),
    # what it says of itself
    Kind.NOT_LOOPBACK: Reason(
        "anyone who can reach {listen} can read how much the bot is used and what fails",
        "if that is not your monitoring alone, set health.listen to an address of this machine, "
        "such as 127.0.0.1:9090",
    ),
}

# what a start says of the database, after "database: "
_DATABASE: Mapping[type[InvoiceBotError], str] = {
    errors.DatabaseTooNew: "a newer version of this bot wrote it",
    errors.DatabaseUnreadable: "{path} can't be opened: {reason}",
    errors.DatabaseDamaged: "{path} is damaged ({reason})",
    errors.DatabaseHalfMissing: "{path} is empty, but its journal {journal} is not",
    errors.DatabaseHalfMoved: "moving a database into {path} was interrupted, which left {part}",
    errors.DatabaseWithoutTables: "{path} has nothing in it: its journal {journal} is missing",
    errors.DatabaseJournalLeft: "{path} is a backup, and the journal {journal} is another's",
    errors.DatabaseIsFolder: "{path} is a folder",
    errors.DatabaseNotPermitted: "the bot's user has no permission to read {path}",
    errors.NotADatabase: "{path} is not a database",
    errors.DatabaseNotOurs: "{path} belongs to another program",
    errors.DatabaseAway: "{path} can't be reached: {reason}",
    errors.DatabaseRefuses: "{path} can't be used: {reason}",
    errors.DatabasePasswordWrong: "the server rejects this user or password ({reason})",
    errors.DatabaseTlsFailed: "{path} has no TLS as needed ({reason})",
    errors.DatabaseUnknown: "the server has no such database ({reason})",
    errors.DatabaseRightsMissing: "the bot's user has no permission for {path} ({reason})",
    errors.DatabaseReadOnly: "{path} is read-only ({reason})",
    errors.DatabasePooled: "the pool between keeps no session ({reason})",
    errors.DatabaseUnfit: "{path} has {found}, and the bot needs {needed}",
    errors.PostgresMissing: "psycopg is not installed",
    errors.DatabaseHasTwoNames: "{path} has a second name (a hard link)",
}

_CURES: Mapping[type[InvoiceBotError], str] = {
    errors.NodeError: "see LND's log",
    errors.NodeUnreachable: (
        "check that LND is running and that its address is {host} ({address}){and_proxy}"
    ),
    errors.ProxyRefused: (
        "check that LND is running and that its address is {host} ({address}){and_proxy}; that has "
        "to be an HTTP proxy (Tor's HTTPTunnelPort), not SOCKS"
    ),
    errors.NodeNameUnknown: (
        "check the name in {host} ({address}), or write the node's IP address instead"
    ),
    errors.NodeTimeout: "check that {host} ({address}) is LND's gRPC port",
    errors.NodeStarting: _LATER,
    errors.NodeLocked: _UNLOCK,
    errors.WalletMissing: _CREATE,
    errors.NodeSetting: "fix that setting",
    errors.CallMissing: "update LND; a proxy in between must let every call of the bot through",
    errors.CertificateRefused: "{put_certificate}",
    errors.CertificateNotYetValid: "check the clocks of this machine and of the node's",
    errors.CertificateExpired: _NEW_CERTIFICATE,
    errors.CertificateNotPublic: "{pin_certificate}",
    errors.CertificateName: (
        "write a name that its certificate includes ({address}), or {put_certificate}"
    ),
    errors.TlsMissing: (
        "check that the address {host} ({address}) is LND's gRPC address and that no proxy in "
        "between removes TLS"
    ),
    errors.RestPort: (
        "that is not gRPC: correct {host} ({address}), gRPC is port 10009 unless lnd.conf says "
        "otherwise"
    ),
    errors.MacaroonRefused: _BAKE,
    errors.PermissionMissing: _BAKE,
    # the database
    errors.DatabaseTooNew: "run that version or a newer one",
    errors.DatabaseDamaged: "restore it from a backup",
    errors.DatabaseHalfMissing: "restore both from a backup, or remove both to start over",
    errors.DatabaseHalfMoved: "run move-database again, or remove what it left to start over",
    errors.DatabaseWithoutTables: "restore both from a backup, or remove it to start over",
    errors.DatabaseJournalLeft: "remove the journal",
    errors.DatabaseIsFolder: "name a file in database.url",
    errors.DatabaseNotPermitted: "let that user read and write it",
    errors.NotADatabase: (
        "name another file in database.url, or restore it from a backup if it was a database"
    ),
    errors.DatabaseNotOurs: "choose another one in database.url",
    errors.DatabaseAway: "check that the server runs, and its address in database.url",
    errors.DatabaseRefuses: "correct database.url",
    errors.DatabasePasswordWrong: "correct the user in database.url, or database.password",
    errors.DatabaseTlsFailed: (
        "correct sslmode, sslrootcert or sslcert in database.url, or the server's certificate"
    ),
    errors.DatabaseUnknown: "create it (createdb), or correct its name in database.url",
    errors.DatabaseRightsMissing: "let that user create tables in it",
    errors.DatabaseReadOnly: "set default_transaction_read_only to off for the bot's user",
    errors.DatabasePooled: (
        "set pool_mode = session in pgbouncer, or name the server itself in database.url"
    ),
    errors.DatabaseUnfit: "use another one",
    errors.PostgresMissing: 'install it with pip install "psycopg[binary]"',
    errors.DatabaseHasTwoNames: "remove the other one",
    errors.DatabaseUnreadable: "check the disk, and whether another program is using the file",
}

#: What is another way where no certificate is pinned: an authority vouches for the node's.
_CURES_UNPINNED: Mapping[type[InvoiceBotError], str] = {
    **_CURES,
    errors.CertificateExpired: "renew it at the authority that issued it, and restart LND",
}
