"""Plays shoppers against a running platform over HTTP, as a shop would: decide, show, click, buy, rate, and pay.

    with Shop("http://127.0.0.1:8000", api_key) as shop:
        played = play(shop, seed=7, shoppers=20_000, campaign="spring", progress=print_it, should_stop=stopping)

Shoppers are played in blocks by a few threads. Play the same numbers again after a kill (or from `first` on) and
nothing counts twice: a shopper's choices, event ids and times follow from the seed, the number and the experiment's
start. `progress` is called from one thread, the caller's. Ends early, without an error, once `should_stop` says so.
Raises errors of the tree (`core.errors`): no server, wrong key, unknown experiment, an experiment that is not running.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import errors
from experiments.simulation import shoppers as model
from experiments.simulation.blocks import Attributes, Clock, Played, Run
from experiments.simulation.client import Shop, Stopped

BLOCK = 100
BOUNDS: dict[str, tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "shoppers": (1, 10**9),
    "first": (0, 10**9),
    "rate": (0.001, 1e6),
    "threads": (1, 64),
    "days": (0, 400),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the play is: shoppers of `total`, events the platform took, seconds since the beginning."""

    shoppers: int
    total: int
    events: int
    seconds: float


def play(
    shop: Shop,
    *,
    seed: int,
    shoppers: int,
    experiment: str | None = None,
    campaign: str | None = None,
    first: int = 0,
    rate: float | None = None,
    batch: bool = False,
    threads: int = 4,
    begun_at: datetime | None = None,
    days: float = 0.0,
    attributes: Attributes = model.attributes,
    progress: Callable[[Progress], None] = lambda _: None,
    should_stop: Callable[[], bool] | None = None,
) -> Played:
    """Play shoppers first .. first+shoppers-1 of a seed in an experiment or a campaign.

    `rate` holds the pace (shoppers a second); None goes as fast as the answers come. `batch` asks for a block's
    decisions in one call (experiments only). Shopper i's visit is dated `begun_at` (default: the experiment's start)
    plus `days` * i / (first + shoppers); with days 0, i / rate seconds, and a millisecond each without a rate.
    """
    _check(
        (experiment, campaign),
        seed=seed,
        shoppers=shoppers,
        first=first,
        rate=1 if rate is None else rate,
        threads=threads,
        days=days,
    )
    clock = Clock(begun_at, _step(first + shoppers, rate, days))
    run = Run(shop, seed, experiment, campaign, batch, clock, attributes)
    size = BLOCK if rate is None else max(1, min(BLOCK, int(rate)))
    shop.should_stop = should_stop or shop.should_stop
    began = time.monotonic()

    def tell(block: Future[None]) -> None:
        block.result()
        done = run.played
        progress(Progress(done.shoppers, shoppers, done.accepted + done.duplicates, time.monotonic() - began))

    with ThreadPoolExecutor(threads, thread_name_prefix="shopper") as pool:
        waiting: deque[Future[None]] = deque()
        try:
            for start in range(first, first + shoppers, size):
                _wait_until(began + (start - first) / rate if rate else began, shop.should_stop)
                waiting.append(pool.submit(run.block, start, min(size, first + shoppers - start)))
                while waiting and (waiting[0].done() or len(waiting) > 2 * threads):
                    tell(waiting.popleft())
            while waiting:
                tell(waiting.popleft())
        except Stopped:
            run.played.stopped = True
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return run.finish(time.monotonic() - began)


def _check(named: tuple[str | None, str | None], **values: float) -> None:
    if named.count(None) != 1:
        raise errors.InvalidInput.field("experiment", "name either an experiment or a campaign.")
    for name, value in values.items():
        least, most = BOUNDS[name]
        if not least <= value <= most:
            raise errors.InvalidInput.field(name, f"must be from {least:,} to {most:,}; it is {value}.")


def _step(shoppers: int, rate: float | None, days: float) -> timedelta:
    if days:
        return timedelta(days=days) / shoppers
    return timedelta(milliseconds=1) if rate is None else timedelta(seconds=1 / rate)


def _wait_until(moment: float, should_stop: Callable[[], bool]) -> None:
    while not should_stop():
        left = moment - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(left, 0.1))
    raise Stopped
