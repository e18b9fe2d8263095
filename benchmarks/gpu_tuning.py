"""What fine-tuning takes on a GPU: bf16 share of peak (MFU), tokens/s and peak memory, full against LoRA.

Run: `python benchmarks/gpu_tuning.py [--sizes 0.5B,1.5B]` on a GPU, `--small` for the same code at tiny size on a CPU.
Models have the shapes of Qwen2.5 and random weights, so nothing is downloaded; the loop is `models_ml.nn.tuning`'s.
The share of peak counts 6 operations a parameter and token for full tuning and 4 for LoRA (no weight gradients of the
frozen base), attention as 12 x layers x hidden x length / 2, nothing for what checkpointing computes twice (PaLM,
arXiv 2204.02311, appendix B), against the peak that the maker states for dense bf16, or a matrix product measured here.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers
from surroundings import describe
from transformers import Qwen2Config, Qwen2ForCausalLM, TrainerCallback

from models_ml.nn.grammar.corpus import examples
from models_ml.nn.loading import SHIPPED, set_threads
from models_ml.nn.progress import never, silent
from models_ml.nn.tuning.loop import Loop
from models_ml.nn.tuning.plan import TuningPlan
from models_ml.nn.tuning.probe import device_has_bf16
from models_ml.nn.tuning.training import Job, unheard

REACH = 0.30  # of peak
# Dense bf16 operations a second as the makers state them, by a piece of the device's name; more special ones first.
PEAKS = {
    "H200": 989e12, "H100 PCIe": 756e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "L4": 121e12,
    "A10": 125e12, "RTX 4090": 165e12,
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """A model and the step it is trained with: `bins` rows of `length` tokens."""

    name: str
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    vocabulary: int
    length: int
    bins: int
    steps: int


SHAPES = {
    "0.5B": Shape("0.5B", 896, 24, 14, 2, 4864, 151_936, 2048, 4, 12),
    "1.5B": Shape("1.5B", 1536, 28, 12, 2, 8960, 151_936, 2048, 4, 12),
    "small": Shape("small", 32, 2, 2, 1, 64, 5120, 64, 2, 4),
}
WARM_STEPS = 2


@dataclass(frozen=True)
class Record:
    """What a dataset's record says."""

    task: str = "text"
    hash: str = "grammar"
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Texts:
    """Long texts of this repository's grammar, enough for the steps of a shape."""

    shape: Shape
    record: Record = Record()

    def count(self, split: str) -> int:
        """Rows of a split; there is only one to train on."""
        return 2 if split == "train" else 0

    def rows(self, split: str) -> Iterator[dict[str, Any]]:
        """Two texts, each of half the tokens; the loop cuts them to whole bins."""
        copies = self.shape.bins * self.shape.length // 30 + 50
        for seed in range(self.count(split)):
            yield {"text": "\n\n".join(one.answer for one in examples(copies, seed))}


