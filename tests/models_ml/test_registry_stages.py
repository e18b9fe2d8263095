"""Moving versions: check, stage, promote, roll back, retire, reopen; who may, what the gate holds, who comes first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection

from core import errors
from core.models import AuditEntry, Job, User
from core.models.job import Status
from models_ml import gate, queries, services
from models_ml.lifecycle import Kind, Stage
from models_ml.models import ModelVersion
from models_ml.services import stages
from tests import people
from tests.models_ml import factory

pytestmark = pytest.mark.django_db

REASON = "The old one writes prices wrongly; this is the lesser evil."


def now(version: ModelVersion) -> ModelVersion:
    """The row as it stands."""
    return ModelVersion.objects.get(pk=version.pk)


def entries(version: ModelVersion) -> list[str]:
    """What was recorded, oldest first."""
    return list(
        AuditEntry.objects.filter(object_type="models_ml.ModelVersion", object_id=str(version.pk))
        .order_by("id")
        .values_list("action", flat=True)
    )


# --- the way of a good version ------------------------------------------------------------------------------------
def test_a_version_goes_from_candidate_to_production_and_the_one_before_is_retired(tmp_path: Path) -> None:
    ana, dora = people.ana(), people.dora()
    old = factory.in_production(tmp_path / "old")
    new = factory.version(tmp_path / "new")
    job = services.request_check(new, actor=ana)
    assert (job.task_name, job.queue, job.arguments) == ("models_ml.check_model", "gpu", {"version": new.pk})
    factory.checked(new, old)
    assert services.stage(now(new), actor=ana).stage == "staged"
    promoted = services.promote(now(new), actor=dora, reason="Better on the spring catalogue.")
    assert (promoted.stage, promoted.replaced_id, now(old).stage) == ("production", old.pk, "retired")
    assert queries.production_model() == promoted
    assert entries(new) == [
        *("model.registered", "model.check_asked", "model.checked", "model.staged", "model.promoted"),
    ]
    last = AuditEntry.objects.get(action="model.promoted")
    assert (last.actor_label, last.data["before"], last.data["reason"], last.data["overruled"]) == (
        *("dora@shop.test", old.pk, "Better on the spring catalogue.", []),
    )


def test_the_first_of_its_kind_has_nothing_to_beat(tmp_path: Path) -> None:
    new = factory.staged(tmp_path / "new", loss_over_production=None)
    assert services.promote(new, actor=people.dora()).replaced is None


def test_a_check_that_is_open_is_not_asked_for_twice(tmp_path: Path) -> None:
    version, ana = factory.version(tmp_path / "new"), people.ana()
    first = services.request_check(version, actor=ana)
    assert services.request_check(version, actor=ana) == first
    assert Job.objects.count() == 1
    Job.objects.filter(pk=first.pk).update(status=Status.SUCCEEDED)
    assert services.request_check(version, actor=ana) != first


# --- who may ------------------------------------------------------------------------------------------------------
MOVES: dict[str, tuple[str, Callable[[ModelVersion, User], Any]]] = {
    "check": ("candidate", lambda version, who: services.request_check(version, actor=who)),
    "stage": ("candidate", lambda version, who: services.stage(version, actor=who)),
    "retire": ("staged", lambda version, who: services.retire(version, actor=who)),
    "reopen": ("retired", lambda version, who: services.reopen(version, actor=who)),
    "promote": ("staged", lambda version, who: services.promote(version, actor=who)),
    "roll back": ("production", lambda version, who: services.roll_back(Kind.WRITER, actor=who, reason=REASON)),
}
ANALYSTS = {"check", "stage", "retire", "reopen"}


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (people.alice, set[str]()),
        (people.bob, set[str]()),
        (people.ana, ANALYSTS),
        (people.dora, ANALYSTS | {"promote", "roll back"}),
        (people.charlie, set[str]()),
    ],
    ids=["marketer", "approver", "analyst", "administrator", "no role"],
)
def test_who_may_make_which_move(tmp_path: Path, who: Callable[[], User], may: set[str]) -> None:
    member, before = who(), factory.in_production(tmp_path / "before")
    version = factory.checked(factory.version(tmp_path / "new"), before)
    done = {move for move in MOVES if made(move, version, before, member=member)}
    assert done == may


def made(move: str, version: ModelVersion, before: ModelVersion, *, member: User) -> bool:
    """Whether this member could make the move; where not, nothing has happened."""
    start, step = MOVES[move]
    ModelVersion.objects.filter(pk=version.pk).update(stage="candidate")
    ModelVersion.objects.filter(pk=before.pk).update(stage="retired" if start == "production" else "production")
    ModelVersion.objects.filter(pk=version.pk).update(stage=start, replaced=before)
    factory.checked(version, before)
    count = AuditEntry.objects.count()
    try:
        step(now(version), member)
    except errors.Forbidden:
        return (now(version).stage, AuditEntry.objects.count()) != (start, count)
    return AuditEntry.objects.count() > count


# --- what the gate holds ------------------------------------------------------------------------------------------
def test_a_failing_gate_lets_nobody_through_who_may_not_overrule_it(tmp_path: Path) -> None:
    promoter = people.member("Paul")
    promoter.user_permissions.set(Permission.objects.filter(codename="promote_modelversion"))
    version = factory.staged(tmp_path / "new", forgetting=0.4, parity=None)
    with pytest.raises(errors.Conflict) as problem:
        services.promote(version, actor=promoter, reason=REASON)
    assert problem.value.code == "gate_failed"
    assert "Forgets of what it knew: 40.0 %, at most 10.0 % is asked, so it fails." in problem.value.message
    assert "this was not measured, so it cannot pass" in problem.value.message
    assert (now(version).stage, queries.production_model()) == ("staged", None)


@pytest.mark.parametrize("reason", ["", "because", " " * 40])
def test_an_administrator_overrules_the_gate_with_a_written_reason_only(tmp_path: Path, reason: str) -> None:
    version, dora = factory.staged(tmp_path / "new", unsafe=0.5), people.dora()
    with pytest.raises(errors.InvalidInput) as problem:
        services.promote(version, actor=dora, reason=reason)
    assert [one.field for one in problem.value.problems] == ["reason"]
    assert now(version).stage == "staged"
    assert services.promote(version, actor=dora, reason=REASON).stage == "production"
    entry = AuditEntry.objects.get(action="model.promoted")
    assert (entry.data["overruled"], entry.data["reason"]) == (["unsafe"], REASON)


def test_a_comparison_with_a_version_that_is_gone_does_not_count(tmp_path: Path) -> None:
    first = factory.in_production(tmp_path / "first")
    new = factory.staged(tmp_path / "new", production=first)
    services.put_in_production(factory.version(tmp_path / "second", "Second", b"2"), actor=None)
    assert [line.name for line in gate.failing(services.report_of(now(new)))] == ["loss_over_production"]
    with pytest.raises(errors.InvalidInput):
        services.promote(now(new), actor=people.dora())


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"other weights"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "tokenizer.json").write_text('{"other": 1}'),
        lambda folder: (folder / "training.json").write_text("{"),
    ],
    ids=["other weights", "no weights", "other tokenizer", "broken record"],
)
def test_a_tampered_folder_is_refused_at_promotion_even_with_a_reason(
    tmp_path: Path, harm: Callable[[Path], Any]
) -> None:
    version = factory.staged(tmp_path / "new")
    harm(tmp_path / "new")
    with pytest.raises(errors.Conflict) as problem:
        services.promote(version, actor=people.dora(), reason=REASON)
    assert problem.value.code == "artifact_changed"
    assert (now(version).stage, queries.production_model()) == ("staged", None)


def test_a_folder_whose_record_was_made_anew_after_a_change_is_found_by_the_registry_s_own_hash(
    tmp_path: Path,
) -> None:
    version = factory.staged(tmp_path / "new")
    factory.model_folder(tmp_path / "new", b"other weights")
    assert not stages.is_intact(version)


def test_a_version_of_the_hub_is_as_good_as_its_commit() -> None:
    named = services.register_model_version(name="A", location="org/a", content_hash="c" * 40)
    floating = services.register_model_version(name="B", location="org/b")
    gone = services.register_model_version(name="C", location="/models/gone", content_hash="c" * 64)
    assert [stages.is_intact(one) for one in (named, floating, gone)] == [True, False, False]


def test_nothing_is_staged_unchecked(tmp_path: Path) -> None:
    version = factory.version(tmp_path / "new")
    with pytest.raises(errors.Conflict) as problem:
        services.stage(version, actor=people.ana())
    assert problem.value.code == "unchecked"
    assert now(version).stage == "candidate"


def test_a_base_is_neither_checked_nor_staged_nor_promoted(tmp_path: Path) -> None:
    version, dora = factory.version(tmp_path / "new", kind=Kind.BASE, stage="staged"), people.dora()
    for step in (services.request_check, services.stage, services.promote):
        with pytest.raises(errors.Conflict, match="a base to train further"):
            step(version, actor=dora)
    assert now(version).stage == "staged"


@pytest.mark.parametrize(
    ("start", "step"),
    [
        ("candidate", services.promote),
        ("retired", services.promote),
        ("staged", services.stage),
        ("production", services.retire),
        ("candidate", services.reopen),
    ],
)
def test_a_stage_that_does_not_allow_a_move_stays(tmp_path: Path, start: str, step: Callable[..., Any]) -> None:
    version = factory.checked(factory.version(tmp_path / "new"))
    ModelVersion.objects.filter(pk=version.pk).update(stage=start)
    with pytest.raises(errors.Conflict) as problem:
        step(now(version), actor=people.dora())
    assert (problem.value.code, problem.value.data) == ("wrong_stage", {"stage": start})
    assert now(version).stage == start


def test_a_reopened_version_must_be_checked_anew(tmp_path: Path) -> None:
    version, ana = factory.staged(tmp_path / "new"), people.ana()
    services.retire(version, actor=ana, reason="Too slow.")
    assert AuditEntry.objects.get(action="model.retired").data == {"reason": "Too slow."}
    again = services.reopen(version, actor=ana)
    assert (again.stage, again.checked_at, again.gate) == ("candidate", None, {})
    assert len(gate.failing(services.report_of(again))) == 7


def test_a_retired_version_is_not_checked(tmp_path: Path) -> None:
    version = factory.version(tmp_path / "new", stage="retired")
    with pytest.raises(errors.Conflict, match="Reopen it first"):
        services.request_check(version, actor=people.ana())
    assert Job.objects.count() == 0


# --- back ---------------------------------------------------------------------------------------------------------
def test_one_step_leads_back_to_the_version_before_and_again_forward(tmp_path: Path) -> None:
    dora, old = people.dora(), factory.in_production(tmp_path / "old")
    new = services.promote(factory.staged(tmp_path / "new", production=old), actor=dora)
    back = services.roll_back(Kind.WRITER, actor=dora, reason=REASON)
    assert (back, now(new).stage, queries.production_model()) == (old, "retired", old)
    assert AuditEntry.objects.get(action="model.rolled_back").data == {"to": old.pk, "reason": REASON}
    with pytest.raises(errors.Conflict) as problem:
        services.roll_back(Kind.WRITER, actor=dora, reason=REASON)
    assert problem.value.code == "nothing_before"
    assert queries.production_model() == old


def test_back_to_files_that_changed_is_refused(tmp_path: Path) -> None:
    dora, old = people.dora(), factory.in_production(tmp_path / "old")
    new = services.promote(factory.staged(tmp_path / "new", production=old), actor=dora)
    (tmp_path / "old" / "model.safetensors").write_bytes(b"?")
    with pytest.raises(errors.Conflict, match="not those that were registered"):
        services.roll_back(Kind.WRITER, actor=dora, reason=REASON)
    assert queries.production_model() == new


def test_a_roll_back_needs_a_reason(tmp_path: Path) -> None:
    dora, old = people.dora(), factory.in_production(tmp_path / "old")
    services.promote(factory.staged(tmp_path / "new", production=old), actor=dora)
    with pytest.raises(errors.InvalidInput):
        services.roll_back(Kind.WRITER, actor=dora, reason=" ")
    assert now(old).stage == "retired"


def test_a_writer_and_a_scorer_are_in_production_side_by_side(tmp_path: Path) -> None:
    writer = factory.in_production(tmp_path / "writer")
    scorer = factory.version(tmp_path / "scorer", "Scorer", b"s", kind=Kind.SCORER)
    services.put_in_production(scorer, actor=None)
    assert (queries.production_model(), queries.production_model(Kind.SCORER)) == (writer, now(scorer))


# --- at once ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("with_production", [True, False])
def test_of_two_promotions_at_once_one_wins(tmp_path: Path, with_production: bool) -> None:
    old = factory.in_production(tmp_path / "old") if with_production else None
    both = [factory.staged(tmp_path / name, name, old) for name in ("A", "B")]
    dora, start = people.dora(), threading.Barrier(2)
    answers: list[str] = []

    def promote(version: ModelVersion) -> None:
        start.wait()
        try:
            answers.append(services.promote(version, actor=dora).name)
        except errors.CopyliftError as problem:
            answers.append(problem.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=promote, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = queries.production_model()
    assert winner is not None
    # Overtaken after the gate, the loser came too late; before it, its comparison no longer counts.
    assert winner.name in answers
    assert {answer for answer in answers if answer != winner.name} <= {"changed_meanwhile", "invalid_input"}
    assert ModelVersion.objects.filter(stage=Stage.PRODUCTION).count() == 1
    assert AuditEntry.objects.filter(action="model.promoted").count() == 1


@pytest.mark.parametrize("with_production", [True, False])
def test_who_was_overtaken_after_the_gate_changes_nothing(tmp_path: Path, with_production: bool) -> None:
    old = factory.in_production(tmp_path / "old") if with_production else None
    first, second = (factory.staged(tmp_path / name, name, old) for name in ("A", "B"))
    dora = people.dora()
    stages._replace(first, old, actor=dora, data={})
    with pytest.raises(errors.Conflict) as problem:
        stages._replace(second, old, actor=dora, data={})
    assert problem.value.code == "changed_meanwhile"
    assert (queries.production_model(), now(second).stage, entries(second)[-1]) == (first, "staged", "model.checked")


def test_a_second_click_on_promote_changes_nothing(tmp_path: Path) -> None:
    version, dora = factory.staged(tmp_path / "new"), people.dora()
    services.promote(version, actor=dora)
    with pytest.raises(errors.Conflict) as problem:
        services.promote(version, actor=dora)
    assert problem.value.code == "wrong_stage"
    assert AuditEntry.objects.filter(action="model.promoted").count() == 1
    assert queries.production_model() == version
