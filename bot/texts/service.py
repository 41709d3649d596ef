"""What a service manager shows and reads: a line of status, and a systemd unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bot.core.text import spelled
from bot.errors import PathForUnitRefused

WAITING_FOR_TELEGRAM = "Waiting for Telegram: it can't be reached."
STOPPING = "Stopping."
READY = "Ready: another process of this bot is the active one."

#: Seconds that may pass without a sign of life, and for an orderly end, which takes five.
WATCHDOG_S, STOP_S = 60, 15
#: Files and connections at once: several times what the bot ever has, whoever comes.
DESCRIPTORS = 4096
#: Seconds before what ended is started again.
RESTART_S = 30


def running_as(username: str) -> str:
    """The status of a bot that serves its chats."""
    return f"Running as @{username}."


def unit(
    *,
    user: str,
    folder: Path,
    command: Sequence[str],
    writable: tuple[str, Path],
    readable: Iterable[Path],
    needs_fixing: int,
) -> str:
    """A systemd unit that lets `user` run `command` in `folder`, and do little else.

    `writable`: the setting that opens the database's folder, and that folder; `readable`: what has
    to be seen of the folders that are hidden; `needs_fixing`: the exit code after which another
    start would end the same. Raises `PathForUnitRefused`.
    """
    setting, data = writable
    seen = "".join(f"BindReadOnlyPaths=-{_path(each)}\n" for each in readable)
    return f"""\
[Unit]
Description=Lightning invoice bot
Wants=network-online.target
After=network-online.target

[Service]
User={user}
WorkingDirectory={_plain(folder)}
ExecStart={" ".join(map(_argument, command))}
# reads [access] and [limits] again
ExecReload=/bin/kill -HUP $MAINPID
Type=notify
WatchdogSec={WATCHDOG_S}
TimeoutStopSec={STOP_S}
Restart=on-failure
RestartSec={RESTART_S}
# something needs fixing first: a setting, the token
RestartPreventExitStatus={needs_fixing}

# The bot writes to its database's folder only, and of /home it sees what it needs. If LND creates
# a new certificate, restart the bot.
{setting}={_path(data)}
{seen}ProtectHome=tmpfs
ProtectSystem=strict
PrivateTmp=yes
UMask=0077
LimitCORE=0
LimitNOFILE={DESCRIPTORS}
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
# to Telegram and the node, by IPv4 and IPv6; to the system's names and its log
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes

[Install]
WantedBy=multi-user.target
"""


def install_unit(command: str) -> str:
    """How the unit becomes a service; `command` prints it, wherever that went now."""
    return (
        "To run the bot as a service:\n\n"
        f"    {command} | sudo tee /etc/systemd/system/invoice-bot.service\n"
        "    sudo systemctl daemon-reload\n"
        "    sudo systemctl enable --now invoice-bot"
    )


def not_reached(user: str, paths: Sequence[Path], command: str) -> str:
    """What the service's user can't read or write; `command` changes that."""
    those = ", ".join(spelled(str(each)) for each in paths)
    return f"{user} can't use {those}. To give it to that user:\n\n    {spelled(command)}"


def not_reached_elsewhere(user: str, path: Path) -> str:
    """The same of what is in somebody else's folder, as LND's."""
    return (
        f"{user} can't read {spelled(str(path))}. Copy it to the bot's folder, let {user} read "
        "the copy, and name that in the settings."
    )


def program_not_reached(user: str, path: Path) -> str:
    """The program itself, where nobody else can use it."""
    return (
        f"{user} can't use the program: {spelled(str(path))}. Install it where that user can, such "
        "as in /opt/invoice-bot, and print the unit with that one."
    )


def variables_left_out(names: Sequence[str]) -> str:
    """Settings that the unit does not have."""
    return (
        f"The unit leaves out settings from the environment: {', '.join(names)}. "
        "Put them into the settings file."
    )


def proxy_left_out(names: Sequence[str]) -> str:
    """The way to Telegram, which the unit does not have: an address may have a password in it."""
    return (
        f"The unit leaves out {' and '.join(names)}. If the bot needs a proxy, add a line "
        "Environment= with sudo systemctl edit invoice-bot."
    )


RUNS_AS_ROOT = "The unit runs the bot as root. Name another user with --user."


def _plain(path: Path) -> str:
    """A path that has its line to itself."""
    text = str(path)
    if any(not letter.isprintable() or letter in '"\\:' for letter in text):
        raise PathForUnitRefused(path=text)
    return text.replace("%", "%%")


def _path(path: Path) -> str:
    """A path in a list."""
    text = _plain(path)
    return f'"{text}"' if " " in text else text


def _argument(text: str) -> str:
    """A word of a command line, in which a dollar begins a variable."""
    return _path(Path(text)).replace("$", "$$")
