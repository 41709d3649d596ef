"""What `invoice-bot setup` says and asks. Plain text for a terminal of 80 columns; no other command
loads it.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bot import errors
from bot.config import ENV_PREFIX, Kept
from bot.config.problems import Kind as Problem
from bot.core.text import clean_name, spelled
from bot.errors import NodeError
from bot.findings import About, Finding, Kind, Mark
from bot.texts.errors import reason
from bot.texts.phrases import remark
from bot.texts.settings import WHY_NO_DATABASE, settings_problem
from bot.texts.terminal import cure, found

_INDENT = "    "

WELCOME = (
    "This sets up your Lightning invoice bot: the bot's token, your node, and a",
    "macaroon for it. Nothing is written before you confirm the summary.",
    "Ctrl-C ends it at any time.",
    "",
)
#: Where the person at the terminal ends it, or nobody is left to answer.
STOPPED = "Setup has ended. Nothing was written."
YES_OR_NO = "Please answer y or n."
STOPPED_LATE = "Setup has ended. The files above are written and complete."


def alone(missing: Sequence[str]) -> str:
    """Questions that nobody can be asked, all in one sentence."""
    return f"There is no terminal to ask at: {'; '.join(missing)}."


def stopped(may_be_baked: int) -> str:
    """Where it ends before the files are written; a root key's number, 0: nothing can be baked."""
    return f"{STOPPED}\n{orphan(may_be_baked)}" if may_be_baked else STOPPED


def orphan(root_key_id: int) -> str:
    """A macaroon of which nobody knows whether it was baked, or that nobody uses."""
    return f"LND may have baked the macaroon already. To revoke it:\n{_INDENT}{revoke(root_key_id)}"


def stopped_late(command: Sequence[str]) -> str:
    """Where it ends after that; `command` starts the bot."""
    return f"{STOPPED_LATE}\n{start_later(command)}"


def overridden(names: Sequence[str]) -> str:
    """Variables that would be used in place of the settings that are written."""
    return (
        f"{', '.join(map(_path, names))} in the environment would override what setup writes. "
        "Unset it, and start setup again."
    )


# an existing settings file


def exists(config: Path, backup: Path, kept: Kept) -> str:
    """Before anything else is asked; `kept`: what it says beside what is asked for."""
    lines = [f"{_path(config)} exists already.", *carried(kept), *lost(kept)]
    return "\n".join([*lines, f"Replace it? It is kept as {_path(backup.name)}."])


def carried(kept: Kept) -> list[str]:
    """The settings that the new file has from the old one."""
    return _wrapped("These settings are carried over: ", kept.names)


def lost(kept: Kept) -> list[str]:
    """Those that it has not."""
    if not kept.is_readable:
        return ["It can't be read as settings: nothing in it is carried over."]
    return _wrapped("Not carried over, because the bot can't use them: ", kept.lost)


def left_behind(names: Sequence[str]) -> list[str]:
    """Those of a node or a database that is another one now."""
    return _wrapped("Not carried over, because they belong to what is replaced: ", names)


def _wrapped(head: str, names: Sequence[str]) -> list[str]:
    text = f"{head}{', '.join(map(_path, names))}."
    return textwrap.wrap(text, 80, break_long_words=False) if names else []


def exists_unasked(config: Path) -> str:
    """The same where nobody can be asked, or everything is to be answered with yes."""
    return (
        f"{_path(config)} exists already: add --replace to write a new one, "
        "and keep a copy of it beside it."
    )


REPLACE_ALONE = "add --replace to write a new settings file in the place of the one that is there"


def exists_kept(config: Path) -> str:
    """What to do with the one that stays."""
    return f"{_path(config)} stays as it is. To check it: invoice-bot check"


# the token

BOT_HEAD = (
    "1. The bot at Telegram",
    "",
    "Write /newbot to @BotFather in Telegram, then a name and a username for the bot.",
    "The reply has its token, such as 123456789:AAF0... Keep it secret: anyone with",
    "the token controls the bot.",
    "",
)
ASK_BOT = "Token (it is not shown as you paste it): "
ASK_BOT_AGAIN = "Token, or Enter to try the same one again: "
NO_BOT = "That is not a token. It looks like 123456789:AAF0..., in one piece."
BOT_ALONE = f"give the token with --token-file FILE or {ENV_PREFIX}TELEGRAM__TOKEN"
BAD_API_URL = "--api-url has to be an address that starts with https:// or http://."

