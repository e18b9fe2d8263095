"""The few steps between our fork and a server's own code: give up root, promise to die with the parent, then exec.

Run by path in an isolated interpreter (`python -I -S child.py …`), so it imports the standard library only. It is a
program and not a `preexec_fn`, because Python code between fork and exec is unsafe once a process has threads.

    child.py --parent PID --signal N [--identity userns|nobody] [--watch] -- PROGRAM ARGUMENT…

On Linux the kernel sends signal N when the *thread* that forked us ends (PR_SET_PDEATHSIG): start from the main thread.
Elsewhere (`--watch`) we stay above the program and look at our standard input, whose other end only the parent holds.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
# The overflow user of Linux: "nobody" everywhere, needs no entry in /etc/passwd.
NOBODY = 65534
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


def enter_user_namespace() -> None:
    """Become nobody inside, while the files outside still see the user who started us. No chown is needed."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed here")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def become_nobody() -> None:
    """Give up root for good. The folders the program writes to must have been given to nobody before."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def die_with_parent(number: int, parent: int) -> None:
    """Ask the kernel for signal `number` at the parent's death; end at once if it died before we could ask."""
    # After the change of identity, which would have cleared the wish.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit(1)


def watch(program: list[str], number: int) -> int:
    """Run the program below us until it ends; signal it when our standard input closes. Answers its exit code."""
    child = subprocess.Popen(program, stdin=subprocess.DEVNULL)

    def forward(received: int, _frame: FrameType | None) -> None:
        child.send_signal(received)

    for one in FORWARDED:
        signal.signal(one, forward)
    watched = [sys.stdin.fileno()]
    while child.poll() is None:
        ready, _, _ = select.select(watched, [], [], 0.2)
        if ready:
            child.send_signal(number)
            watched = []
    return child.returncode


def main() -> None:
    """Parse, prepare, exec. Returns never."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--identity", choices=["same", "userns", "nobody"], default="same")
    parser.add_argument("--watch", action="store_true")
    parser.add_argument("program", nargs="+")
    wanted = parser.parse_args()
    if wanted.identity == "userns":
        enter_user_namespace()
    elif wanted.identity == "nobody":
        become_nobody()
    if wanted.watch:
        sys.exit(watch(wanted.program, wanted.signal))
    die_with_parent(wanted.signal, wanted.parent)
    os.execv(wanted.program[0], wanted.program)  # noqa: S606 (an argument list, from paths our caller computed)


if __name__ == "__main__":
    try:
        main()
    except OSError as problem:
        sys.exit(f"{sys.argv[-1]}: {problem.strerror}")
