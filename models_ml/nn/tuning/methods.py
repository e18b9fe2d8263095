"""The methods of fine-tuning and their defaults, each with its source. Pure data, so that a form may show it.

Peculiar: a learning rate belongs to a method. What suits full tuning (1e-5) leaves LoRA nearly untrained, and the
library's own defaults for prefix, prompt, IA3 and AdaLoRA score far below what the same methods reach when tuned. The
benchmark meant by "PEFT comparison" is `method_comparison/MetaMathQA` of the PEFT repository (Llama-3.2-3B, 5000 steps
of batch 4, AdamW): prefix 18.6 % by default and 41.6 % tuned, prompt 5.7 and 34.3 %, IA3 31.1 and 45.5 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from models_ml.nn.tuning.plan import TuningPlan

Targets = Literal["all", "linear", "attention", "none"]


@dataclass(frozen=True)
class Method:
    """Defaults of one method. `rank`, `alpha`, `virtual_tokens` are None where the method knows no such thing.

    `exact_bins` says whether examples may share a bin: virtual tokens stand before the first example only.
    """

    name: str
    title: str
    learning_rate: float
    source: str
    rank: int | None = None
    alpha: float | None = None
    dropout: float | None = None
    virtual_tokens: int | None = None
    targets: Targets = "none"
    exact_bins: bool = True


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method(
            "full",
            "Full",
            1e-5,
            "1e-5: the least of RoBERTa's fine-tuning rates (arXiv 1907.11692) and the full run of the PEFT "
            "comparison; a small model trained from scratch takes more",
            targets="all",
        ),
        Method(
            "lora",
            "LoRA",
            2e-4,
            "2e-4, all linear layers: QLoRA (arXiv 2305.14314). alpha = rank over sqrt(rank): the rsLoRA run of the "
            "PEFT comparison, its best (51.3 %); method arXiv 2106.09685, stabilisation arXiv 2312.03732",
            rank=16,
            alpha=16.0,
            dropout=0.05,
            targets="linear",
        ),
        Method(
            "dora",
            "DoRA",
            1e-4,
            "1e-4: the lower of the rates of the LLaMA runs in arXiv 2402.09353. Rank and alpha as for LoRA",
            rank=16,
            alpha=16.0,
            dropout=0.05,
            targets="linear",
        ),
        Method(
            "adalora",
            "AdaLoRA",
            1e-3,
            "1e-3: within the rates on GLUE and SQuAD in arXiv 2303.10512 (5e-4 to 2.2e-3), where the rank starts at "
            "1.5 times the last; the PEFT comparison's 1e-4 with alpha 8 is barely tuned (37.3 %)",
            rank=8,
            alpha=32.0,
            dropout=0.0,
            targets="linear",
        ),
        Method(
            "prefix",
            "Prefix tuning",
            5e-3,
            "5e-3 with the keys and values of real text as the start: the best prefix run of the PEFT comparison (50 "
            "tokens, 41.6 % against 18.6 % from random ones); method arXiv 2101.00190",
            virtual_tokens=50,
            exact_bins=False,
        ),
        Method(
            "prompt",
            "Prompt tuning",
            1e-3,
            "1e-3 with embeddings sampled from the vocabulary as the start: the best prompt run of the PEFT comparison "
            "(200 tokens, 34.3 %); 100 tokens suffice in arXiv 2104.08691, section 3.2",
            virtual_tokens=100,
            exact_bins=False,
        ),
        Method(
            "ia3",
            "IA3",
            5e-3,
            "5e-3 on all linear layers: the best IA3 run of the PEFT comparison (45.5 %); arXiv 2205.05638 takes 3e-3 "
            "with Adafactor",
            targets="linear",
        ),
        Method(
            "bottleneck",
            "Bottleneck adapter",
            1e-4,
            "1e-4 and a width of a sixteenth of the hidden size (taken where rank is None): arXiv 2005.00247; method "
            "arXiv 1902.00751",
            dropout=0.0,
        ),
    )
}


@dataclass(frozen=True)
class Settings:
    """The plan's open fields decided: what the run uses and the record says."""

    learning_rate: float
    rank: int | None
    alpha: float | None
    dropout: float
    virtual_tokens: int | None


def settings_of(plan: TuningPlan) -> Settings:
    """The plan's own figures, and the method's where the plan leaves them open."""
    method = METHODS[plan.method]
    rank = plan.rank or method.rank
    # alpha = rank at any rank, as in the run that the default is from; AdaLoRA divides by its own changing rank.
    follows = plan.method in ("lora", "dora") and rank is not None
    alpha = plan.alpha if plan.alpha is not None else (float(rank or 0) if follows else method.alpha)
    dropout = plan.dropout if plan.dropout is not None else (method.dropout or 0.0)
    return Settings(
        learning_rate=plan.learning_rate or method.learning_rate,
        rank=rank,
        alpha=alpha,
        dropout=dropout,
        virtual_tokens=plan.virtual_tokens or method.virtual_tokens,
    )
