"""What pure parts write in English is in the catalogue, so that every reader gets it in their own language."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.utils import translation

from core.localised import localised
from models_ml import gate
from models_ml.nn.tuning.methods import METHODS
from models_ml.nn.tuning.plan import TuningError, TuningPlan
from models_ml.wording import metric_lines
from models_ml.wording.methods import SOURCES, TITLES
from models_ml.wording.refusals import GATE_REASONS

STARTER = Path(__file__).resolve().parents[2] / "models_ml" / "starter" / "evaluation.json"


def test_each_method_of_training_is_in_the_catalogue_with_its_source() -> None:
    assert [one.title for one in METHODS.values()] == list(TITLES)
    assert [one.source for one in METHODS.values()] == list(SOURCES)


def test_why_each_line_of_the_gate_is_asked_is_in_the_catalogue() -> None:
    asked = [one.why for thresholds in gate.THRESHOLDS.values() for one in thresholds]
    assert set(asked) == set(GATE_REASONS)


def test_what_the_gate_refuses_is_read_in_chinese() -> None:
    lines = gate.failing(gate.judge("writer", {"follows_brief": 0.5, "forgetting": 0.2, "parity": False}))
    with translation.override("zh-hans"):
        assert [line.sentence for line in lines if localised(line.sentence).isascii()] == []
        assert localised(lines[0].sentence) == "遵循简报：50.0 %，要求至少 90.0 %，未达到。"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "full", "epochs": "many"}, "必须是数字，收到的是 'many'。"),
        ({"method": "nothing"}, "必须是以下之一："),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_chinese(values: dict[str, object], said: str) -> None:
    with pytest.raises(TuningError) as refused:
        TuningPlan.from_json({"objective": "supervised", "base": "b", "dataset": "d", **values})
    with translation.override("zh-hans"):
        assert localised(f"{refused.value.message}.").startswith(said)


@pytest.mark.parametrize(
    ("measures", "label"),
    [
        ({"of single draws": {"fits the channel": 0.9}}, "单次生成中: 符合渠道限制"),
        ({"best of 8 passes all": {"search_ad": 1.0}}, "8 次取最佳全部通过: 搜索广告"),
        ({"also in the training text": {"en": {"8-grams": 0.1}}}, "与训练文本重复: 英文: 8 元组"),
        ({"of nobody": {"knows": 0.1}}, "of nobody: knows"),
    ],
)
def test_a_measure_is_called_in_the_readers_language(measures: dict[str, object], label: str) -> None:
    with translation.override("zh-hans"):
        assert [line.label for line in metric_lines(measures)] == [label]


@pytest.mark.skipif(not STARTER.exists(), reason="the starter model is not trained here")
def test_no_measure_of_the_starter_model_stays_english_in_chinese() -> None:
    with translation.override("zh-hans"):
        labels = [line.label for line in metric_lines(json.loads(STARTER.read_text(encoding="utf-8")))]
    assert labels
    assert [label for label in labels if label.isascii()] == []