_TOKEN_CURES: Mapping[Kind, str] = {
    Kind.LOGIN_REJECTED: "Copy it again from @BotFather: /mybots, the bot, API Token.",
    Kind.LOGIN_UNKNOWN: (
        "Copy the token again from @BotFather, and check the server's address: {api_url}"
    ),
    Kind.UNREACHABLE: "Check that this machine is online and reaches {api_url}",
    Kind.NAME_UNKNOWN: "Check that this machine is online and that its DNS works.",
    Kind.PROXY_FAILED: "Check the proxy, and the variables HTTPS_PROXY and NO_PROXY.",
    Kind.TLS_FAILED: "Check that nothing between here and {api_url} replaces its certificate.",
    Kind.NO_BOT_API: "Check the server's address: --api-url.",
    Kind.NO_ANSWER: "Check that this machine is online.",
}


def asking(whom: str) -> str:
    """While a check takes a moment."""
    return f"Checking {whom} ..."


def token_refused(finding: Finding) -> str:
    """Why Telegram does not accept the token, or cannot be asked."""
    hint = _TOKEN_CURES.get(finding.kind, "")
    shown = hint.format_map({"api_url": _path(str(finding.values.get("api_url", "")))})
    return f"{_upper(found(finding))}." + (f"\n  {shown}" if shown else "")


# the node

NODE_HEAD = ("2. The node", "")
LNDCONNECT = "lndconnect address (it is not shown as you paste it): "
NODE_ALONE = (
    "name LND's address with --node HOST:PORT, its folder with --lnd-dir FOLDER, or a file with an "
    "lndconnect address with --lndconnect-file FILE"
)
BAD_NODE = "That is not an address. Write host:port, such as 127.0.0.1:10009 or umbrel.local:10009."
BAD_LNDCONNECT = "That is not an lndconnect address, or only a part of one."
CERTIFICATE_ALONE = "name LND's certificate with --tls-cert FILE"
PROXY = "HTTP proxy to the .onion address (Tor's HTTPTunnelPort), such as http://127.0.0.1:9080: "
PROXY_ALONE = "give a proxy to the .onion address with --proxy URL, such as http://127.0.0.1:9080"
BAD_PROXY = "That is not http://host:port. SOCKS is not supported."
NOTHING_FOUND = "No LND was found on this machine."
OTHER_NODE = "Another one, by its address"


def node(default: str) -> str:
    """The question for its address."""
    return f'LND\'s gRPC, as host:port{_default(default)}, or "-" to paste an lndconnect address: '


def certificate(default: str) -> str:
    """The question for its path."""
    return f'Path of LND\'s tls.cert{_default(default)}, or "-" if a public authority issued it: '


def closed(path: Path) -> str:
    """A certificate that this user cannot read."""
    return (
        f"LND's files are in {_path(path.parent)}, but this user can't read them.\n"
        "  Start setup as a user who can, or copy tls.cert to where this one can."
    )


def found_node(name: str, address: str, certificate: Path) -> str:
    """One of several, or the only one."""
    at = f"at {address}" if address else "reached by its own containers only"
    return f"{name} {at}, with its files in {_path(certificate.parent)}"


def which(count: int) -> str:
    """The question after a numbered list."""
    return f"Which one? [1-{count}] "


def pick(count: int) -> str:
    """After an answer that is none of them."""
    return f"Please answer with a number from 1 to {count}."


def use_node() -> str:
    """After its facts."""
    return "Use this node?"


def facts(findings: Iterable[Finding]) -> list[str]:
    """What the node says of itself, as `check` does: who it is, its chain, what it can receive."""
    return [
        f"{each.mark} {found(each)}"
        for each in findings
        if each.about in (About.NODE, About.WALLET, About.CHAIN, About.CHANNELS)
        and each.kind not in (Kind.REFUSED, Kind.NOT_PERMITTED, Kind.CHANNELS_UNSEEN)
        and (each.kind is not Kind.WALLET_READY or not _names_node(findings))
        and (each.kind is not Kind.ANSWERS or not _names_node(findings))
    ]


def _names_node(findings: Iterable[Finding]) -> bool:
    return any(each.kind is Kind.IDENTITY for each in findings)


