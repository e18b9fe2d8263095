"""Scorer against its floors on real headline tests: 5-fold cross-validation by test, all methods on the same folds.

    PYTHONPATH=.:platform python benchmarks/bench_scorer.py [--by-article] [--folds 5]

Reads the Upworthy Research Archive (CC BY 4.0; Matias et al., Scientific Data 2021) from SHARED_DIR/data/upworthy, or
../shared beside the checkout. Tests of the window in which its randomisation was faulty are left out altogether. Pairs
are arms of one test with the same image and different headlines. Whatever a method chooses (strength of the ridge,
slope of the probability) it chooses inside its training folds. Needs the optional encoder (make encoder). One core:
set OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import lsqr
from sklearn.feature_extraction.text import TfidfVectorizer
from surroundings import describe

from models_ml.nn.scoring.calibration import fit_slope, probability
from models_ml.nn.scoring.encoder import EMBEDDED, TransformerEncoder
from models_ml.nn.scoring.evaluation import Judged, figures, judge
from models_ml.nn.scoring.evidence import Arm, Pair, pairs
from models_ml.nn.scoring.training import Cached, ScorerPlan, cross_validate, fold_of, joined
from tests.reference import shared_dir

FAULTY = (201325, 201401)
RIDGES = (3.0, 30.0, 300.0, 3000.0)
Vectors = Callable[[Sequence[str], Sequence[str]], tuple[Any, Any]]


def read_arms() -> tuple[list[Arm], dict[str, str]]:
    """Arms outside the faulty window, and the article of each test: tests that share a lede or a headline are one."""
    path = shared_dir() / "data" / "upworthy" / "upworthy.csv.gz"
    if not path.exists():
        raise SystemExit(f"no data at {path}; set SHARED_DIR")
    table = pd.read_csv(path)
    table = table[~table["test_week"].between(*FAULTY)].reset_index(drop=True)
    columns = ("clickability_test_id", "eyecatcher_id", "headline", "impressions", "clicks")
    arms = [
        Arm(str(test), str(image), str(headline), int(shown), int(clicks))
        for test, image, headline, shown, clicks in zip(*(table[name] for name in columns), strict=True)
    ]
    return arms, _articles(table)


def _articles(table: pd.DataFrame) -> dict[str, str]:
    parent = {test: test for test in table["clickability_test_id"]}

    def root(test: str) -> str:
        while parent[test] != test:
            parent[test] = parent[parent[test]]
            test = parent[test]
        return test

    for column in ("lede", "headline"):
        for _, members in table.dropna(subset=[column]).groupby(column)["clickability_test_id"]:
            names = members.unique()
            for other in names[1:]:
                parent[root(other)] = root(names[0])
    return {test: root(test) for test in parent}


class Layers:
    """Columns of vectors that were computed once: the middle layers for the scorer, the last for the floor."""

    def __init__(self, whole: Cached, columns: slice, name: str) -> None:
        self.whole, self.columns = whole, columns
        self.location, self.fingerprint = whole.location, name
        self.width = len(range(*columns.indices(whole.width)))

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The columns of the vectors, [texts, width]."""
        return self.whole.encode(texts)[:, self.columns]


def all_layers(arms: Sequence[Arm]) -> tuple[Layers, Layers]:
    """Middle layers and last layer of the embedded encoder, every headline encoded once."""
    encoder = TransformerEncoder(EMBEDDED)
    middle, hidden = len(encoder.layers), int(encoder.model.config.hidden_size)
    encoder.layers = [*encoder.layers, int(encoder.model.config.num_hidden_layers)]
    encoder.width = len(encoder.layers) * hidden
    whole = Cached(encoder)
    whole.encode(list(dict.fromkeys(arm.text.strip() for arm in arms)))
    return Layers(whole, slice(0, middle * hidden), "middle"), Layers(whole, slice(middle * hidden, None), "last")


