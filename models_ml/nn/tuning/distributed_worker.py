"""One process of a distributed run, started by torch's launcher: `python -m models_ml.nn.tuning.distributed_worker`.

Peculiar: process 0 prepares the tokens, the others wait for them; process 0 alone speaks and is spoken to. The wish to
stop is agreed on by all after each step, since a process that stopped alone would leave the others waiting for ever.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from models_ml.nn.loading import set_threads
from models_ml.nn.progress import Cancelled
from models_ml.nn.training import TrainingFailed
from models_ml.nn.tuning.distributed import MARK
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.nn.tuning.training import tune, world_size

_LOOK = 0.2  # seconds


def main(arguments: list[str] | None = None) -> int:
    """Train; 0 where it ended well or was asked to stop, 1 for an error, which process 0 has then told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan_file", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args(arguments)
    set_threads()
    member = Member(int(os.environ.get("RANK", "0")), given.out)
    try:
        plan = TuningPlan.from_json(given.plan_file.read_text(encoding="utf-8"))
        member.wait_for_tokens()
        result = tune(
            plan,
            given.out,
            on_progress=member.on_progress,
            on_metrics=member.on_metrics,
            should_stop=member.should_stop,
            resume=given.resume or member.rank > 0,
        )
    except Cancelled as error:
        member.say("error", type="Cancelled", message=str(error))
        return 0
    except (TuningError, TrainingFailed) as error:
        _say("error", **_described(error))
        return 1
    except Exception as error:  # the launcher shows the traceback; the sentence goes to whoever started it
        _say("error", type=type(error).__name__, message=f"{type(error).__name__}: {error}")
        raise
    member.say("result", result=result.to_json())
    return 0


def _described(error: TuningError | TrainingFailed) -> dict[str, Any]:
    if isinstance(error, TuningError):
        return {"type": "TuningError", "field": error.field, "message": error.message}
    return {"type": "TrainingFailed", "message": str(error)}


class Member:
    """This process among the others: speaks if it is the first, and stops when all do."""

    def __init__(self, rank: int, out: Path) -> None:
        self.rank, self.out, self.training, self._stop = rank, out, False, threading.Event()
        self.processes, self._prepared = world_size(), set[str]()
        if rank == 0:
            threading.Thread(target=self._hear, name="distributed input", daemon=True).start()

    def _hear(self) -> None:
        sys.stdin.readline()  # "stop", or the end of the input: whoever started us has gone
        self._stop.set()

    def wait_for_tokens(self) -> None:
        """Return at once in process 0; in the others when it has written the tokens of both splits."""
        while self.rank > 0 and not self._tokens_written():
            time.sleep(_LOOK)

    def _tokens_written(self) -> bool:
        work = self.out / "work"
        return (work / "run.json").is_file() and len(list(work.glob("tokens-*/meta.json"))) >= 2

    def on_progress(self, fraction: float, stage: str, message: str, metrics: Mapping[str, float]) -> None:
        """Tell it. Raises TrainingFailed where this process begins anew alone, which others would wait for in vain."""
        if stage == "prepare":
            if message in self._prepared and self.processes > 1:
                raise TrainingFailed(
                    f"process {self.rank + 1} of {self.processes} ran out of memory, and one alone cannot take smaller "
                    "batches; lower batch_size and raise gradient_accumulation by as much"
                )
            self._prepared.add(message)
        self.say("progress", fraction=fraction, stage=stage, message=message, metrics=dict(metrics))

    def on_metrics(self, step: int, values: Mapping[str, float], /) -> None:
        """Tell it; from now on all processes go step by step."""
        self.training = True
        self.say("metrics", step=step, values=dict(values))

    def should_stop(self) -> bool:
        """Whether to stop: alone while preparing, and as process 0 has heard once all are training."""
        if not self.training or not distributed.is_initialized():
            return self._stop.is_set() and not distributed.is_initialized()
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        flag = torch.tensor([float(self._stop.is_set())], device=device)
        distributed.broadcast(flag, src=0)
        return bool(flag.item())

    def say(self, kind: str, **values: Any) -> None:
        """One line to whoever started us, from process 0 only."""
        if self.rank == 0:
            _say(kind, **values)


def _say(kind: str, **values: Any) -> None:
    sys.stdout.write(f"\n{MARK}{json.dumps({'kind': kind, **values}, ensure_ascii=False)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    code = main()
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
    sys.exit(code)