_NODE_CURES: Mapping[type[NodeError], str] = {
    NodeError: "LND's log says more.",
    errors.NodeUnreachable: "Is LND running, and does it listen at {host}?",
    errors.NodeNameUnknown: "Check the name, or write the node's IP address.",
    errors.ProxyRefused: "Is LND running, and is --proxy an HTTP proxy to it (not SOCKS)?",
    errors.NodeTimeout: "Is {host} LND's gRPC port, and does a firewall let it through?",
    errors.NodeStarting: "Wait until it has started.",
    errors.NodeLocked: "Unlock it: lncli unlock",
    errors.WalletMissing: "Create it: lncli create",
    errors.CallMissing: "Is it LND, and a recent one?",
    errors.CertificateRefused: "Give the tls.cert of the node that listens at {host}.",
    errors.CertificateExpired: "Restart LND, which creates a new one.",
    errors.CertificateNotYetValid: "Check the clocks of this machine and of the node's.",
    errors.CertificateNotPublic: "Give LND's own tls.cert instead.",
    errors.TlsMissing: "Is {host} LND's gRPC port?",
    errors.RestPort: "gRPC is port 10009 unless lnd.conf says otherwise.",
    errors.MacaroonRefused: "It belongs to another node, or is revoked.",
    errors.MacaroonExpired: "Bake a new one.",
    errors.MacaroonBound: "Bake one without that condition.",
    errors.PermissionMissing: "Give one that has it.",
}


def node_refused(error: NodeError, host: str) -> str:
    """Why the node does not do it, or cannot be asked."""
    hint = next(_NODE_CURES[each] for each in type(error).__mro__ if each in _NODE_CURES)
    detail = f"\n  ({remark(error.detail)})" if type(error) in _UNCLEAR else ""
    said = next((_THAT[each] for each in type(error).__mro__ if each in _THAT), reason(error).what)
    return f"{said}\n  {hint.format(host=host)}{detail}"


#: In a setup a macaroon need not be the bot's.
_THAT: Mapping[type, str] = {
    errors.MacaroonExpired: "That macaroon has expired.",
    errors.MacaroonBound: "That macaroon is bound to another address.",
    errors.MacaroonRefused: "The node rejects that macaroon.",
    errors.PermissionMissing: "That macaroon lacks a permission for this.",
}


def file_refused(error: errors.ConfigError) -> str:
    """What is wrong with a file that was named: without the key, which nobody has written yet."""
    problem = error.problems[0]
    path = problem.values.get("path")
    if problem.kind == Problem.FILE_MISSING and path:
        return f"There is no file at {_path(str(path))}."
    if problem.kind == Problem.FILE_IS_FOLDER and path:
        return f"{_path(str(path))} is a folder."
    return _upper(settings_problem(error.problems[0]).partition(": ")[2]) + "."


#: Where the node's own text is more than ours.
_UNCLEAR = (NodeError, errors.NodeOdd, errors.NodeRefused, errors.TlsFailed, errors.MacaroonRefused)


def not_ready(finding: Finding) -> str:
    """A wallet that is locked, missing or starting."""
    action = cure(finding)
    return f"{_upper(found(finding))}." + (f"\n  {_upper(action)}" if action else "")


# the macaroon

MACAROON_HEAD = (
    "3. The macaroon",
    "",
    "The bot gets a macaroon of its own. With it the bot can make, read and cancel",
    "invoices, and see the node's name and channels. It can't spend.",
    "",
)


def bake_here(admin: str) -> str:
    """The question where another macaroon may bake it."""
    return f"Bake it with {admin}?\nThat one is used for this alone, and kept nowhere."


def admin_file(path: Path) -> str:
    """Which one that is."""
    return _path(path)


ADMIN_OF_ADDRESS = "the macaroon in the lndconnect address"
ADMIN_PASTED = "the macaroon that you gave"
ADMIN_OF_FLAG = "the macaroon of --admin-macaroon"

MACAROON_FITS = "✓ That macaroon allows what the bot needs, and can't spend."


def cannot_bake(admin: str) -> str:
    """A macaroon that was to bake another one."""
    return f"{_upper(admin)} can't bake another one: it lacks macaroon:generate."


def admin_closed(paths: Sequence[Path]) -> str:
    """Admin macaroons that this user cannot read."""
    return f"This user can't read {_path(paths[0])}, so you bake it yourself."


def by_hand(lncli: str, methods: Iterable[str], *, root_key_id: int, target: Path | None) -> str:
    """The line that bakes it; `target`: where, on this machine; None: it is printed as hex."""
    save = [] if target is None else [f"--save_to={shlex.quote(spelled(str(target)))}"]
    first = f"{lncli or 'lncli'} bakemacaroon --root_key_id={root_key_id}"
    uris = [f"uri:{method}" for method in methods]
    line = f" \\\n{_INDENT}    ".join([first, *save, *uris])
    return f"Run this where lncli reaches the node:\n\n{_INDENT}{line}\n"