def save_model(shape: Shape, folder: Path) -> Path:
    """A model of random weights in single precision with the starter's tokenizer."""
    config = Qwen2Config(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.key_value_heads,
        intermediate_size=shape.intermediate, max_position_embeddings=4096, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(1)
    Qwen2ForCausalLM(config).save_pretrained(str(folder))
    transformers.AutoTokenizer.from_pretrained(str(SHIPPED)).save_pretrained(str(folder))
    return folder


class Clock(TrainerCallback):
    """Times the steps after the first few, waiting for the device at both ends."""

    def __init__(self, last: int) -> None:
        self.last, self.begun, self.seconds = last, 0.0, 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Start after the warm steps, stop after the last."""
        if state.global_step in (WARM_STEPS, self.last):
            wait()
            now = perf_counter()
            self.seconds, self.begun = now - self.begun, now


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak() -> tuple[float, str]:
    """Operations a second at best, and where the figure is from."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        stated = next((value for piece, value in PEAKS.items() if piece in name), None)
        if stated is not None:
            return stated, "as stated by its maker"
    return measured_peak(), "a large matrix product measured here"


def measured_peak() -> float:
    """Operations a second of a large matrix product in the type that is trained in, the best of five."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = 8192 if device == "cuda" else 512
    kind = torch.bfloat16 if device_has_bf16() else torch.float32
    one = torch.randn(size, size, device=device, dtype=kind)
    best: float = 0.0
    for _ in range(5):
        wait()
        begun = perf_counter()
        torch.mm(one, one)
        wait()
        best = max(best, 2 * size**3 / (perf_counter() - begun))
    return best


def operations(shape: Shape, model: Any, *, full: bool) -> float:
    """Operations a token, forward and backward. The tied embedding counts once, as the output layer."""
    weights = sum(one.numel() for name, one in model.named_parameters() if "lora_" not in name and one.dim() == 2)
    attention: float = 12 * shape.layers * shape.hidden * shape.length / 2
    return float((6 if full else 4) * weights) + attention * (1 if full else 2 / 3)


@dataclass(frozen=True)
class Found:
    """The figures of one case."""

    speed: float
    share: float
    memory: int


def measure(shape: Shape, base: Path, method: str, *, checkpointing: bool, best: float) -> Found:
    """Train some steps; tokens a second, share of peak, and bytes at most."""
    plan = TuningPlan(
        str(base), "texts", objective="causal", method=method, max_steps=shape.steps, batch_size=shape.bins,
        max_length=shape.length, gradient_checkpointing=checkpointing, dropout=0.0, learning_rate=1e-5,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "work").mkdir()
        job = Job(plan, Path(folder), Texts(shape), silent, unheard, never)
        run, _, _ = job._prepared()  # noqa: SLF001 - the loop alone is timed
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        loop, clock = Loop(run), Clock(shape.steps)
        loop.add_callback(clock)
        loop.watch.save_every = shape.steps + 1
        loop.train()
        tokens = loop.progress.tokens / shape.steps * (shape.steps - WARM_STEPS)
        done = operations(shape, run.model, full=method == "full") * tokens
        return Found(tokens / clock.seconds, done / clock.seconds / best, memory())


def memory() -> int:
    """Bytes at most: of the device since the case began, on a CPU of the process since its start."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(shape: Shape, base: Path, best: float) -> list[float]:
    """Print the four cases of a shape; the shares of peak of full tuning."""
    shares = []
    for method in ("full", "lora"):
        for checkpointing in (False, True):
            found = measure(shape, base, method, checkpointing=checkpointing, best=best)
            how = "with" if checkpointing else "without"
            print(
                f"{shape.name} {method} {how} gradient checkpointing: {found.speed:,.0f} tokens/s,"
                f" {found.share:.1%} of peak, {found.memory / 2**30:.2f} GiB at most"
            )
            shares += [found.share] if method == "full" else []
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
    return shares


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="0.5B,1.5B", help="of 0.5B, 1.5B, separated by commas")
    parser.add_argument("--small", action="store_true", help="tiny, also on a CPU: proves the code, not the figures")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not options.small:
        raise SystemExit("there is no GPU here; --small runs the same code at tiny size")
    threads = set_threads()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {threads} thread(s)"
    best, source = peak()
    print(describe("torch", "transformers", "peft"))
    print(f"{device}: peak {best / 1e12:.3g} Tflop/s ({source}), {'bf16' if device_has_bf16() else 'fp32'}")
    shares: list[float] = []
    for name in ["small"] if options.small else options.sizes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            shape = SHAPES[name.strip()]
            print(f"{shape.name}: steps of {shape.bins} x {shape.length} tokens, vocabulary {shape.vocabulary:,}")
            shares += report(shape, save_model(shape, Path(folder)), best)
    print(f"best share of peak in full tuning {max(shares):.1%}, to reach {REACH:.0%} on a GPU")


if __name__ == "__main__":
    main()
