"""A private PostgreSQL for tests and benchmarks: a cluster in a temporary directory, on a Unix socket."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: As whom the server runs where the tests run as root, which it refuses.
UNPRIVILEGED = ("postgres", "nobody")
_PLACES = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"

#: Faster than TRUNCATE, which makes new files for all tables and indexes.
_EMPTY = """
DO $$ BEGIN EXECUTE (SELECT coalesce(string_agg('DELETE FROM ' || quote_ident(tablename), '; '), 'SELECT 1')
FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_version'); END $$
"""


def programs() -> Path | None:
    """The directory of ``initdb`` and ``postgres``, ``None`` where there are none."""
    found = shutil.which("initdb")
    if found and Path(found).resolve().with_name("postgres").exists():
        return Path(found).resolve().parent
    newest = sorted((path for place in _PLACES for path in Path("/").glob(place[1:])), key=lambda path: str(path))
    return next((path for path in reversed(newest) if (path / "initdb").exists()), None)


@dataclass
class Cluster:
    """A running server. ``user`` may do everything; ``guarded`` has the password ``secret``."""

    folder: Path
    bin: Path
    options: tuple[str, ...]
    _names: Iterator[int] = field(default_factory=itertools.count)
    _shared: str | None = None
    _server: subprocess.Popen[bytes] | None = None

    def url(self, name: str, user: str = "owner") -> str:
        """Where a database of the server is."""
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def database(self, template: str = "template0") -> str:
        """The address of a new, empty database."""
        name = f"d{os.getpid()}_{next(self._names)}"
        self.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def emptied(self) -> str:
        """The address of a database that every call empties: a tenth of the time of a new one."""
        if self._shared is None:
            self._shared = self.database()
        else:
            self.psql(_EMPTY, self._shared.split("/")[3].split("?")[0])
        return self._shared

    def psql(self, sql: str, name: str = "postgres") -> str:
        """Statements as the owner; what they print."""
        command = [
            str(self.bin / "psql"),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.folder),
            "-U",
            "owner",
            name,
        ]
        return subprocess.run([*command, "-c", sql], check=True, capture_output=True, text=True).stdout

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [f"-c{option}" for option in self.options]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *options]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(_as_user(command), stdout=log, stderr=log, start_new_session=True)
        ready = [str(self.bin / "pg_isready"), "-q", "-h", str(self.folder)]
        for _ in range(600):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            if self._server.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT fast, SIGQUIT as if it had crashed."""
        assert self._server is not None
        os.killpg(self._server.pid, how) if how is signal.SIGKILL else self._server.send_signal(how)
        self._server.wait(timeout=60)
        self._server = None

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._server is not None


@contextmanager
def cluster(*options: str) -> Iterator[Cluster]:
    """A server for the time of the block; ``options`` are settings such as ``fsync=off``."""
    binaries = programs()
    if binaries is None:
        raise FileNotFoundError("no PostgreSQL: install the package postgresql, or put initdb into PATH")
    folder = Path(tempfile.mkdtemp(prefix="wp-pg-", dir="/tmp"))
    try:
        if (account := _account()) is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        command = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "owner", "-A", "trust"]
        make = [*command, "-N", "-E", "UTF8", "--locale=C", "--no-instructions"]
        subprocess.run(_as_user(make), check=True, capture_output=True, cwd="/")
        hba = folder / "data" / "pg_hba.conf"
        hba.write_text("local all guarded scram-sha-256\n" + hba.read_text())
        made = Cluster(folder, binaries, ("listen_addresses=", "max_connections=40", *options))
        made.start()
        try:
            made.psql("CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'secret'")
            yield made
        finally:
            if made.running:
                made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise FileNotFoundError("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _as_user(command: list[str]) -> list[str]:
    account = _account()
    if account is None:
        return command
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", *command]