def waiting(target: Path, *, is_saved: bool, is_there: bool) -> tuple[str, ...]:
    """After that line, before what can be typed. `is_there`: an older file has that name."""
    goes_on = f"Setup goes on by itself once that file {'has changed' if is_there else 'is there'}."
    if is_saved:
        return (
            goes_on,
            "You can also paste the macaroon as hex, or write the path of another file.",
            "",
        )
    return (
        "It prints the macaroon as hex: paste that here. Or write the path of a file that",
        f"has it, or copy it to {_path(target)}:",
        goes_on,
        "",
    )


def use_present(path: Path) -> str:
    """The question where a macaroon of the bot's is there, and does."""
    fits = f"{_path(path)} allows what the bot needs, and can't spend."
    return f"{fits}\nUse the macaroon that is there?"


def unfit_present(path: Path, why: str) -> str:
    """The same where it does not; `why` in one sentence or more."""
    return f"! {_path(path)} is there, but it is of no use: {why[:1].lower()}{why[1:]}"


MACAROON = "Macaroon (it is not shown as you paste it): "
MACAROON_ALONE = (
    "name the bot's macaroon with --macaroon FILE, or one that can bake it with "
    "--admin-macaroon FILE"
)
NO_MACAROON = "That is not an LND macaroon, or only a part of one."


def unreadable(path: Path, error: Exception) -> str:
    """A file that was named."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"There is no file {_path(path)}."
    if isinstance(error, IsADirectoryError):
        return f"{_path(path)} is a folder."
    why = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return f"{_path(path)} can't be read: {remark(why)}."


def no_file_yet(target: Path, *, is_there: bool) -> str:
    """After Enter alone."""
    if is_there:
        return f"{_path(target)} has not changed yet."
    return f"There is no {_path(target)} yet."


def unfit(finding: Finding) -> str:
    """What is wrong with a macaroon: what it lacks, allows beyond that, or that it has expired."""
    return f"{_upper(found(finding))}."


def too_wide(finding: Finding) -> str:
    """One that could do harm, and cannot be exchanged for a narrower one."""
    return f"{_upper(found(finding))}. The bot takes none that can spend."


BAKING = "Baking the macaroon ..."


def baked_odd() -> str:
    """The node's answer to BakeMacaroon was not what was asked for."""
    return "The node baked something else than what was asked for. It is not used."


def baked(root_key_id: int) -> str:
    """Once it is there."""
    return (
        "✓ Macaroon baked, and accepted by the node. It can't spend. To revoke it later:\n"
        f"{_INDENT}{revoke(root_key_id)}"
    )


def revocable(root_key_id: str) -> str:
    """How one that was given is revoked; "0" where it has LND's own root key."""
    if root_key_id == "0":
        return (
            "This macaroon has LND's own root key (0), which can't be deleted: if it leaks,\n"
            "you can't revoke it. Bake one with --root_key_id to be able to."
        )
    return f"To revoke the bot's macaroon later:\n{_INDENT}{revoke(root_key_id)}"


def revoke(root_key_id: int | str) -> str:
    """The command line that does so."""
    return f"lncli deletemacaroonid {root_key_id}"


# owners

BAD_OWNER = "The bot's owner is given by a Telegram user id, such as 123456789 (/id shows it)."


def database_refused(finding: Finding) -> str:
    """Why the database can't be there."""
    return not_ready(finding)


def odd_database(kind: Problem, named: str) -> str:
    """Why no database can be named so in the settings."""
    why = WHY_NO_DATABASE.get(kind, "that is a folder")
    return f"--database has to be the path of a file, found {_path(named)}: {why}."


#: What a file of a bot's is, for `two_uses`.
SETTINGS, MACAROON_OF_BOT, CERTIFICATE = "the settings", "the bot's macaroon", "LND's certificate"
TOKEN_FILE, DATABASE = "the token's file", "part of the database"


def previous(what: str) -> str:
    """What is kept of it where a new one is written."""
    return f"a copy of {what} as they are now" if what == SETTINGS else f"a copy of {what}"


def two_uses(path: Path, one: str, other: str) -> str:
    """A path that was given for two things, or for one that setup writes there."""
    return f"{_path(path)} can't be {one} and {other} at once. Name another file."


# the summary

SUMMARY_HEAD = ("", "Summary", "")
BAKED_LATER = "will be baked, for this bot alone; it can't spend"
PRESENT = "the one that is there already; it can't spend"
GIVEN = "the one that you gave; it can't spend"
CLAIMED_LATER = "the first person who opens the link that is printed at the end"
WRITE = "Write this?"
WRITE_ALONE = "add --yes to write it"


def lacks(finding: Finding) -> str:
    """What a macaroon that fits does not show the bot."""
    return f"{finding.mark} {found(finding)}"


