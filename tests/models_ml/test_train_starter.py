"""The command as a person meets it: its own process, no database, progress, exit codes, nothing half done."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models_ml.management.commands.train_starter import ProgressBar

ROOT = Path(__file__).resolve().parents[2]
TINY = ("--preset", "tiny", "--steps", "3,3")


def environment() -> dict[str, str]:
    """No database, no broker, one thread: the command needs none of them."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return kept | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "DJANGO_SETTINGS_MODULE": "config.settings"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "train_starter", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, cwd=ROOT, env=environment(), check=False
    )


def test_it_trains_tells_and_measures(tmp_path: Path) -> None:
    done = run(*TINY, "--out", str(tmp_path / "model"), "--evaluate", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "100% saved: saved to" in done.stdout
    assert "parameters in" in done.stdout
    record = json.loads((tmp_path / "model" / "training.json").read_text())
    assert (record["plan"]["preset"], record["plan"]["seed"]) == ("tiny", 1)
    assert json.loads((tmp_path / "model" / "evaluation.json").read_text())["briefs"] == 2
    assert "# Copylift starter model" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--preset", "huge"), "invalid choice: 'huge'"),
        (("--minutes", "0"), "--minutes must be above 0"),
        (("--minutes", "nan"), "--minutes must be above 0"),
        (("--minutes", "1", "--steps", "1,1"), "exclude each other"),
        (("--steps", "5"), "two or three whole numbers above 0"),
        (("--steps", "0,5"), "two or three whole numbers above 0"),
        (("--threads", "0"), "the number of threads must be at least 1"),
    ],
)
def test_bad_options_end_with_2_and_make_nothing(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = run("--out", str(tmp_path / "model"), *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


def test_a_finished_model_is_not_overwritten() -> None:
    shipped = ROOT / "models_ml" / "starter"
    before = (shipped / "training.json").read_bytes()
    done = run(*TINY, "--out", str(shipped))
    assert done.returncode == 2
    assert "already holds a finished model" in done.stderr
    assert (shipped / "training.json").read_bytes() == before


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "model"
    arguments = ["train_starter", "--preset", "tiny", "--out", str(out), "--steps", "3,1500"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        cwd=ROOT, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (out / "work" / "pretrain.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130
    assert "stopped at step" in stderr
    assert "--resume" in stderr
    assert list((out / "work" / "tune").glob("checkpoint-*"))
    assert not (out / "training.json").exists()


def test_progress_off_a_terminal_is_lines_with_the_time_left() -> None:
    stream = io.StringIO()
    bar = ProgressBar(stream, every=0.0)
    bar(0.0, "tokenizer", "learning", {})
    bar(0.25, "tune", "step 1 of 4", {"loss": 2.0})
    bar.started -= 10
    bar(0.5, "tune", "step 2 of 4", {"loss": 1.0})
    bar(1.0, "saved", "saved", {})
    first, second, third, last = stream.getvalue().splitlines()
    assert first == f"[{' ' * 28}]   0% tokenizer: learning"
    assert second == f"[{'#' * 7}{' ' * 21}]  25% tune: step 1 of 4"
    assert third.endswith("50% tune: step 2 of 4, about 20 s left")
    assert last == f"[{'#' * 28}] 100% saved: saved"
