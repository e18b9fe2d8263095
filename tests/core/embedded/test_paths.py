"""Folders, sockets and secrets: private, short, the same for every process of a user."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.embedded import paths, urls
from core.embedded.problems import ServiceProblem


def mode(place: Path) -> int:
    return stat.S_IMODE(place.lstat().st_mode)


def test_var_is_the_folder_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("COPYLIFT_VAR", str(tmp_path / "link" / "data"))
    assert paths.var_dir() == tmp_path.resolve() / "data"


def test_var_is_in_the_checkout_and_never_that_of_the_user_under_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COPYLIFT_VAR", raising=False)
    assert paths.var_dir() == paths.ROOT / "var" / f"test-{os.getpid()}"
    monkeypatch.delenv("PYTEST_VERSION")
    assert paths.var_dir() == paths.ROOT / "var"


def test_socket_folders_differ_by_var_and_are_short_for_any_checkout(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 120) / "var"
    assert paths.runtime_dir(deep) == paths.runtime_dir(deep)
    assert paths.runtime_dir(deep) != paths.runtime_dir(tmp_path)
    assert paths.runtime_dir(deep).parent == Path("/tmp")
    assert len(str(paths.postgres_socket_dir(deep) / ".s.PGSQL.5432")) <= 103


def test_a_parent_that_is_too_long_for_sockets_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COPYLIFT_RUNTIME_DIR", f"/tmp/{'x' * 90}")
    with pytest.raises(ServiceProblem, match=r"^COPYLIFT_RUNTIME_DIR: .* cannot hold sockets"):
        paths.runtime_dir(tmp_path)


def test_a_private_folder_is_closed_to_others_even_if_it_was_open(tmp_path: Path) -> None:
    assert mode(paths.private_dir(tmp_path / "new")) == 0o700
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(paths.private_dir(tmp_path / "open")) == 0o700


def test_a_link_in_place_of_a_private_folder_is_refused_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(ServiceProblem, match="is a link or a file"):
        paths.private_dir(tmp_path / "link")
    assert mode(target) == 0o755


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 12345, 12345)
    with pytest.raises(ServiceProblem, match="belongs to another user"):
        paths.private_dir(theirs)


def test_secrets_are_made_once_for_this_user_only(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: paths.secrets(tmp_path), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert set(answers[0]) == {"secret_key", "postgres_password"}
    assert all(len(value) >= 60 for value in answers[0].values())
    assert mode(tmp_path / "secrets.json") == 0o600
    assert not list(tmp_path.glob(".secrets-*"))


def test_secrets_that_others_could_read_are_closed_again(tmp_path: Path) -> None:
    before = paths.secrets(tmp_path)
    (tmp_path / "secrets.json").chmod(0o644)
    assert paths.secrets(tmp_path) == before
    assert mode(tmp_path / "secrets.json") == 0o600


def test_a_secret_that_is_missing_is_added_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({"secret_key": "mine"}))
    assert paths.secrets(tmp_path)["secret_key"] == "mine"
    assert paths.secrets(tmp_path)["postgres_password"] == paths.secrets(tmp_path)["postgres_password"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"secret_key": 1}', '{"secret_key": ""}', "\ufeff{}"])
def test_damaged_secrets_are_a_sentence_and_stay_as_they_are(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(text)
    with pytest.raises(ServiceProblem, match=r"secrets\.json is damaged\. Remove it"):
        paths.secrets(tmp_path)
    assert file.read_text() == text


def test_addresses_are_computed_without_a_server(tmp_path: Path) -> None:
    folder = paths.runtime_dir(tmp_path)
    password = paths.secrets(tmp_path)["postgres_password"]
    assert urls.database_url(tmp_path) == f"postgres://postgres:{password}@/copylift?host={folder}/postgres&port=5432"
    assert urls.redis_url(tmp_path) == f"redis+socket://{folder}/valkey.sock"
    assert urls.redis_client_url(tmp_path) == f"unix://{folder}/valkey.sock"
    assert not folder.exists()


def test_each_server_is_ours_exactly_where_its_variable_is_unset() -> None:
    assert urls.is_embedded({})
    assert urls.is_embedded({"DATABASE_URL": " "})
    assert not urls.is_embedded({"DATABASE_URL": "postgres://db/shop"})
    assert urls.is_embedded({"DATABASE_URL": "postgres://db/shop"}, name="REDIS_URL")


def test_the_package_works_before_django_is_there() -> None:
    program = "import sys, core.embedded.services, core.embedded.launcher; sys.exit('django' in sys.modules)"
    folders = os.pathsep.join([str(paths.ROOT / "platform")])
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": folders}, check=False).returncode == 0