def summary(
    *,
    bot: str,
    token_file: Path | None,
    node: str,
    macaroon: str,
    owners: str,
    files: Sequence[str],
    database: str,
) -> list[str]:
    """What will be written, a line each."""
    rows = [
        ("Bot", bot),
        *(
            [("Token", f"stays in {_path(token_file)}, which has to stay there")]
            if token_file
            else []
        ),
        ("Node", node),
        ("Macaroon", macaroon),
        ("Owner", owners),
        *zip(("Files", *[""] * len(files)), files, strict=False),
        ("Database", database),
    ]
    return [f"  {name:<10}{value}" for name, value in rows]


def bot_of(username: str, name: str) -> str:
    """The bot, as Telegram knows it."""
    return f"@{_path(username)} ({clean_name(name)})"


def node_of(alias: str, host: str, network: str, *, proxy: str = "") -> str:
    """The node; alias and network are "" where it does not say them, proxy where there is none."""
    named = clean_name(alias)
    place = f"{named} at {host}" if named else host
    place += f" through {_path(proxy)}" if proxy else ""
    return f"{place}, on {spelled(network)}" if network else place


def owners_of(listed: Sequence[int], granted: Mapping[int, str]) -> str:
    """Who owns the bot from its start on: by the settings, and by the kept database."""
    known = [f"{clean_name(name)} ({id_})" if name else str(id_) for id_, name in granted.items()]
    already = f"{', '.join(known)}, who {'owns' if len(known) == 1 else 'own'} the bot already"
    parts = [*([", ".join(map(str, listed))] if listed else []), *([already] if known else [])]
    return "; ".join(parts) or CLAIMED_LATER


def server_of(place: str) -> str:
    """A database that the settings have already."""
    return f"{_path(place)} (PostgreSQL, as before)"


def file_of(path: Path, backup: Path | None, *, stays: bool = False) -> str:
    """A file that is written, and what becomes of the one that is there."""
    if stays:
        return f"{_path(path)} (stays as it is)"
    return _path(path) + (f" (the present one is kept as {_path(backup.name)})" if backup else "")


# the end


def replaced(root_key_id: str) -> str:
    """A macaroon of the bot's that was there before."""
    return f"To revoke the previous macaroon:\n{_INDENT}{revoke(root_key_id)}"


def written(paths: Sequence[Path]) -> str:
    """Once they are there."""
    return f"✓ Written, readable by this user only: {', '.join(_path(each.name) for each in paths)}"


CHECK_HEAD = ("", "Checking everything ...")


def after_setup(findings: Iterable[Finding]) -> list[Finding]:
    """What is worth a line right after a setup: who owns the bot is said below them."""
    known = (Kind.NO_OWNERS, Kind.CLOSED_TO_EVERYONE, Kind.OWNER_NOT_MET)
    return [each for each in findings if each.kind not in known]


def claim(link: str) -> tuple[str, ...]:
    """How to become the bot's owner."""
    return (
        "Once the bot runs, open this link in Telegram and press Start. That makes you the",
        "bot's owner. The link works once: keep it to yourself.",
        "",
        f"{_INDENT}{_path(link)}",
        "",
    )


def open_bot(username: str) -> tuple[str, ...]:
    """Where the owners are known already."""
    return (f"Once the bot runs, open https://t.me/{_path(username)} and press Start.", "")


def unit(command: str) -> tuple[str, ...]:
    """How it is kept running; `command` prints the unit."""
    return (
        "To run the bot as a systemd service, instead of in this terminal:",
        "",
        f"{_INDENT}{command} \\",
        f"{_INDENT}    | sudo tee /etc/systemd/system/invoice-bot.service",
        f"{_INDENT}sudo systemctl enable --now invoice-bot",
        "",
    )


def running(pid: int) -> tuple[str, ...]:
    """Where a bot works on the same database; `pid` 0: its process is not known."""
    process = f" (process {pid})" if pid else ""
    return (
        f"The settings are written. A bot is running with this database{process}:",
        "restart it, and it uses them.",
        "",
    )


START = "Start the bot now, in this terminal?"
STARTING = ("Starting. Ctrl-C ends the bot.", "")


def start_later(command: Sequence[str]) -> str:
    """The command that starts it."""
    return f"To start the bot: {shlex.join(command)}"


def _path(path: Path | str) -> str:
    return spelled(str(path))


def _default(value: str) -> str:
    return f" [{_path(value)}]" if value else ""


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def is_bad(findings: Iterable[Finding]) -> bool:
    """Whether anything needs fixing."""
    return any(each.mark is Mark.BAD for each in findings)
