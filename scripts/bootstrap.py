"""Makes .venv from the lock file, for `make`: python3 scripts/bootstrap.py {run|dev}. Standard library only.

Any python3 may start it; it finds one that fits. A second call compares one hash and returns. The stamp that holds the
hash is written last, so an interrupted install is seen and done again. Its syntax stays readable for old Pythons:
theirs is the sentence that tells to get a newer one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
OLDEST, NEWEST_TRIED = (3, 11), (3, 13)
# The installed packages take 2 GB, and pip unpacks beside them.
FREE_BYTES_NEEDED = 3 * 1024**3
TICK_SECONDS = 5.0
UV_NAMES = {"UV_FIND_LINKS": "PIP_FIND_LINKS", "UV_DEFAULT_INDEX": "PIP_INDEX_URL", "SSL_CERT_FILE": "PIP_CERT"}

NETWORK_WORDS = (
    "NewConnectionError", "Failed to establish a new connection", "Temporary failure in name resolution", "dns error",
    "Name or service not known", "nodename nor servname", "Network is unreachable", "Connection refused", "timed out",
    "ConnectTimeoutError", "Could not fetch URL", "No route to host", "ProxyError", "ReadTimeoutError",
)  # fmt: skip
DISK_WORDS = ("No space left on device", "Errno 28", "Disk quota exceeded", "os error 28")


class BootstrapProblem(Exception):
    """Something the user can put right; its text is the whole message."""


def main() -> int:
    """Make or check .venv. 0 when it is ready, 1 with a sentence, 130 after Ctrl-C."""
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        print("usage: python3 scripts/bootstrap.py {run|dev}", file=sys.stderr)
        return 2
    kind = sys.argv[1]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if not is_ready(kind):
            use_a_fitting_python()
            with only_one():
                if not is_ready(kind):
                    install(kind)
    except BootstrapProblem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"\n{disk_or_system_sentence(problem)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next call goes on with it.", file=sys.stderr)
        return 130
    return 0


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def environment() -> Path:
    """The folder of the virtual environment."""
    return ROOT / ".venv"


# --- is there anything to do ------------------------------------------------------------------------------------
def is_ready(kind: str) -> bool:
    """Whether .venv was made, to its end, from the lock file as it is now. The dev set holds the run set."""
    stamp = environment() / "copylift.json"
    try:
        made = json.loads(stamp.read_text())
    except (OSError, ValueError):
        return False
    whole = all(made.get(one) == wanted_hash(one) for one in ({"run", kind} if kind == "dev" else {kind}))
    return whole and made.get("place") == str(environment()) and (environment() / "bin" / "python").exists()


def wanted_hash(kind: str) -> str:
    """The hash of what `kind` is installed from."""
    return hashlib.sha256((ROOT / LOCKS[kind]).read_bytes()).hexdigest()


def write_stamp(kind: str) -> None:
    """Remember, after everything else, what .venv was made from."""
    made = {one: wanted_hash(one) for one in (LOCKS if kind == "dev" else {kind})}
    fresh = environment() / "copylift.json.new"
    fresh.write_text(json.dumps({**made, "place": str(environment()), "python": sys.version.split()[0]}))
    fresh.replace(environment() / "copylift.json")


class only_one:  # noqa: N801 (reads as what it does)
    """Holds the lock that lets one install at a time work on .venv; a second one waits and says so."""

    def __enter__(self) -> None:
        folder = ROOT / "var"
        folder.mkdir(exist_ok=True)
        self._handle = (folder / "install.lock").open("w")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another install works on .venv; waiting for its end.", flush=True)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._handle.close()


# --- Python -----------------------------------------------------------------------------------------------------
def use_a_fitting_python() -> None:
    """Go on in a Python the lock file was made for. Raises `BootstrapProblem` where none is found."""
    if OLDEST <= sys.version_info[:2] <= NEWEST_TRIED:
        return
    for minor in range(NEWEST_TRIED[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            os.execv(found, [found, *sys.argv])
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST:
        raise BootstrapProblem(
            f"Copylift needs Python 3.11, 3.12 or 3.13; {sys.executable} is {version}, and no other was found on the "
            "PATH. Install one, or name it: make run PYTHON=/path/to/python3.12"
        )
    print(f"Python {version} is newer than those Copylift is tested with (3.11 to 3.13); trying it.", flush=True)


def make_environment() -> None:
    """Make .venv anew where it is missing, broken, moved, or of another Python."""
    folder = environment()
    if environment_works(folder):
        return
    if folder.exists():
        shutil.rmtree(folder)
    print(f"Making a virtual environment with Python {sys.version.split()[0]}.", flush=True)
    uv = shutil.which("uv")
    if (
        uv
        and subprocess.run(
            [uv, "venv", "-q", "--seed", "--python", sys.executable, str(folder)], check=False
        ).returncode
        == 0
    ):
        return
    require_ensurepip()
    made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise BootstrapProblem(explain(f"{made.stdout}\n{made.stderr}", "The virtual environment could not be made."))


def runs(command: list[str], env: dict[str, str] | None = None) -> bool:
    """Run a program with its output on ours; whether it went well."""
    return subprocess.run(command, env=env, check=False).returncode == 0


def environment_works(folder: Path) -> bool:
    """Whether .venv holds this very Python version, in this place, with a working pip."""
    program = "import sys, pip; print(sys.prefix, sys.version_info[0], sys.version_info[1])"
    try:
        answer = subprocess.run(
            [str(folder / "bin" / "python"), "-c", program], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    here = f"{folder} {sys.version_info[0]} {sys.version_info[1]}\n"
    # Its programs name the place they were made in; in a checkout that was moved they would not start.
    return answer.stdout == here and str(folder) in (folder / "bin" / "activate").read_text()


def require_ensurepip() -> None:
    """Debian splits Python: without its venv package, `python -m venv` fails half-way."""
    try:
        import ensurepip  # noqa: F401, PLC0415 (only asked whether it is there)
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise BootstrapProblem(
            f"This Python ({sys.executable}) cannot make virtual environments: its ensurepip module is missing. "
            f"On Debian and Ubuntu: sudo apt install python3-venv (or python{version}-venv)"
        ) from None


# --- packages ---------------------------------------------------------------------------------------------------
def install(kind: str) -> None:
    """Fill .venv from the lock file; the stamp comes last."""
    (environment() / "copylift.json").unlink(missing_ok=True)
    free = shutil.disk_usage(ROOT).free
    if free < FREE_BYTES_NEEDED and not environment().exists():
        raise BootstrapProblem(
            f"The disk that holds {ROOT} has {free // 1024**2} MB free; the packages need about "
            f"{FREE_BYTES_NEEDED // 1024**2} MB. Free some space and run it again."
        )
    make_environment()
    lock = ROOT / LOCKS[kind]
    total = sum(1 for line in lock.read_text().splitlines() if "==" in line)
    print(f"Installing {total} packages from {lock.name}; the first time takes some minutes.", flush=True)
    begun = time.monotonic()
    uv = shutil.which("uv")
    if not (uv and install_with_uv(uv, lock)):
        install_with_pip(lock, total)
    write_stamp(kind)
    print(f"Packages are ready after {time.monotonic() - begun:.0f} s.", flush=True)


def install_with_uv(uv: str, lock: Path) -> bool:
    """The quick way, where uv is installed. False where it fails: pip is asked then, and explains."""
    env = dict(os.environ)
    # uv does not read pip's variables; without the first it takes another torch build than pip does.
    for theirs, ours in UV_NAMES.items():
        if os.environ.get(ours):
            env.setdefault(theirs, os.environ[ours])
    command = [uv, "pip", "install", "--python", str(environment() / "bin" / "python"), "-r", str(lock)]
    return runs(command, env)


def install_with_pip(lock: Path, total: int) -> None:
    """pip, with a line of progress every few seconds. Raises `BootstrapProblem` with the cause in a sentence."""
    log = ROOT / "var" / "install.log"
    command = [
        str(environment() / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
    ]
    with log.open("w") as output:
        pip = subprocess.Popen(
            [*command, "--progress-bar", "off", "-r", str(lock)], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            follow(pip, log, total)
        finally:
            if pip.poll() is None:
                pip.terminate()
                pip.wait()
    if pip.returncode != 0:
        raise BootstrapProblem(
            explain(log.read_text(errors="replace"), f"The packages could not be installed; see {log}.")
        )


def follow(pip: subprocess.Popen[bytes], log: Path, total: int) -> None:
    """Say every few seconds how far pip is, until it ends."""
    begun = told = time.monotonic()
    while pip.poll() is None:
        time.sleep(0.1)
        now = time.monotonic()
        if now - told >= TICK_SECONDS:
            told = now
            print(f"  {now - begun:4.0f} s  {progress(log.read_text(errors='replace'), total, unpacked())}", flush=True)


def unpacked() -> int:
    """How many packages .venv holds so far: each leaves a folder of metadata behind."""
    return sum(1 for _ in environment().glob("lib/python*/site-packages/*.dist-info"))


def progress(written: str, total: int, done: int) -> str:
    """What pip does at the moment, in words, from what it has written and unpacked."""
    if "Installing collected packages" in written:
        return f"{min(done, total)} of {total} packages unpacked into .venv"
    seen = re.findall(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)", written, flags=re.MULTILINE)
    return f"{min(len(seen), total)} of {total} packages found" + (f", now {seen[-1]}" if seen else "")


def explain(written: str, otherwise: str) -> str:
    """The sentence for a failed install: disk, network, certificates, a missing package; else the last lines."""
    if any(words in written for words in DISK_WORDS):
        return f"The disk that holds {ROOT} is full. Free some space (the packages need 3 GB) and run it again."
    if "CERTIFICATE_VERIFY_FAILED" in written:
        return "The package index shows a certificate this machine does not trust. Behind a proxy, set PIP_CERT."
    if any(words in written for words in NETWORK_WORDS):
        return (
            "The package index cannot be reached. Check the network (or the proxy, or PIP_INDEX_URL) and run it again; "
            "what was already downloaded is kept."
        )
    missing = re.search(r"No matching distribution found for (\S+)", written)
    if missing:
        version = ".".join(str(part) for part in sys.version_info[:2])
        return f"The package index has no {missing.group(1)} for Python {version} on this machine ({sys.platform})."
    last = [f"  {line}" for line in written.strip().splitlines()[-6:]]
    return "\n".join([otherwise, *last])


def disk_or_system_sentence(problem: OSError) -> str:
    """The sentence for what the operating system refused."""
    if any(words in str(problem) for words in DISK_WORDS):
        return explain(str(problem), "")
    return f"{problem.filename or ROOT}: {problem.strerror}."


if __name__ == "__main__":
    sys.exit(main())
