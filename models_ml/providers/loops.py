"""An event loop in a thread of its own, for code that is not async: it works beside a loop the caller may have running.

Peculiar: what was started goes on while the caller does something else, so calls to a server are under way while the
drafts before them are judged.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoopThread:
    """Use as a context. At its end what still runs is cancelled, and the thread is gone."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="provider-loop", daemon=True)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, waited for here; what it raises is raised here."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the loop was not entered")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._ready.set()
            self._loop.run_forever()
