"""scripts/bootstrap.py: a sentence for every way an install can fail, nothing to do the second time."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from core.embedded import paths
from tests.core.embedded.helpers import wait_for

SCRIPT = paths.ROOT / "scripts" / "bootstrap.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the script, an environment without packages, and a lock file that asks for one."""
    folder = tmp_path / "a checkout"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, folder / "scripts")
    (folder / "requirements.txt").write_text("copylift-none-such==1.0\n")
    (folder / "requirements-dev.txt").write_text("copylift-none-such==1.0\n")
    return folder


@pytest.fixture(scope="module")
def pip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site-packages of an environment with pip in it, made once: it takes seconds."""
    made = tmp_path_factory.mktemp("template")
    subprocess.run([sys.executable, "-m", "venv", str(made)], check=True)
    return next(made.glob("lib/python*/site-packages"))


@pytest.fixture
def furnished(checkout: Path, pip_folder: Path) -> Path:
    """A checkout whose environment is there already, empty but for a borrowed pip, and not stamped."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(checkout / ".venv")], check=True)
    (next(checkout.glob(".venv/lib/python*/site-packages")) / "pip.pth").write_text(str(pip_folder))
    return checkout


def bootstrap(checkout: Path, kind: str = "run", **env: str) -> subprocess.Popen[str]:
    """Start it with pip cut off from any network, and without uv."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    kept["PATH"] = os.pathsep.join(["/usr/bin", "/bin"])
    return subprocess.Popen(
        [sys.executable, str(checkout / "scripts" / "bootstrap.py"), kind],
        env=kept | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PYTHONWARNINGS": "default"} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(started: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = started.communicate(timeout=120)
    assert "Traceback" not in err
    return started.returncode, out, err


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module, for its sentences."""
    spec = importlib.util.spec_from_file_location("copylift_bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_install_is_stamped_at_its_end_and_not_done_twice(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("# nothing to install\n")
    code, out, err = finish(bootstrap(checkout))
    assert (code, err) == (0, "")
    assert "Making a virtual environment" in out
    assert json.loads((checkout / ".venv" / "copylift.json").read_text())["place"] == str(checkout / ".venv")
    begun = time.monotonic()
    assert finish(bootstrap(checkout)) == (0, "", "")
    # 0.3 s on a quiet machine.
    assert time.monotonic() - begun < 2
    moved = checkout.with_name("moved")
    checkout.rename(moved)
    assert "Making a virtual environment" in finish(bootstrap(moved))[1]


def test_a_changed_lock_file_is_installed_and_one_set_is_not_the_other(furnished: Path) -> None:
    (furnished / "requirements.txt").write_text("# nothing to install\n")
    assert "Making" not in finish(bootstrap(furnished))[1]
    (furnished / "requirements.txt").write_text("# nothing, but otherwise\n")
    assert "Installing 0 packages" in finish(bootstrap(furnished))[1]
    assert finish(bootstrap(furnished, "dev"))[0] == 1
    (furnished / "requirements-dev.txt").write_text("# nothing\n")
    assert finish(bootstrap(furnished, "dev"))[0] == 0
    assert finish(bootstrap(furnished, "run")) == (0, "", "")


def test_without_network_there_is_a_sentence_and_no_stamp(furnished: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    index = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "PIP_RETRIES": "1"}
    code, _, err = finish(bootstrap(furnished, **index))
    assert code == 1
    assert err.strip().startswith("The package index cannot be reached. Check the network")
    assert not (furnished / ".venv" / "copylift.json").exists()
    # The next call goes on where this one stopped.
    (furnished / "requirements.txt").write_text("# nothing to install\n")
    assert finish(bootstrap(furnished))[0] == 0


def test_a_package_the_index_does_not_have_is_named(furnished: Path) -> None:
    code, _, err = finish(bootstrap(furnished))
    assert code == 1
    assert err.strip().startswith("The package index has no copylift-none-such==1.0 for Python 3.")


def test_two_at_once_wait_for_each_other(furnished: Path) -> None:
    (furnished / "requirements.txt").write_text("# nothing to install\n")
    (furnished / "var").mkdir()
    with (furnished / "var" / "install.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = bootstrap(furnished)
        assert second.stdout is not None
        assert second.stdout.readline() == "Another install works on .venv; waiting for its end.\n"
        time.sleep(0.2)
        assert second.poll() is None
        assert not (furnished / ".venv" / "copylift.json").exists()
    assert finish(second)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_install_is_a_line_and_is_done_again(furnished: Path, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        started = bootstrap(furnished, PIP_NO_INDEX="0", PIP_INDEX_URL=index)
        assert wait_for((furnished / "var" / "install.log").exists, seconds=60)
        started.send_signal(number)
        code, _, err = finish(started)
    assert code == 130
    assert err.strip() == "Interrupted. The next call goes on with it."
    assert not (furnished / ".venv" / "copylift.json").exists()


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "is full. Free some space"),
        ("error: Failed to extract\n  Caused by: No space left on device (os error 28)", "is full. Free some space"),
        ("Temporary failure in name resolution\nNo matching distribution found for x", "index cannot be reached"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]'))", "does not trust"),
        ("ERROR: No matching distribution found for torch==2.13.0", "has no torch==2.13.0 for Python"),
        ("a\nb", "It went wrong.\n  a\n  b"),
    ],
)
def test_every_cause_has_its_sentence(script: ModuleType, written: str, sentence: str) -> None:
    assert sentence in script.explain(written, "It went wrong.")


def test_progress_counts_packages_and_never_past_the_total(script: ModuleType) -> None:
    written = "Collecting django==5.2.19 (from -r x)\n  Downloading\nRequirement already satisfied: redis==8.1.0 in x\n"
    assert script.progress("", 2, 0) == "0 of 2 packages found"
    assert script.progress(written, 2, 0) == "2 of 2 packages found, now redis"
    assert script.progress(written + "Collecting more==1\n", 2, 0) == "2 of 2 packages found, now more"
    unpacking = written + "Installing collected packages: a, b\n"
    assert script.progress(unpacking, 2, 1) == "1 of 2 packages unpacked into .venv"
    assert script.progress(unpacking, 2, 3) == "2 of 2 packages unpacked into .venv"


def test_an_old_python_is_named(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(script.BootstrapProblem, match=r"needs Python 3\.11, 3\.12 or 3\.13; .* is 3\.9\.2,"):
        script.use_a_fitting_python()


def test_a_python_without_ensurepip_names_the_debian_package(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(script.BootstrapProblem, match="sudo apt install python3-venv"):
        script.require_ensurepip()


def test_a_disk_that_is_too_small_is_said_before_the_start(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil.disk_usage("/")._replace(free=200 * 1024**2)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _place: usage)
    with pytest.raises(script.BootstrapProblem, match="has 200 MB free; the packages need about 3072 MB"):
        script.install("run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["all"], ["run", "dev"]])
def test_other_words_get_the_usage(words: list[str]) -> None:
    answer = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (2, "usage: python3 scripts/bootstrap.py {run|dev}\n")
