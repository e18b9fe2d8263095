"""Loss and perplexity on texts of a previous domain, and their rise after tuning."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from models_ml.nn.checks import CheckError, forgetting, language_model_loss
from models_ml.nn.loading import LoadedModel, load
from models_ml.nn.progress import Cancelled
from tests.models_ml.nn.checks.conftest import put_on

TEXTS = ["A lamp for long evenings", "theme: Warm light\nheadline: Meet {product}", "一盏温暖的灯", "x"]


def test_the_loss_is_that_of_the_model_itself(tiny: LoadedModel) -> None:
    """transformers computes the same mean when it is given one text as its labels."""
    total, tokens = 0.0, 0
    for text in TEXTS:
        ids = torch.tensor([tiny.tokenizer(text)["input_ids"]])
        if ids.shape[1] > 1:
            with torch.inference_mode():
                loss = float(tiny.model(input_ids=ids, labels=ids).loss)
            total, tokens = total + loss * (ids.shape[1] - 1), tokens + ids.shape[1] - 1
    found = language_model_loss(tiny, TEXTS)
    assert found.tokens == tokens
    assert found.loss == pytest.approx(total / tokens, rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(total / tokens), rel=1e-4)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_and_padding_do_not_matter(tiny: LoadedModel, size: int) -> None:
    whole = language_model_loss(tiny, TEXTS, batch_size=8)
    assert language_model_loss(tiny, TEXTS, batch_size=size).loss == pytest.approx(whole.loss, rel=1e-5)


def test_long_texts_are_cut(tiny: LoadedModel) -> None:
    assert language_model_loss(tiny, ["lamp " * 4000], max_length=16).tokens == 15
    assert language_model_loss(tiny, ["lamp " * 4000], max_length=10**6).tokens == tiny.context - 1


def test_a_model_forgets_nothing_of_itself(tiny: LoadedModel) -> None:
    found = forgetting(tiny, tiny, TEXTS)
    assert found["before"] == found["after"]
    assert found["forgetting"] == 0.0


def test_a_disturbed_model_forgets(tiny: LoadedModel, tuned: LoadedModel) -> None:
    found = forgetting(tiny, tuned, TEXTS)
    assert found["forgetting"] > 0.01
    assert found["forgetting"] == pytest.approx(found["after"] / found["before"] - 1)


def test_tokens_that_an_adapter_puts_before_a_text_are_not_counted(tiny_folder: Path, tmp_path: Path) -> None:
    from peft import PromptTuningConfig

    base = load(tiny_folder)
    config = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
    network = put_on(base.model, config).eval()
    found = language_model_loss(replace(base, network=lambda: network), TEXTS)
    assert found.tokens == language_model_loss(load(tiny_folder), TEXTS).tokens


@pytest.mark.parametrize(
    ("measure", "told"),
    [
        (lambda model: language_model_loss(model, []), "nothing to predict"),
        (lambda model: language_model_loss(model, ["", "x"]), "nothing to predict"),
        (lambda model: language_model_loss(model, TEXTS, max_length=1), "max_length"),
        (lambda model: language_model_loss(model, TEXTS, batch_size=0), "batch_size"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    tiny: LoadedModel, measure: Callable[[LoadedModel], object], told: str
) -> None:
    with pytest.raises(CheckError, match=told):
        measure(tiny)


def test_other_tokenizers_are_refused(tiny: LoadedModel, shipped: LoadedModel) -> None:
    with pytest.raises(CheckError, match="different tokenizers"):
        forgetting(tiny, shipped, TEXTS)


def test_stops_when_asked(tiny: LoadedModel) -> None:
    with pytest.raises(Cancelled):
        language_model_loss(tiny, TEXTS, should_stop=lambda: True)
