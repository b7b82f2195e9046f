"""PostgreSQL, a private cluster started for tests; root runs it as an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.loopback import free_port

USER, PASSWORD, DATABASE = "emeth", "a password for tests", "postgres"
LIMIT_S = 120.0
_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int

    def empty(self) -> None:
        """Drop all that is in the database, and wait for the end of every other connection."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                (int(LIMIT_S * 1_000),),
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=DATABASE,
            autocommit=True,
        )


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server, or skip the test where there is none."""
    programs = _programs()
    directory = Path(tempfile.mkdtemp(prefix="emeth-postgres-"))
    prefix = _as_unprivileged(directory)
    try:
        (directory / "password").write_text(PASSWORD, "utf-8")
        (directory / "password").chmod(0o644)
        port = free_port()
        data = directory / "data"
        access = ("-A", "scram-sha-256", f"--pwfile={directory / 'password'}")
        _run([*prefix, programs / "initdb", "-D", data, "-U", USER, "--no-sync", "-E", "UTF8", *access])
        options = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": directory,
            "fsync": "off",
            "shared_buffers": "16MB",
        }
        given = [text for key, value in options.items() for text in ("-c", f"{key}={value}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(part) for part in (*prefix, programs / "postgres", "-D", data, *given)],
                stdout=log,
                stderr=log,
            )
        try:
            server = Postgres(port)
            _wait(server, process, directory / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # what its own programs call a fast stop
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _programs() -> Path:
    found = sorted(place for pattern in _PLACES for place in Path("/").glob(pattern[1:]))
    on_path = shutil.which("initdb")
    if found:
        return found[-1]
    if on_path is None:
        pytest.skip("no PostgreSQL: apt-get install postgresql")
    return Path(on_path).parent


def _as_unprivileged(directory: Path) -> Sequence[str]:
    """Return what begins a command that root may not run itself."""
    if os.geteuid():
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--"]


def _run(command: Sequence[object]) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr.decode()


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > give_up_s:
                pytest.fail(f"PostgreSQL does not start: {log.read_text('utf-8', 'replace')[-2_000:]}")
            time.sleep(0.05)
