"""The registry: a version once, one in production, the starter by its files; its page; the one torch file at work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation

from core import errors
from core.models import AuditEntry
from models_ml import queries, services
from models_ml.brief import Brief, Offer, Product
from models_ml.models import ModelVersion
from models_ml.nn.artifacts import file_hashes, model_hash
from models_ml.wording import card_lines, metric_lines
from tests import people

pytestmark = pytest.mark.django_db


def folder(path: Path, weights: bytes = b"weights", **files: Any) -> Path:
    """A model folder in name only: enough to be registered, not to be loaded."""
    path.mkdir(exist_ok=True)
    (path / "model.safetensors").write_bytes(weights)
    (path / "config.json").write_text("{}")
    for name, content in files.items():
        (path / f"{name}.json").write_text(json.dumps(content))
    return path


def test_a_version_is_registered_once() -> None:
    first = services.register_model_version(name="A", location="org/a", content_hash="1" * 64)
    again = services.register_model_version(name="Other", location="org/a", content_hash="1" * 64)
    assert (again.pk, again.name, again.stage) == (first.pk, "A", "candidate")
    assert ModelVersion.objects.count() == 1
    assert AuditEntry.objects.filter(action="model.registered").count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"location": ""}, "location"),
        ({"base": "x" * 501}, "base"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as problem:
        services.register_model_version(**({"name": "A", "location": "org/a"} | change))
    assert [one.field for one in problem.value.problems] == [field]
    assert ModelVersion.objects.count() == 0


def test_one_version_is_in_production() -> None:
    first = services.register_model_version(name="A", location="org/a")
    second = services.register_model_version(name="B", location="org/b")
    services.put_in_production(first, actor=None)
    services.put_in_production(second, actor=None)
    assert queries.production_model() == second
    assert ModelVersion.objects.get(pk=first.pk).stage == "retired"
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=first.pk).update(stage="production")
    assert queries.production_model() == second


def test_the_starter_is_registered_with_its_card(tmp_path: Path) -> None:
    place = folder(tmp_path / "starter", training={"parameters": 7, "files": {}}, evaluation={"passes": 0.5})
    version = services.ensure_starter_registered(place)
    assert version is not None
    assert (version.stage, version.size_bytes, version.location) == ("production", 7, str(place))
    assert version.content_hash == model_hash(file_hashes(place))
    assert (version.card, version.metrics) == ({"parameters": 7}, {"passes": 0.5})
    assert services.ensure_starter_registered(place) == version
    assert ModelVersion.objects.count() == 1


def test_a_new_starter_takes_the_place_of_the_old(tmp_path: Path) -> None:
    old = services.ensure_starter_registered(folder(tmp_path / "starter"))
    new = services.ensure_starter_registered(folder(tmp_path / "starter", b"better"))
    assert old is not None
    assert new is not None
    assert queries.production_model() == new
    assert ModelVersion.objects.get(pk=old.pk).stage == "retired"


def test_the_starter_does_not_push_a_learned_model_out(tmp_path: Path) -> None:
    learned = services.register_model_version(name="Learned", location="/models/learned")
    services.put_in_production(learned, actor=None)
    starter = services.ensure_starter_registered(folder(tmp_path / "starter"))
    assert starter is not None
    assert starter.stage == "candidate"
    assert queries.production_model() == learned


@pytest.mark.parametrize("record", ["", "{", "[]", '{"parameters": "many"}'])
def test_a_record_that_cannot_be_read_is_passed_over(tmp_path: Path, record: str) -> None:
    place = folder(tmp_path / "starter")
    (place / "training.json").write_text(record)
    version = services.ensure_starter_registered(place)
    assert version is not None
    card_lines(version.card)


def test_no_weights_no_starter(tmp_path: Path) -> None:
    assert services.ensure_starter_registered(tmp_path) is None
    assert ModelVersion.objects.count() == 0


def test_the_chosen_model_wins_over_the_one_in_production(settings: Any) -> None:
    learned = services.register_model_version(name="Learned", location="org/learned")
    services.put_in_production(learned, actor=None)
    assert queries.model_to_load() == "org/learned"
    settings.COPYLIFT_MODEL = "org/other"
    assert queries.model_to_load() == "org/other"


def test_words_of_a_card() -> None:
    # A page test in another language may have left it active.
    translation.activate("en")
    card = {
        "parameters": 4722304,
        "stages": {"tune": {"texts": 20928, "steps": 654}},
        "seconds": 441.2,
        "device": "cpu",
    }
    assert card_lines(card) == [
        ("Size", "4,722,304 parameters"),
        ("Learning to write from briefs", "20,928 texts in 654 steps"),
        ("Trained", "in 7.4 minutes on cpu"),
    ]
    measures = {
        "briefs": 60,
        "of single draws": {"passes all": 0.5563},
        "rounded": 0.9667,
        "stable": True,
        "loss": 1.25,
    }
    assert metric_lines(measures) == [
        ("of single draws: passes all", "55.6 %"),
        ("rounded", "96.7 %"),
        ("stable", "yes"),
        ("loss", "1.25"),
    ]


# --- the page -----------------------------------------------------------------------------------------------------
def test_the_page_says_what_writes(client: Client) -> None:
    services.put_in_production(
        services.register_model_version(
            name="Starter", location="models_ml/starter", content_hash="ab" * 32, size_bytes=9_451_808,
            card={"parameters": 4722304}, metrics={"passes all": 0.98},
        ),
        actor=None,
    )  # fmt: skip
    client.force_login(people.alice())
    page = client.get(reverse("models_ml:list"))
    shown = " ".join(page.content.decode().split())
    assert page.status_code == 200
    for words in ("Starter", "production", "9.0", "abababababab…", "4,722,304 parameters", "98.0 %"):
        assert words in shown


def test_the_page_without_models(client: Client) -> None:
    client.force_login(people.alice())
    assert "No model is registered yet." in client.get(reverse("models_ml:list")).content.decode()


def test_the_page_is_for_members_with_a_role(client: Client) -> None:
    address = reverse("models_ml:list")
    assert client.get(address).status_code == 302
    client.force_login(people.charlie())
    assert client.get(address).status_code == 403
    client.force_login(people.alice())
    assert client.post(address).status_code == 405


def test_the_admin_only_reads(client: Client) -> None:
    version = services.register_model_version(name="A", location="org/a")
    client.force_login(people.dora())
    address = f"/admin/models_ml/modelversion/{version.pk}/change/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"stage": "production"}).status_code == 403
    assert ModelVersion.objects.get().stage == "candidate"


# --- the one file that knows torch ----------------------------------------------------------------------------------
def brief() -> Brief:
    """A brief for a push message."""
    return Brief("en", "push", Product("Canvas Tote", "bags"), offer=Offer("percent", "20%"), price="$49.90")


def test_the_shipped_starter_writes_and_says_where_it_comes_from() -> None:
    from models_ml.jobs import writing as jobs

    batches: list[int] = []
    found = jobs.generate_candidates(
        [brief()], per_brief=2, seed=3, should_stop=lambda: False, on_batch=lambda new: batches.append(len(new))
    )
    assert len(found) == sum(batches) == 2
    starter = ModelVersion.objects.get()
    assert starter.stage == "production"
    for candidate in found:
        assert candidate["brief_index"] == 0
        assert "{discount}" in candidate["headline"] + candidate["body"] + candidate["call_to_action"]
        provenance = candidate["provenance"]
        assert (provenance["source"], provenance["run_seed"]) == ("model", 3)
        assert (provenance["model_version"], provenance["model_hash"]) == (starter.pk, starter.content_hash)
        assert Brief.from_json(provenance["brief"]) == brief()
        json.dumps(provenance)


def test_a_model_that_cannot_be_loaded_is_a_sentence(settings: Any) -> None:
    from models_ml.jobs import writing as jobs

    settings.COPYLIFT_MODEL = "/nowhere/model"
    with pytest.raises(errors.Unavailable) as problem:
        jobs.generate_candidates([brief()], per_brief=1, seed=1, should_stop=lambda: False, on_batch=lambda _new: None)
    assert problem.value.code == "model_unavailable"
    assert problem.value.message == "The model cannot be loaded: there is no model folder /nowhere/model."
