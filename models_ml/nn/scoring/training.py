"""Train a scorer on past experiments, and measure it on tests held out, by whole tests.

Everything that is chosen (scales, slope) is chosen inside the training tests, so the cross-validation repeats the whole
training, choice included, in every fold. No test is ever on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from models_ml.nn.progress import Cancelled, OnProgress, ShouldStop, never, silent
from models_ml.nn.scoring.calibration import probability
from models_ml.nn.scoring.encoder import EMBEDDED, Encoder, TransformerEncoder, embedded_folder
from models_ml.nn.scoring.evaluation import Judged, figures, judge
from models_ml.nn.scoring.evidence import SRM_THRESHOLD, Arm, ScorerError, broken_tests, by_test, check_arms, merged
from models_ml.nn.scoring.fitting import TEXT_ONLY, WITH_ENCODER, fit
from models_ml.nn.scoring.kernels import ENCODER, HANDMADE, prepare
from models_ml.nn.scoring.model import Scorer, vectors
from models_ml.nn.scoring.whitening import weigh

TEXT, AUTO = "text", "auto"
_FEWEST_TESTS = 20
_FOLD_BASE = 2**32


@dataclass(frozen=True)
class ScorerPlan:
    """How a scorer is trained.

    `base` is "text" (no encoder), "embedded" (the optional package; English), a folder, a hub id, or "auto": embedded
    where it is installed and all texts are English, else text. `srm_threshold` is the p value below which a test's
    randomisation counts as broken (0 keeps all). `left_out` names tests known to be faulty. `folds` 0 skips measuring.
    """

    base: str = AUTO
    seed: int = 0
    folds: int = 5
    fewest_tests: int = _FEWEST_TESTS
    most_arms: int = 12_000
    srm_threshold: float = SRM_THRESHOLD
    left_out: frozenset[str] = frozenset()
    weighted: bool = True

    def __post_init__(self) -> None:
        if self.folds == 1 or self.folds < 0:
            raise ScorerError("folds", f"{self.folds} is not 0 (do not measure) or at least 2")
        if not 0 <= self.srm_threshold < 1:
            raise ScorerError("srm_threshold", f"{self.srm_threshold} is not a p value")
        if self.fewest_tests < 2:
            raise ScorerError("fewest_tests", "at least 2 tests are needed to leave one out")


def usable(arms: Sequence[Arm], plan: ScorerPlan) -> list[Arm]:
    """Merged arms of the tests that can teach: shown, randomised, with two or more different texts.

    Raises ScorerError where too few tests are left, saying how many and why.
    """
    check_arms(arms)
    broken = broken_tests(arms, plan.srm_threshold) | plan.left_out
    kept: list[Arm] = []
    tests = by_test(arm for arm in merged(arms) if arm.test not in broken)
    for members in tests.values():
        if len({arm.text.strip() for arm in members}) > 1:
            kept += members
    found = len(by_test(kept))
    if found < plan.fewest_tests:
        raise ScorerError("arms", _too_few(found, plan.fewest_tests, len(by_test(arms)), len(broken)))
    return _capped(kept, plan)


def _too_few(found: int, needed: int, given: int, broken: int) -> str:
    return (
        f"{found} of {given} tests compare two or more different texts that were shown, and {broken} tests were left "
        f"out for broken randomisation; a scorer needs at least {needed}"
    )


def _capped(arms: list[Arm], plan: ScorerPlan) -> list[Arm]:
    """At most `most_arms`, whole tests drawn by seed: the kernel's memory grows with the square."""
    if len(arms) <= plan.most_arms:
        return arms
    tests = list(by_test(arms).values())
    kept: list[Arm] = []
    for place in np.random.default_rng(plan.seed).permutation(len(tests)):
        if len(kept) + len(tests[place]) <= plan.most_arms:
            kept += tests[place]
    return kept


def fold_of(test: str, *, folds: int, seed: int) -> int:
    """The fold of a test: a hash of its name, so that adding tests moves no other."""
    digest = hashlib.sha256(f"{seed}:{test}".encode()).digest()
    return int.from_bytes(digest[:4], "big") * folds // _FOLD_BASE


def choose_encoder(plan: ScorerPlan, arms: Sequence[Arm]) -> Encoder | None:
    """The encoder that the plan's base asks for; None for hand-made and hashed features alone."""
    if plan.base == TEXT:
        return None
    if plan.base != AUTO:
        return TransformerEncoder(plan.base)
    english = all(arm.language.split("-")[0].lower() == "en" for arm in arms)
    return TransformerEncoder(EMBEDDED) if english and embedded_folder() is not None else None


