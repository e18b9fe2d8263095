"""Scorers trained once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from models_ml.nn.scoring import Scorer, ScorerPlan, train
from tests.models_ml.nn.scoring.world import BagEncoder, bert_folder, experiments


@pytest.fixture(scope="session")
def text_scorer() -> Scorer:
    """Hand-made and hashed features alone, 150 tests, measured."""
    return train(experiments(150, seed=1), ScorerPlan(base="text"))


@pytest.fixture(scope="session")
def bag_scorer() -> Scorer:
    """With an encoder that sees the words, 150 tests, not measured."""
    return train(experiments(150, seed=1), ScorerPlan(folds=0), encoder=BagEncoder())


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny encoder with random weights."""
    return bert_folder(tmp_path_factory.mktemp("encoder") / "bert")


@pytest.fixture(scope="session")
def bert_scorer(tiny_bert: Path) -> Scorer:
    """A scorer on the tiny encoder, 40 tests, not measured."""
    return train(experiments(40, seed=2), ScorerPlan(base=str(tiny_bert), folds=0))
