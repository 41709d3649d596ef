"""A PostgreSQL of the tests' own: thrown away afterwards, and each test has a database.

From Debian's package. It listens at a loopback port and a Unix socket of its own, as another user
where the tests run as root, and does without fsync. One cluster for all workers of a test run.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import psycopg
import pytest

#: The newest of those that are installed.
_BINARIES = sorted(
    Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
)
#: What a server answers with at once, and never keeps for later.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "on",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "autovacuum": "off",
    "log_min_messages": "warning",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "lc_messages": "C",
}
#: Who is let in: one user by a password, one by TLS, which this server does not have.
_WHO = """
local all all trust
host all locked 127.0.0.1/32 scram-sha-256
hostssl all secured 127.0.0.1/32 trust
host all secured 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
"""
USER = "postgres"
TEMPLATE = "ours"
LIMIT_S = 60


def is_installed() -> bool:
    """Whether Debian's package is here."""
    return bool(_BINARIES)


needs_postgres = pytest.mark.skipif(not is_installed(), reason="needs Debian's package postgresql")


@dataclass(frozen=True)
class Cluster:
    """A server with its databases. `pid` is that of its first process."""

    folder: Path
    port: int

    @property
    def binaries(self) -> Path:
        return _BINARIES[-1].parent

    def url(self, database: str, *, port: int = 0, user: str = USER) -> str:
        """The address of a database, at another port where a proxy leads to it."""
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.folder / "log"
        _run(
            [
                str(self.binaries / "pg_ctl"),
                "start",
                "-w",
                "-t",
                str(LIMIT_S),
                "-D",
                str(self.data),
                "-l",
                str(log),
            ]
        )

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: "immediate" as a crash does."""
        _run([str(self.binaries / "pg_ctl"), "stop", "-w", "-m", mode, "-D", str(self.data)])

    def kill(self) -> None:
        """kill -9 of the server's first process; the others find out by themselves."""
        os.kill(self.pid, signal.SIGKILL)

    def start_again(self) -> None:
        """Start it after it was killed: the first process's others need a moment to find out."""
        until = time.monotonic() + LIMIT_S
        while True:
            try:
                self.start()
            except AssertionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)  # nothing tells of it
            else:
                return

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @contextlib.contextmanager
    def admin(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """A connection of the server's owner."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection


@contextlib.contextmanager
def own(**options: str) -> Iterator[Cluster]:
    """A cluster of one test's own, which it can kill; `options` of the server beside the usual."""
    cluster = made(**options)
    try:
        yield cluster
    finally:
        remove(cluster)


def made(**others: str) -> Cluster:
    """A new cluster in a folder of its own, started; `others`: options of the server."""
    # below /tmp, where another user can look in
    folder = Path(tempfile.mkdtemp(prefix="invoice-bot-postgres-"))
    cluster = Cluster(folder, _free_port())
    if os.geteuid() == 0:
        owner = pwd.getpwnam(USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    _run(
        [
            str(cluster.binaries / "initdb"),
            "-D",
            str(cluster.data),
            "-U",
            USER,
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
    )
    options = {
        **_OPTIONS,
        "port": str(cluster.port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        **others,
    }
    with (cluster.data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in options.items())
    (cluster.data / "pg_hba.conf").write_text(_WHO)
    cluster.start()
    return cluster


def remove(cluster: Cluster) -> None:
    """Nothing is left of it."""
    cluster.stop()
    shutil.rmtree(cluster.folder, ignore_errors=True)


_numbers = itertools.count()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: list[str]) -> None:
    """Run it as the server's user: PostgreSQL refuses to run as root."""
    user = USER if os.geteuid() == 0 else None
    # Into a file: what a server that is started inherits of a pipe never ends.
    with tempfile.TemporaryFile("w+") as out:
        done = subprocess.run(
            command,
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=2 * LIMIT_S,
        )
        out.seek(0)
        assert done.returncode == 0, out.read()


@contextlib.contextmanager
def shared(root: Path, worker: str) -> Iterator[Cluster]:
    """The cluster of this test run: made by the first worker that needs it, ended by the last.

    `root`: a folder that all workers of the run share.
    """
    root.mkdir(parents=True, exist_ok=True)
    note = root / "cluster.json"
    lock = filelock.FileLock(root / "cluster.lock")
    with lock:
        users = json.loads(note.read_text()) if note.exists() else None
        if users is None:
            cluster = made()
            users = {"folder": str(cluster.folder), "port": cluster.port, "workers": []}
        users["workers"].append(worker)
        note.write_text(json.dumps(users))
    cluster = Cluster(Path(users["folder"]), users["port"])
    try:
        yield cluster
    finally:
        with lock:
            users = json.loads(note.read_text())
            users["workers"].remove(worker)
            note.write_text(json.dumps(users))
            if not users["workers"]:
                note.unlink()
                remove(cluster)


def prepared(cluster: Cluster, root: Path) -> None:
    """The database that the others are copies of, with all tables and no row."""
    with filelock.FileLock(root / "template.lock"), cluster.admin() as admin:
        there = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if there.fetchone() is None:
            from bot.store.postgres import Postgres

            admin.execute(f"CREATE DATABASE {TEMPLATE}_new")
            Postgres.open(cluster.url(f"{TEMPLATE}_new")).close()
            admin.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")


@contextlib.contextmanager
def database(cluster: Cluster, *, template: str = TEMPLATE) -> Iterator[str]:
    """A database of its own, by its name, removed afterwards."""
    name = f"t{os.getpid()}_{next(_numbers)}"
    with cluster.admin() as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield name
    finally:
        with cluster.admin() as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def that_wait(cluster: Cluster, name: str) -> int:
    """How many processes of the bot wait for their turn on that database."""
    trying = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'invoice-bot office' AND query LIKE '%pg_try_advisory%'"
    )
    with cluster.admin(name) as look:
        return len(look.execute(trying).fetchall())