def tfidf(train: Sequence[str], test: Sequence[str]) -> tuple[csr_matrix, csr_matrix]:
    """TF-IDF of word 1-2-grams, fitted on the training texts."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    return csr_matrix(vectorizer.fit_transform(train)), csr_matrix(vectorizer.transform(test))


def floor(arms: Sequence[Arm], vectors: Vectors, plan: ScorerPlan, blocks: dict[str, str]) -> list[Judged]:
    """Ridge on difference vectors of pairs weighted by evidence; target the difference of log-odds. One a fold."""
    place = {arm.test: fold_of(blocks.get(arm.test, arm.test), folds=plan.folds, seed=plan.seed) for arm in arms}
    parts = []
    for fold in range(plan.folds):
        inside = [arm for arm in arms if place[arm.test] == fold]
        train = pairs([arm for arm in arms if place[arm.test] != fold])
        ridge, slope = _chosen(train, vectors)
        texts = list(dict.fromkeys(arm.text.strip() for arm in inside))
        utility = dict(zip(texts, _ridge(train, vectors, texts, [ridge])[0], strict=True))
        parts.append(_judged(inside, utility, slope))
    return parts


def _judged(arms: Sequence[Arm], utility: dict[str, float], slope: float) -> Judged:
    def said(first: Arm, second: Arm) -> float:
        gap = np.array([utility[first.text.strip()] - utility[second.text.strip()]])
        return float(probability(gap, slope)[0])

    return judge(arms, said, lambda members: int(np.argmax([utility[arm.text.strip()] for arm in members])))


def _chosen(train: Sequence[Pair], vectors: Vectors) -> tuple[float, float]:
    """The ridge with the best hit rate on three inner folds by test, and the slope fitted on their gaps."""
    gaps: list[list[NDArray[np.float64]]] = [[] for _ in RIDGES]
    won: list[NDArray[np.float64]] = []
    for fold in range(3):
        kept = [pair for pair in train if fold_of(pair.test, folds=3, seed=1) != fold]
        held = [pair for pair in train if fold_of(pair.test, folds=3, seed=1) == fold and pair.z != 0]
        texts = list(dict.fromkeys(arm.text.strip() for pair in held for arm in (pair.first, pair.second)))
        won.append(np.array([pair.z > 0 for pair in held], dtype=float))
        for column, values in enumerate(_ridge(kept, vectors, texts, RIDGES)):
            known = dict(zip(texts, values, strict=True))
            gaps[column].append(np.array([known[p.first.text.strip()] - known[p.second.text.strip()] for p in held]))
    outcome = np.concatenate(won)
    hits = [float(np.mean((np.concatenate(column) > 0) == (outcome > 0.5))) for column in gaps]
    best = int(np.argmax(hits))
    return RIDGES[best], fit_slope(np.concatenate(gaps[best]), outcome)


def _ridge(train: Sequence[Pair], vectors: Vectors, asked: Sequence[str], ridges: Sequence[float]) -> list[Any]:
    """Utilities of the asked texts for each strength, by least squares with damping."""
    texts = list(dict.fromkeys(arm.text.strip() for pair in train for arm in (pair.first, pair.second)))
    number = {text: place for place, text in enumerate(texts)}
    known, wanted = vectors(texts, asked)
    weight = np.sqrt(np.array([pair.weight for pair in train]))
    weight /= np.sqrt(np.mean(weight**2))
    one = known[[number[pair.first.text.strip()] for pair in train]]
    other = known[[number[pair.second.text.strip()] for pair in train]]
    target = weight * np.array([_log_odds(pair.first) - _log_odds(pair.second) for pair in train])
    if isinstance(known, csr_matrix):
        rows = csr_matrix((one - other).multiply(weight[:, None]))
        return [wanted @ lsqr(rows, target, damp=float(np.sqrt(ridge)))[0] for ridge in ridges]
    rows = (one - other) * weight[:, None]
    gram, moment, eye = rows.T @ rows, rows.T @ target, np.eye(rows.shape[1])
    return [wanted @ np.linalg.solve(gram + ridge * eye, moment) for ridge in ridges]


def _log_odds(arm: Arm) -> float:
    return float(np.log((arm.clicks + 0.5) / (arm.impressions - arm.clicks + 0.5)))


def gain(one: Judged, other: Judged, *, significant: bool) -> tuple[float, float, float]:
    """Hit rate of one minus other on the same pairs, with a 95 % bootstrap interval over tests."""
    right = [np.where(j.said == 0.5, 0.5, (j.said > 0.5) == (j.won > 0.5)) for j in (one, other)]
    kept = one.significant if significant else np.ones(len(one.said), dtype=bool)
    tests = one.tests
    sums = np.bincount(one.test, (right[0] - right[1]) * kept, tests)
    sizes = np.bincount(one.test, kept, tests)
    draws = np.random.default_rng(0).multinomial(tests, np.full(tests, 1 / tests), size=2000)
    low, high = np.quantile((draws @ sums) / (draws @ sizes), [0.025, 0.975])
    return float(sums.sum() / sizes.sum()), float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by-article", action="store_true", help="keep tests that share a lede or headline together")
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    arms, articles = read_arms()
    blocks = articles if options.by_article else {}
    plan = ScorerPlan(folds=options.folds, fewest_tests=2)
    print(describe("torch", "transformers", "scikit-learn"))
    found = pairs(arms)
    print(
        f"{len({arm.test for arm in arms})} tests, {len(found)} same-image pairs with different headlines, "
        f"{sum(pair.p_value < 0.05 for pair in found)} significant; folds by {'article' if blocks else 'test'}"
    )
    started = process_time()
    middle, last = all_layers(arms)
    print(f"encoding: {process_time() - started:.0f} CPU s")

    def last_layer(train: Sequence[str], asked: Sequence[str]) -> tuple[Any, Any]:
        rows = [last.encode(texts).astype(float) for texts in (train, asked)]
        one, other = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in rows)
        return one, other

    methods: dict[str, Callable[[], list[Judged]]] = {
        "floor: TF-IDF + ridge": lambda: floor(arms, tfidf, plan, blocks),
        "floor: frozen MiniLM, last layer + ridge": lambda: floor(arms, last_layer, plan, blocks),
        "scorer, text features alone": lambda: cross_validate(arms, plan, encoder=None, blocks=blocks),
        "scorer, embedded encoder": lambda: cross_validate(arms, plan, encoder=middle, blocks=blocks),
    }
    judged = {name: _measured(name, method) for name, method in methods.items()}
    best, minilm = judged["scorer, embedded encoder"], judged["floor: frozen MiniLM, last layer + ridge"]
    for name, significant in (("all pairs", False), ("significant pairs", True)):
        value, low, high = gain(best, minilm, significant=significant)
        print(f"scorer minus MiniLM floor, {name}: {100 * value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]")


def _measured(name: str, method: Callable[[], list[Judged]]) -> Judged:
    started = process_time()
    whole = joined(method())
    print(f"\n{name} ({process_time() - started:.0f} CPU s)")
    for label, figure in figures(whole).items():
        print(
            f"  {label:18s} {figure.value:.4f}  [{figure.low:.4f}, {figure.high:.4f}]  n = {figure.count}", flush=True
        )
    return whole


if __name__ == "__main__":
    main()