def train(
    arms: Sequence[Arm],
    plan: ScorerPlan | None = None,
    *,
    encoder: Encoder | None = None,
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
) -> Scorer:
    """A scorer trained on `arms` and measured on folds of them. Raises ScorerError and Cancelled."""
    plan = plan or ScorerPlan()
    kept = usable(arms, plan)
    encoder = encoder or choose_encoder(plan, kept)
    judged = cross_validate(kept, plan, encoder=encoder, on_progress=on_progress, should_stop=should_stop)
    _stop(should_stop)
    on_progress(0.9, "scorer", "training on all tests", {})
    return _fitted(kept, plan, encoder, summary(judged, plan))


def cross_validate(
    arms: Sequence[Arm],
    plan: ScorerPlan,
    *,
    encoder: Encoder | None,
    on_progress: OnProgress = silent,
    should_stop: ShouldStop = never,
    blocks: Mapping[str, str] | None = None,
) -> list[Judged]:
    """What scorers trained on the other folds say of each fold's tests; empty where the plan has no folds.

    `arms` may hold equal texts (merged for training, judged as they are). `blocks` names, by test, what must stay in
    one fold beyond the test itself, e.g. the article that several tests were about.
    """
    cached = Cached(encoder) if encoder is not None else None
    named = blocks or {}
    place = {arm.test: fold_of(named.get(arm.test, arm.test), folds=plan.folds, seed=plan.seed) for arm in arms}
    judged = []
    for fold in range(plan.folds):
        _stop(should_stop)
        on_progress(0.9 * fold / plan.folds, "scorer", f"measuring on fold {fold + 1} of {plan.folds}", {})
        inside = [arm for arm in arms if place[arm.test] == fold]
        outside = [arm for arm in arms if place[arm.test] != fold]
        if inside and len(by_test(outside)) > 1:
            kept = usable(outside, replace(plan, fewest_tests=2))
            judged.append(judged_by(_fitted(kept, plan, cached, None), inside))
    return judged


def _fields(plan: ScorerPlan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__dataclass_fields__}


def _stop(should_stop: ShouldStop) -> None:
    if should_stop():
        raise Cancelled("training the scorer was stopped; nothing was kept")


class Cached:
    """An encoder that remembers the vectors of texts, for folds that share them."""

    def __init__(self, encoder: Encoder) -> None:
        self.inner, self.location = encoder, encoder.location
        self.fingerprint, self.width = encoder.fingerprint, encoder.width
        self._known: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """As the encoder inside; each text is encoded once."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self.inner.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def judged_by(scorer: Scorer, arms: Sequence[Arm]) -> Judged:
    """What a scorer says of arms it has not seen."""
    texts = list(dict.fromkeys(arm.text.strip() for arm in arms))
    utility = dict(zip(texts, scorer.utility(texts), strict=True))

    def said(first: Arm, second: Arm) -> float:
        gap = np.array([utility[first.text.strip()] - utility[second.text.strip()]])
        return float(probability(gap, scorer.slope)[0])

    def best(members: list[Arm]) -> int:
        return int(np.argmax([utility[arm.text.strip()] for arm in members]))

    return judge(arms, said, best)


def joined(parts: Sequence[Judged]) -> Judged:
    """Judgements of several folds as one; tests are numbered on."""
    offsets = np.cumsum([0, *(part.tests for part in parts[:-1])])
    shifted = [
        replace(part, test=part.test + offset, group_test=part.group_test + offset)
        for part, offset in zip(parts, offsets, strict=True)
    ]
    names = Judged.__dataclass_fields__
    return Judged(**{name: np.concatenate([getattr(part, name) for part in shifted]) for name in names})


def summary(parts: Sequence[Judged], plan: ScorerPlan) -> dict[str, Any] | None:
    """The measured figures as plain values, None where nothing was measured."""
    if not parts or not any(len(part.said) for part in parts):
        return None
    whole = joined(parts)
    return {
        "method": f"{plan.folds}-fold cross-validation by test, intervals 95 % by bootstrap over tests",
        "tests": whole.tests,
        "pairs": len(whole.said),
        **{name: asdict(figure) for name, figure in figures(whole, seed=plan.seed).items()},
    }


def _fitted(arms: Sequence[Arm], plan: ScorerPlan, encoder: Encoder | None, measured: dict[str, Any] | None) -> Scorer:
    evidence = weigh(arms, weighted=plan.weighted)
    rows = vectors(encoder, evidence.texts)
    preparation = prepare(evidence.texts, rows)
    features = preparation.features(evidence.texts, rows)
    found = fit(evidence, features, WITH_ENCODER if encoder is not None else TEXT_ONLY)
    record = {
        "tests": len(evidence.spans),
        "arms": len(evidence.arms),
        "texts": len(evidence.texts),
        "languages": sorted({arm.language for arm in arms}),
        "left_out_log_loss": found.loss,
        "plan": {**_fields(plan), "left_out": sorted(plan.left_out)},
    }
    landmarks = {ENCODER: features.encoder, HANDMADE: features.handmade}
    buckets = np.asarray(features.ngrams.T @ found.weights, dtype=np.float32)
    return Scorer(preparation, landmarks, found.weights, buckets, found.scales, found.slope, encoder, measured, record)
