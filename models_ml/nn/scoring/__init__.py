"""Scores copy: P(one beats another), calibrated, learned from past experiments, with its own measured hit rate.

`train` makes a `Scorer` from `Arm`s; `Scorer.load` reads one that was saved; `explain` says which words moved a score.
"""

from models_ml.nn.scoring.evidence import Arm, Pair, ScorerError, broken_tests, pairs
from models_ml.nn.scoring.explain import WordEffect, explain
from models_ml.nn.scoring.model import Scorer
from models_ml.nn.scoring.training import ScorerPlan, train

__all__ = [
    "Arm",
    "Pair",
    "Scorer",
    "ScorerError",
    "ScorerPlan",
    "WordEffect",
    "broken_tests",
    "explain",
    "pairs",
    "train",
]
