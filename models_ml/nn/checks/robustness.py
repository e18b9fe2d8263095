"""Does a model still follow its briefs when they are badly typed, oddly cased, reworded or about unknown things?

For each brief n texts are drawn; the brief passes when one of them would become a candidate. The share of briefs that
pass is taken for the briefs as they are and under each perturbation. A model whose prompt shows it controlled words
only, as the starter's does, is hardly moved: `prompts_changed` says how many prompts a perturbation reached at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models_ml.brief import Brief
from models_ml.nn.checks.drawing import draw, passes
from models_ml.nn.checks.perturbing import PERTURBATIONS, perturb
from models_ml.nn.checks.rates import Rate
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import ShouldStop, never
from models_ml.nn.prompting import prompt_of
from models_ml.nn.sampling import Sampling


@dataclass(frozen=True)
class RobustnessReport:
    """Share of briefs that pass: plain, and by perturbation; and the share of prompts each perturbation changed."""

    plain: Rate
    perturbed: Mapping[str, Rate]
    prompts_changed: Mapping[str, Rate]

    @property
    def drop(self) -> float:
        """The largest loss of passing briefs under a perturbation, as a share of all briefs; 0 where none lost."""
        own = self.plain.share or 0.0
        return max(0.0, *(own - (rate.share or 0.0) for rate in self.perturbed.values()))

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {
            "plain": self.plain.to_json(),
            "perturbed": {name: rate.to_json() for name, rate in self.perturbed.items()},
            "prompts_changed": {name: rate.to_json() for name, rate in self.prompts_changed.items()},
            "drop": self.drop,
        }


def robustness(
    loaded: LoadedModel,
    briefs: Sequence[Brief],
    *,
    n: int = 4,
    seed: int = 1,
    sampling: Sampling | None = None,
    should_stop: ShouldStop = never,
) -> RobustnessReport:
    """Draw `n` texts for each brief, plain and under each of PERTURBATIONS. Raises as `drawing.draw` does."""

    def passing(chosen: Sequence[Brief]) -> Rate:
        texts = draw(loaded, chosen, n=n, seed=seed, sampling=sampling, should_stop=should_stop)
        pairs = zip(chosen, texts, strict=True)
        return Rate.of(any(passes(brief, text) for text in drawn) for brief, drawn in pairs)

    disturbed = {
        kind: [perturb(brief, kind, seed + place) for place, brief in enumerate(briefs)] for kind in PERTURBATIONS
    }
    return RobustnessReport(
        plain=passing(briefs),
        perturbed={kind: passing(chosen) for kind, chosen in disturbed.items()},
        prompts_changed={kind: _reached(loaded, briefs, chosen) for kind, chosen in disturbed.items()},
    )


def _reached(loaded: LoadedModel, briefs: Sequence[Brief], disturbed: Sequence[Brief]) -> Rate:
    pairs = zip(briefs, disturbed, strict=True)
    return Rate.of(prompt_of(loaded, one).hash != prompt_of(loaded, other).hash for one, other in pairs)
