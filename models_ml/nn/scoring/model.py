"""The scorer itself: utilities of texts, and the probability that one copy beats another.

A utility is on the log-odds scale of a click, known up to a constant: only differences mean anything, and only between
copies for the same thing. Holds no sentence of the training data, only vectors and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models_ml.nn.scoring import storage
from models_ml.nn.scoring.calibration import probability
from models_ml.nn.scoring.encoder import Encoder, TransformerEncoder
from models_ml.nn.scoring.evidence import ScorerError
from models_ml.nn.scoring.kernels import ENCODER, HANDMADE, NGRAMS, Floats, Preparation, gaussian

_BATCH = 512


def vectors(encoder: Encoder | None, texts: Sequence[str]) -> Floats:
    """Encoder vectors of texts, [texts, width]; no columns where there is no encoder."""
    if encoder is None:
        return np.zeros((len(texts), 0), dtype=np.float32)
    return np.asarray(encoder.encode(texts), dtype=np.float32)


@dataclass(frozen=True)
class Scorer:
    """A trained scorer. Make one with `training.train` or `Scorer.load`.

    `landmarks` are the training texts' rows in the views with a Gaussian kernel, `weights` their dual weights,
    `buckets` the weights of the hashed n-grams, whose kernel is linear. `measured` has the hit rates on tests it had
    not seen, each with an interval (`training.summary`), to be shown beside every score; None where not measured.
    """

    preparation: Preparation
    landmarks: Mapping[str, Floats]
    weights: NDArray[np.float64]
    buckets: Floats
    scales: Mapping[str, float]
    slope: float
    encoder: Encoder | None
    measured: Mapping[str, Any] | None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the training tests; a score for another language is a guess."""
        return tuple(self.record.get("languages", ()))

    def utility(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Utilities of texts, [texts], log-odds up to a constant. Raises ScorerError on an empty text."""
        for place, text in enumerate(texts):
            if not text.strip():
                raise ScorerError("text", f"text {place + 1} is empty")
        parts = [self._batch(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _batch(self, texts: Sequence[str]) -> NDArray[np.float64]:
        stripped = [text.strip() for text in texts]
        features = self.preparation.features(stripped, vectors(self.encoder, stripped))
        total = np.asarray(features.ngrams @ self.buckets, dtype=float) * self.scales.get(NGRAMS, 0.0)
        for view in (ENCODER, HANDMADE):
            if self.scales.get(view, 0.0) > 0:
                total += self.scales[view] * self.part(view, getattr(features, view))
        return total

    def part(self, view: str, rows: Floats) -> NDArray[np.float64]:
        """What one Gaussian view adds to the utility before its scale, [texts], for prepared rows of that view."""
        return np.asarray(gaussian(rows, self.landmarks[view]) @ self.weights, dtype=float)

    def probability(self, first: str, second: str) -> float:
        """P(`first` gets the higher click rate in a test like the past ones) = 1 - probability(second, first)."""
        gap = np.diff(self.utility([second, first]))
        return float(probability(gap, self.slope)[0])

    def beats(self, control: str, candidates: Sequence[str]) -> list[float]:
        """P(candidate beats the control), one a candidate."""
        utilities = self.utility([control, *candidates])
        return [float(value) for value in probability(utilities[1:] - utilities[0], self.slope)]

    def save(self, folder: Path) -> None:
        """Write the scorer as safetensors and JSON with hashes. Raises OSError where the disk refuses."""
        encoder = self.encoder
        named = None if encoder is None else {"location": encoder.location, "fingerprint": encoder.fingerprint}
        views = {name: getattr(self.preparation, name) for name in storage.PREPARATION}
        rows = {f"landmarks.{view}": rows for view, rows in self.landmarks.items()}
        settings = {
            "encoder": named,
            "scales": dict(self.scales),
            "slope": self.slope,
            "measured": self.measured,
        }
        tensors = {**views, **rows, "weights": self.weights, "buckets": self.buckets}
        storage.write(folder, storage.Stored(tensors, settings, self.record))

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Scorer:
        """A saved scorer, verified. Raises ScorerError where it is corrupt, foreign or its encoder is not at hand.

        `encoder` may be given where it is loaded already; it must be the one the scorer was trained with.
        """
        stored = storage.read(folder)
        tensors, settings = stored.tensors, stored.settings
        return cls(
            preparation=Preparation(**{name: tensors[name] for name in storage.PREPARATION}),
            landmarks={view: tensors[f"landmarks.{view}"] for view in (ENCODER, HANDMADE)},
            weights=tensors["weights"],
            buckets=tensors["buckets"],
            scales={str(view): float(scale) for view, scale in settings["scales"].items()},
            slope=float(settings["slope"]),
            encoder=_encoder(settings["encoder"], encoder),
            measured=settings["measured"],
            record=stored.record,
        )


def _encoder(wanted: Mapping[str, str] | None, given: Encoder | None) -> Encoder | None:
    """The encoder that a stored scorer names. Raises ScorerError with field `base` where it is another one."""
    if wanted is None:
        return None
    encoder = given if given is not None else TransformerEncoder(wanted["location"])
    if encoder.fingerprint != wanted["fingerprint"]:
        raise ScorerError("base", f"the encoder at {encoder.location!r} is not the one the scorer was trained with")
    return encoder
