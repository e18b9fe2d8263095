"""Servers under the tests: one PostgreSQL and one Valkey of this run's own, in `var/test-PID`, gone at its end.

The controller starts them before any worker of pytest-xdist exists and hands the addresses on in the environment.
Where DATABASE_URL or REDIS_URL is set already (`make test-services`), that server is used. Several runs in one checkout
do not meet: each has its folder, and removes those of runs that were killed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db.backends.base.operations import BaseDatabaseOperations

from core.embedded import paths, process, urls
from core.embedded.lock import Lock, Owner
from core.embedded.services import Services

SERVERS = pytest.StashKey[Services]()
# Set for this run's workers too, which inherit the environment.
OWN_SERVER = "COPYLIFT_TEST_OWN_SERVER"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = "no Chromium found (apt-get install chromium, or set COPYLIFT_CHROMIUM)"


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers, once, in the process that leads the run."""
    if hasattr(config, "workerinput") or config.option.help or config.option.version or config.option.collectonly:
        return
    var = paths.var_dir()
    remove_stale(var.parent)
    embedded = {name: urls.is_embedded(name=name) for name in ("DATABASE_URL", "REDIS_URL")}
    servers = Services(
        var, postgres=embedded["DATABASE_URL"], valkey=embedded["REDIS_URL"], durable=False, purpose="pytest"
    )
    servers.start()
    # Where collected static files would lie; whitenoise warns when the folder is missing.
    (var / "static").mkdir(exist_ok=True)
    config.stash[SERVERS] = servers
    os.environ["COPYLIFT_VAR"] = str(var)
    if embedded["DATABASE_URL"]:
        os.environ["DATABASE_URL"] = urls.database_url(var)
        os.environ.setdefault("COPYLIFT_SECRET_KEY", paths.secrets(var)["secret_key"])
        os.environ[OWN_SERVER] = "1"
    if embedded["REDIS_URL"]:
        os.environ["REDIS_URL"] = urls.redis_url(var)


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether the test database is left standing at the end: on a server of our own it goes with the server.

    Dropping it first would fail now and then, where a thread of the last test has not let go of its connection yet.
    """
    return os.environ.get(OWN_SERVER) == "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers and remove what this run wrote."""
    servers = config.stash.get(SERVERS, None)
    if servers is not None:
        servers.stop()
        shutil.rmtree(servers.var, ignore_errors=True)


def remove_stale(folder: Path) -> None:
    """Remove the folders of test runs whose process is gone; their servers went with it."""
    for left in folder.glob("test-*"):
        pid = left.name.removeprefix("test-")
        if pid.isdigit() and not process.alive(int(pid)):
            lock = Lock(left)
            if lock.acquire(Owner(pid=os.getpid(), purpose="pytest, cleaning")):
                lock.release()
                shutil.rmtree(left, ignore_errors=True)


# --- browser journeys -------------------------------------------------------------------------------------------
def find_chromium() -> str | None:
    """The browser for the journeys: COPYLIFT_CHROMIUM, or the first on the PATH."""
    named = os.environ.get("COPYLIFT_CHROMIUM")
    return named or next((found for name in BROWSERS if (found := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the journeys where there is no browser."""
    if find_chromium() is None:
        for item in items:
            if item.get_closest_marker("journey"):
                item.add_marker(pytest.mark.skip(reason=NO_BROWSER))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines when journeys were left out."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if NO_BROWSER in str(report.longrepr)]
    if skipped:
        terminalreporter.section("browser journeys", sep="-")
        terminalreporter.line(f"{len(skipped)} browser journeys were SKIPPED: {NO_BROWSER}.")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; skips where there is none."""
    found = find_chromium()
    if found is None:
        pytest.skip(NO_BROWSER)
    return found


# --- really committed data --------------------------------------------------------------------------------------
@pytest.fixture(scope="session", autouse=True)
def tables_can_be_emptied() -> Iterator[None]:
    """Let the end of a `transaction=True` test empty the audit trail, which refuses it to everyone else.

    Triggers rest in the session that empties the tables, for that statement only; the tests' user may do that.
    """
    plain = BaseDatabaseOperations.execute_sql_flush

    def empty(self: BaseDatabaseOperations, sql_list: list[str]) -> None:
        plain(self, ["SET session_replication_role = replica", *sql_list, "SET session_replication_role = DEFAULT"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseDatabaseOperations, "execute_sql_flush", empty)
        yield
