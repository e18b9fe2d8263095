"""POST /api/v1/decide and the reads: the arm of the published hash, fallbacks with their reason, nothing written."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from core.models import ApiKey
from core.services.api_keys import revoke_api_key
from experiments import services
from experiments.assignment import AssignmentPlan, assign
from experiments.models import AllocationBatch, Event, Experiment, UnitIdentity, UnitTotals
from tests.experiments.shop import Api, draft, event, exposure, fold, now, running, send
from tests.people import ana, charlie, dora

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    return Api("decide")


def decide(api: Api, unit: str, experiment: str = "welcome") -> dict[str, Any]:
    answer = api.post("/decide", {"experiment": experiment, "unit": unit})
    assert answer.status_code == 200
    return dict(answer.json())


def test_the_arm_is_that_of_the_published_hash_and_nothing_is_written(api: Api) -> None:
    running()
    plan = AssignmentPlan(seed="welcome", weights=(0.5, 0.5))
    units = [f"u-{number}" for number in range(200)]
    found = [decide(api, unit) for unit in units[:20]]
    assert [one["arm"] for one in found] == ["ab"[assign(unit, plan).variation] for unit in units[:20]]
    assert found[0] == {
        "experiment": "welcome",
        "unit": "u-0",
        "in_experiment": True,
        "arm": found[0]["arm"],
        "control": found[0]["arm"] == "a",
        "reason": "assigned",
        "content": {"headline": f"Headline {found[0]['arm']}"},
    }
    batch = api.post("/decide", {"experiment": "welcome", "units": units, "attributes": {"country": "DE"}}).json()
    assert batch["experiment"] == "welcome"
    assert [one["unit"] for one in batch["decisions"]] == units
    assert batch["decisions"][:20] == found
    assert {one["arm"] for one in batch["decisions"]} == {"a", "b"}
    assert not Event.objects.exists()
    assert not UnitTotals.objects.exists()


def test_a_decision_costs_two_queries_once_the_plan_is_known(api: Api) -> None:
    running()
    decide(api, "u-1")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        decide(api, "u-2")
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) == 2
    assert len(queries) == 2


def test_each_change_of_state_is_seen_by_the_next_request(api: Api) -> None:
    experiment = draft()
    control = {"in_experiment": False, "arm": "a", "control": True, "content": {"headline": "Headline a"}}
    not_running = control | {"experiment": "welcome", "unit": "u-1", "reason": "not_running"}
    assert decide(api, "u-1") == not_running
    services.start_experiment(experiment, actor="test")
    assert decide(api, "u-1")["in_experiment"]
    services.pause_experiment(experiment, actor="test")
    assert decide(api, "u-1") == not_running
    services.resume_experiment(experiment, actor="test")
    assert decide(api, "u-1")["in_experiment"]
    services.stop_experiment(experiment, actor="test")
    assert decide(api, "u-1") == not_running
    services.decide_experiment(experiment, action="ship", arm="b", actor="test")
    assert decide(api, "u-1") == {
        "experiment": "welcome", "unit": "u-1", "in_experiment": False, "arm": "b", "control": False,
        "reason": "decided", "content": {"headline": "Headline b"},
    }  # fmt: skip


def test_units_outside_coverage_or_namespace_get_the_control(api: Api) -> None:
    running("nobody", coverage=0.0)
    running("elsewhere", namespace={"key": "shared", "start": 0.0, "end": 0.0})
    for key, reason in (("nobody", "outside_coverage"), ("elsewhere", "outside_namespace")):
        found = decide(api, "u-1", key)
        assert (found["in_experiment"], found["arm"], found["reason"]) == (False, "a", reason)


def test_who_is_not_meant_gets_the_control(api: Api) -> None:
    running(condition={"country": {"$in": ["DE", "AT"]}, "age": {"$gte": 18}})
    ask = {"experiment": "welcome", "unit": "u-1"}
    for attributes in ({}, {"country": "FR", "age": 40}, {"country": "DE"}, {"country": ["FR"], "age": "40"}):
        found = api.post("/decide", {**ask, "attributes": attributes}).json()
        assert (found["in_experiment"], found["arm"], found["reason"]) == (False, "a", "not_targeted")
    for attributes in ({"country": "DE", "age": 18}, {"country": "AT", "age": "40"}):
        found = api.post("/decide", {**ask, "attributes": attributes}).json()
        assert (found["in_experiment"], found["reason"]) == (True, "assigned")


def test_a_condition_takes_nobody_to_another_arm(api: Api) -> None:
    running()
    running("aimed", seed="welcome", condition={"country": "DE"})
    units = [f"u-{number}" for number in range(50)]
    plain = api.post("/decide", {"experiment": "welcome", "units": units}).json()["decisions"]
    aimed = api.post("/decide", {"experiment": "aimed", "units": units, "attributes": {"country": "DE"}}).json()
    assert [one["arm"] for one in aimed["decisions"]] == [one["arm"] for one in plain]


def test_a_unit_with_two_names_is_hashed_by_the_first(api: Api) -> None:
    running()
    names = {f"visitor-{number}": f"account-{number}" for number in range(40)}
    UnitIdentity.objects.bulk_create(
        UnitIdentity(unit=account, canonical=visitor) for visitor, account in names.items()
    )
    before = api.post("/decide", {"experiment": "welcome", "units": list(names)}).json()["decisions"]
    with CaptureQueriesContext(connection) as found:
        after = api.post("/decide", {"experiment": "welcome", "units": list(names.values())}).json()["decisions"]
    assert len(found) == 3
    assert [one["unit"] for one in after] == list(names.values())
    assert [one["arm"] for one in after] == [one["arm"] for one in before]
    plan = AssignmentPlan(seed="welcome", weights=(0.5, 0.5))
    assert [one["arm"] for one in after] != ["ab"[assign(unit, plan).variation] for unit in names.values()]


def test_a_holdout_costs_no_query_once_the_plan_is_known(api: Api) -> None:
    running(condition={"country": "DE"}, forced={"qa": "b"})
    services.create_holdout(key="season", name="Season", share=0.2, is_global=True, actor="test")
    decide(api, "u-1")
    with CaptureQueriesContext(connection) as found:
        decide(api, "u-2")
    assert len(found) == 2


def test_an_adaptive_experiment_names_batch_and_propensity_and_keeps_what_was_shown(api: Api) -> None:
    experiment = running(allocation="adaptive")
    units = [f"u-{number}" for number in range(60)]

    def ask() -> dict[str, tuple[str, int, float]]:
        found = api.post("/decide", {"experiment": "welcome", "units": units}).json()["decisions"]
        return {one["unit"]: (one["arm"], one["batch"], one["propensity"]) for one in found}

    before = ask()
    assert {(batch, propensity) for _, batch, propensity in before.values()} == {(1, 0.5)}
    arms = {arm.key: arm for arm in experiment.arms.all()}
    shown = units[:30]
    for unit in shown:
        UnitTotals.objects.create(
            experiment=experiment, unit=unit, arm=arms[before[unit][0]], first_exposed_at=now(), last_event_at=now(),
            batch=1,
        )  # fmt: skip
    AllocationBatch.objects.create(experiment=experiment, number=2, weights=[0.1, 0.9], started_at=now())
    Experiment.objects.update(version=F("version") + 1)
    after = ask()
    assert all(after[unit] == before[unit] for unit in shown)
    assert {after[unit][1:] for unit in units[30:]} <= {(2, 0.1), (2, 0.9)}
    assert sum(after[unit][0] == "b" for unit in units[30:]) > 20
    with CaptureQueriesContext(connection) as found:
        ask()
    assert len(found) == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "experiment"),
        ({"experiment": "welcome", "unit": "u", "users": ["x"]}, "users"),
        ({"experiment": 3, "unit": "u"}, "experiment"),
        ({"experiment": "x" * 81, "unit": "u"}, "experiment"),
        ({"experiment": "wel\0come", "unit": "u"}, "experiment"),
        ({"experiment": "welcome", "unit": 7}, "unit"),
        ({"experiment": "welcome", "unit": ""}, "unit"),
        ({"experiment": "welcome", "unit": "u" * 201}, "unit"),
        ({"experiment": "welcome", "unit": "\ud800"}, "unit"),
        ({"experiment": "welcome", "units": []}, "units"),
        ({"experiment": "welcome", "units": ["u"] * 1001}, "units"),
        ({"experiment": "welcome", "units": ["u", None]}, "units.1"),
        ({"experiment": "welcome", "unit": "u", "attributes": []}, "attributes"),
    ],
)
def test_a_field_that_cannot_be_used(api: Api, body: dict[str, Any], field: str) -> None:
    running()
    answer = api.post("/decide", body)
    assert answer.status_code == 422
    assert [found["field"] for found in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", [{"experiment": "welcome"}, {"experiment": "welcome", "unit": "u", "units": ["u"]}])
def test_exactly_one_of_unit_and_units(api: Api, body: dict[str, Any]) -> None:
    running()
    answer = api.post("/decide", body)
    assert answer.status_code == 422
    assert "give either unit or units" in answer.json()["errors"][0]["message"]


def test_bodies_and_keys_that_are_refused(api: Api) -> None:
    running()
    assert api.post("/decide", {"experiment": "nowhere", "unit": "u"}).status_code == 404
    assert api.post("/decide", b"{").status_code == 400
    assert api.post("/decide", b'{"unit": "\xff"}').status_code == 400
    assert Api("events", "read").post("/decide", {"experiment": "welcome", "unit": "u"}).status_code == 403
    revoke_api_key(ApiKey.objects.order_by("id")[0], actor=dora())
    answer = api.post("/decide", {"experiment": "welcome", "unit": "u"})
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")


# --- reads ----------------------------------------------------------------------------------------------------------
def test_experiments_are_listed_running_ones_first() -> None:
    draft("first")
    running("second")
    draft("third")
    api = Api("read")
    found = api.get("/experiments").json()
    assert [one["key"] for one in found["experiments"]] == ["second", "third", "first"]
    assert found["total"] == 3
    page = api.get("/experiments?limit=1&offset=1").json()
    assert [one["key"] for one in page["experiments"]] == ["third"]
    for query in ("limit=0", "limit=1001", "offset=-1", "limit=ten"):
        assert api.get(f"/experiments?{query}").status_code == 422


def test_one_experiment_and_its_results() -> None:
    experiment = running()
    api = Api("read")
    one = api.get("/experiments/welcome").json()
    assert (one["status"], one["currency"], [arm["key"] for arm in one["arms"]]) == ("running", "USD", ["a", "b"])
    missing = api.get("/experiments/welcome/results")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_results")
    send(exposure(), event("click"))
    fold()
    services.analyse(experiment)
    results = api.get("/experiments/welcome/results").json()
    assert (results["experiment"], results["units"], results["mode"]) == ("welcome", 1, "running")
    assert api.get("/experiments/nowhere").status_code == 404
    assert api.get("/experiments/nowhere/results").status_code == 404


def test_reading_needs_the_scope_or_a_member_whose_role_may_see_experiments() -> None:
    running()
    for path in ("/experiments", "/experiments/welcome", "/experiments/welcome/results"):
        assert Api("decide", "events").get(path).status_code == 403
    keyless = Api("read")
    keyless.client.defaults.pop("HTTP_AUTHORIZATION")
    assert keyless.get("/experiments").status_code == 401
    for member, status in ((ana(), 200), (charlie(), 403)):
        keyless.client.force_login(member)
        assert keyless.get("/experiments").status_code == status
        assert keyless.get("/experiments/welcome").status_code == status
