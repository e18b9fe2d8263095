"""The scorer's job: trained on tests whose words carry effects, registered, and then asked; with the real scorer."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from campaigns import tasks as campaign_tasks
from campaigns.models import CopyScore
from core import errors
from models_ml import gate, services, tasks
from models_ml.jobs import scoring
from models_ml.models import ModelVersion
from models_ml.nn.progress import Cancelled, silent
from models_ml.scores import PastText
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db

GOOD, BAD = ("secret", "today", "you"), ("quarterly", "notice", "regarding")
UNITS = 4000
FILLER = ("bag", "lamp", "cup", "chair", "book", "scarf", "pan", "desk")


@pytest.fixture(autouse=True)
def _text_features(settings: Any, tmp_path: Path) -> None:
    settings.VAR, settings.COPYLIFT_ENCODER = tmp_path, "text"


def past(count: int) -> list[PastText]:
    """Tests of two texts: one with a word that sells (12 %), one with a word that does not (8 %)."""
    rng, found = Random(5), []
    for place in range(count):
        for word, rate in ((rng.choice(GOOD), 0.12), (rng.choice(BAD), 0.08)):
            text = f"The {rng.choice(FILLER)} {word} for the {rng.choice(FILLER)}"
            successes = sum(rng.random() < rate for _ in range(UNITS))
            found.append(PastText(f"test-{place}", "push/en", text, "en", 0.5, UNITS, successes))
    return found


def trained(count: int = 40) -> ModelVersion:
    made = scoring.train_scorer(past(count), seed=1, on_progress=silent, should_stop=lambda: False)
    return ModelVersion.objects.get(pk=made["version"])


def test_a_scorer_is_trained_measured_and_registered_as_a_candidate() -> None:
    version = trained()
    assert (version.kind, version.stage, version.base) == ("scorer", "candidate", "text features")
    rate: Mapping[str, Any] = version.metrics["hit_rate"]
    assert rate["pairs"] == 40
    assert rate["estimate"] >= 0.8
    assert rate["lower"] <= rate["estimate"] <= rate["upper"]
    assert 0 < version.metrics["log_loss"] < 0.6931
    assert scoring.sentence_of(version).startswith("On 40 pairs of tests it had not seen, the scorer was right in ")


def test_training_twice_leaves_one_version() -> None:
    first, second = trained(), trained()
    assert first.pk == second.pk
    assert [path.name for path in (Path(first.location).parent).iterdir()] == [first.content_hash[:16]]


def test_a_registered_scorer_prefers_the_words_that_sold() -> None:
    score = scoring.text_scorer(trained())
    better, worse = score(
        "The lamp for the desk", ["The lamp secret for the desk", "The lamp notice for the desk"], language="en"
    )
    assert better.probability > 0.5 > worse.probability
    sold, dull = (next(one for one in scored.effects if one.word in GOOD + BAD) for scored in (better, worse))
    assert sold.effect > 0 > dull.effect
    assert "The lamp secret for the desk"[sold.start : sold.end] == "secret"


def test_another_language_is_not_guessed_at() -> None:
    (scored,) = scoring.text_scorer(trained())("台灯", ["今天的台灯"], language="zh")
    assert (scored.probability, scored.effects) == (0.5, ())


def test_too_few_tests_are_refused_and_nothing_is_registered() -> None:
    with pytest.raises(errors.InvalidInput, match="at least 20"):
        scoring.train_scorer(past(5), seed=1, on_progress=silent, should_stop=lambda: False)
    assert not ModelVersion.objects.exists()


def test_a_cancelled_training_leaves_nothing(tmp_path: Path) -> None:
    answers = itertools.chain([False], itertools.repeat(True))
    with pytest.raises(Cancelled):
        scoring.train_scorer(past(40), seed=1, on_progress=silent, should_stop=lambda: next(answers))
    assert not ModelVersion.objects.exists()
    assert not (tmp_path / "scorers").exists()


def test_a_changed_file_is_refused() -> None:
    version = trained()
    weights = next(Path(version.location).glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    scoring._in_use.clear()
    with pytest.raises(errors.Unavailable, match="The scorer cannot be loaded"):
        scoring.text_scorer(version)


@pytest.mark.django_db(transaction=True)
def test_a_scorer_goes_through_the_gate_and_then_scores_open_copy() -> None:
    version, dora, ana = trained(), people.dora(), people.ana()
    job = services.request_check(version, actor=ana)
    tasks.check_model(str(job.pk))
    checked = ModelVersion.objects.get(pk=version.pk)
    # Forty tests that are this clear leave it too cautious: the calibration line speaks, and a person overrules it.
    assert [line.name for line in gate.failing(services.report_of(checked))] == ["calibration_error"]
    reason = "Forty made-up tests: its caution is harmless here."
    services.promote(services.stage(checked, actor=ana), actor=dora, reason=reason)

    campaign = shop.generated(people.alice())
    assert campaign_tasks.score_waiting_copy() == 4
    assert campaign_tasks.score_waiting_copy() == 0
    chances = CopyScore.objects.filter(copy__campaign=campaign, scorer=version).values_list("beats_control", flat=True)
    assert all(0 < chance < 1 for chance in chances)
    assert len(chances) == 4
