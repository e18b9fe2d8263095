"""The embedded servers: private, recovered after every kind of death, stopped without a trace."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest
import redis

from core.embedded import cluster, identity, paths, process, services, urls
from core.embedded.lock import Lock, Owner
from core.embedded.postgres import Postgres
from core.embedded.problems import AlreadyRunning, DiskFull, ServiceProblem
from core.embedded.services import Services
from tests.core.embedded.helpers import clean_environment, end, first_line, hold_servers, remains, wait_for

pytestmark = pytest.mark.services


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose path has a blank and is far too long for a socket."""
    folder = tmp_path / "a checkout with a long name" / ("x" * 80) / "var"
    yield folder
    assert wait_for(lambda: remains(folder) == []), remains(folder)
    shutil.rmtree(paths.runtime_dir(folder), ignore_errors=True)


def ask(var: Path, statement: str) -> object:
    """The first value a statement answers, over the address the settings use."""
    connection = psycopg2.connect(urls.database_url(var))
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def broker(var: Path) -> redis.Redis:
    return redis.Redis.from_url(urls.redis_client_url(var))


def test_a_fresh_start_is_private_and_a_second_one_keeps_the_data(var: Path) -> None:
    with Services(var, durable=False) as first:
        assert first.owner.pid == os.getpid()
        ask(var, "create table kept as select 7 as value")
        with broker(var) as client:
            client.set("kept", "8")
        pids = [server.child.pid for server in first.servers if server.child]
        assert_private(var, pids)
        assert_locale_is_ours(var)
    assert remains(var) == []
    assert not paths.runtime_dir(var).exists()
    with Services(var):
        assert ask(var, "select value from kept") == 7


def assert_private(var: Path, pids: list[int]) -> None:
    runtime = paths.runtime_dir(var)
    for place in (runtime, runtime / "postgres", runtime / "valkey.sock", runtime / "postgres" / ".s.PGSQL.5432"):
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place
    assert stat.S_IMODE((var / "postgres").stat().st_mode) == 0o700
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        psycopg2.connect(host=str(runtime / "postgres"), user="postgres", dbname="copylift", passfile="/dev/null")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(host=str(runtime / "postgres"), user="postgres", dbname="copylift", password="guess")
    assert listening_ports(pids) == set()


def listening_ports(pids: list[int]) -> set[str]:
    """The inodes of TCP sockets that listen and belong to the processes."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        listening |= {row[9] for row in rows if row[3] == "0A"}
    ours = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            # The one that lists the folder is closed again by the time it is read.
            with suppress(FileNotFoundError):
                ours |= set(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
    assert ours, "the servers have no sockets at all, so this proves nothing"
    return listening & ours


def assert_locale_is_ours(var: Path) -> None:
    """Whatever the system has installed: UTF-8, and case rules that know more than ASCII."""
    assert ask(var, "show server_encoding") == "UTF8"
    assert ask(var, "select upper('é')") == "É"
    assert ask(var, "show timezone") == "UTC"


def test_the_port_check_sees_a_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)):
        assert listening_ports([os.getpid()])


def test_durable_servers_keep_what_was_acknowledged_through_kill_9(var: Path) -> None:
    with Services(var) as running:
        ask(var, "create table kept as select 7 as value")
        with broker(var) as client:
            client.set("kept", "8")
        # Valkey writes its file once a second.
        time.sleep(1.2)
        for server in running.servers:
            assert server.child is not None
            os.kill(server.child.pid, signal.SIGKILL)
        assert wait_for(lambda: not any(server.alive() for server in running.servers))
        assert running.revive() == ["PostgreSQL", "Valkey"]
        assert running.revive() == []
        assert ask(var, "select value from kept") == 7
        with broker(var) as client:
            assert client.get("kept") == b"8"


def test_servers_end_with_a_killed_owner_and_the_next_one_takes_over(var: Path) -> None:
    holder = hold_servers(var)
    pids = [int(word) for word in first_line(holder)]
    ask(var, "create table kept as select 7 as value")
    with pytest.raises(AlreadyRunning, match=rf"already running in this checkout \(a test, pid {holder.pid}\)"):
        Services(var).start()
    holder.kill()
    end(holder)
    # At once, while they are still ending; PostgreSQL and its own processes may be zombies meanwhile.
    with Services(var) as mine:
        assert ask(var, "select value from kept") == 7
        assert not any(process.alive(pid) for pid in pids)
        assert all(server.child and server.child.pid not in pids for server in mine.servers)


def test_everything_killed_at_once_recovers(var: Path) -> None:
    holder = hold_servers(var)
    pids = [int(word) for word in first_line(holder)]
    ask(var, "create table kept as select 7 as value")
    for pid in (holder.pid, *pids):
        os.kill(pid, signal.SIGKILL)
    end(holder)
    assert (var / "postgres" / "postmaster.pid").exists()
    with Services(var):
        assert ask(var, "select value from kept") == 7


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives up rights")
def test_where_namespaces_are_forbidden_root_runs_it_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    program = str(cluster.binaries() / "postgres")
    if not identity._works("nobody", program):
        pytest.skip("the user nobody cannot reach this checkout")
    monkeypatch.setattr(identity, "_works", lambda way, _program: way == "nobody")
    identity.identity.cache_clear()
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        var = Path(name)
        var.chmod(0o755)
        try:
            with Services(var, durable=False) as running:
                assert ask(var, "select 1") == 1
                pid = running.servers[0].child.pid if running.servers[0].child else 0
                assert Path(f"/proc/{pid}").stat().st_uid == 65534
                assert stat.S_IMODE((paths.runtime_dir(var) / "postgres").stat().st_mode) == 0o700
            # And back, when namespaces are allowed again: the files change hands.
            monkeypatch.undo()
            identity.identity.cache_clear()
            with Services(var, durable=False):
                assert ask(var, "select 1") == 1
        finally:
            identity.identity.cache_clear()
        assert remains(var) == []


def test_a_pid_file_that_names_someone_else_is_no_running_server(var: Path) -> None:
    with Services(var, durable=False, valkey=False):
        pass
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (var / "postgres" / "postmaster.pid").write_text(f"{bystander.pid}\n{var / 'postgres'}\n0\n5432\n\n\n\n")
        with Services(var, durable=False, valkey=False):
            assert ask(var, "select 1") == 1
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_an_initdb_that_was_killed_half_way_is_done_again(var: Path) -> None:
    program = "from core.embedded.services import Services; Services(valkey=False).start()"
    maker = subprocess.Popen([sys.executable, "-c", program], env=clean_environment(var), start_new_session=True)
    assert wait_for(lambda: any(var.glob("postgres.new-*/global")))
    maker.kill()
    maker.wait()
    assert not (var / "postgres").exists()
    with Services(var, durable=False, valkey=False):
        assert ask(var, "select 1") == 1
    assert not list(var.glob("postgres.new-*"))


def test_new_secrets_are_given_to_an_old_cluster(var: Path) -> None:
    with Services(var, durable=False, valkey=False):
        ask(var, "create table kept as select 7 as value")
    (var / "secrets.json").unlink()
    with Services(var, durable=False, valkey=False):
        assert ask(var, "select value from kept") == 7


def test_a_damaged_broker_file_is_put_aside_and_said(var: Path) -> None:
    lines: list[str] = []
    with Services(var, postgres=False), broker(var) as client:
        client.set("a", "b")
    for part in (var / "valkey" / "appendonlydir").glob("*.incr.aof"):
        part.write_bytes(b"*3\r\n$3\r\nSET\r\n$garbage" + part.read_bytes() + b"\0" * 64)
    with Services(var, postgres=False, report=lines.append), broker(var) as client:
        assert client.get("a") is None
    assert len(lines) == 1
    assert "damaged" in lines[0]
    assert list((var / "valkey").glob("appendonlydir.damaged-*"))


def test_a_second_command_attaches_and_the_first_waits_for_it(var: Path) -> None:
    owner, guest = hold_servers(var), None
    try:
        first_line(owner)
        guest = hold_servers(var)
        assert first_line(guest) == ["attached"]
        owner.terminate()
        time.sleep(0.5)
        assert owner.poll() is None, "the owner left while its servers were in use"
        assert ask(var, "select 1") == 1
        assert end(guest) == -signal.SIGTERM
        assert wait_for(lambda: owner.poll() == 143)
    finally:
        for one in (owner, guest):
            if one is not None:
                end(one)


def test_a_cluster_of_another_version_is_refused_untouched(var: Path) -> None:
    (var / "postgres").mkdir(parents=True)
    (var / "postgres" / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServiceProblem, match="was made by PostgreSQL 15; this version of Copylift brings 18"):
        Services(var, valkey=False).start()
    assert [entry.name for entry in (var / "postgres").iterdir()] == ["PG_VERSION"]
    lock = Lock(var)
    assert lock.acquire(Owner(pid=1, purpose="a test")), "the lock was not given back"
    lock.release()


def test_too_little_space_is_said_before_anything_is_written(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=100 * 1024**2)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    with pytest.raises(DiskFull, match=r"has 100 MB free; Copylift needs 500 MB"):
        Services(var).start()
    assert not (var / "postgres").exists()


def test_a_full_disk_in_a_log_becomes_the_sentence(var: Path) -> None:
    (var / "log").mkdir(parents=True)
    server = Postgres(var)
    server.log.write_text("PANIC:  could not write to file: No space left on device\n")
    assert isinstance(server.problem("PostgreSQL did not start."), DiskFull)
    server.log.write_text("FATAL:  something else\n")
    assert server.problem("PostgreSQL did not start.").message.endswith("FATAL:  something else")


@pytest.mark.parametrize(
    ("argv", "needed"),
    [
        (["manage.py"], False),
        (["manage.py", "--help"], False),
        (["manage.py", "help", "migrate"], False),
        (["manage.py", "migrate", "--help"], False),
        (["manage.py", "launch"], False),
        (["manage.py", "makemigrations", "--check"], False),
        (["manage.py", "makemigrations"], True),
        (["manage.py", "migrate"], True),
    ],
)
def test_only_commands_that_need_servers_get_them(
    argv: list[str], needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(services, "ensure", lambda *, purpose: asked.append(purpose))
    services.ensure_for_command(argv)
    assert asked == ([f"manage.py {argv[1]}"] if needed else [])


def test_nothing_is_started_where_both_servers_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/shop")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    assert services.ensure(purpose="a test", var=tmp_path / "var") is None
    assert not (tmp_path / "var").exists()
