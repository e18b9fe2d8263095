"""Two names of one shopper count as one, in the arm that was seen first, however and whenever they are joined."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from core import errors
from experiments import services
from experiments.models import ArmMoments, UnitIdentity, UnitTotals
from experiments.queries.identities import canonical
from experiments.services.counting import batch
from experiments.services.identities import identify
from tests.experiments.shop import Api, event, exposure, fold, later, now, running, send, totals
from tests.experiments.test_fold_durability import in_threads

pytestmark = pytest.mark.django_db


def units(arm: str = "a") -> int:
    return ArmMoments.objects.get(arm__key=arm, arm__experiment__key="welcome").n


def test_events_of_both_names_count_as_one_units() -> None:
    experiment = running()
    send(exposure("visitor", occurred_at=later(-60)), event("click", "visitor"), event("conversion", "ana", value=30))
    fold()
    assert identify(unit="ana", anonymous="visitor") == "visitor"
    assert (found := totals("visitor")) is not None
    assert (found.impressions, found.clicks, found.orders, found.revenue) == (1, 1, 1, Decimal(30))
    send(event("click", "ana"), exposure("ana"))
    fold()
    assert (found := totals("visitor")) is not None
    assert (found.impressions, found.clicks) == (2, 2)
    assert UnitTotals.objects.count() == units() == 1
    assert services.audit_moments(experiment) == []


def test_who_was_exposed_first_gives_the_name() -> None:
    experiment = running()
    send(exposure("visitor", occurred_at=later(-60)), exposure("ana", occurred_at=later(-120)))
    fold()
    assert units() == 2
    assert identify(unit="ana", anonymous="visitor") == "ana"
    assert units() == UnitTotals.objects.count() == 1
    assert canonical(["visitor", "ana", "bob"]) == {"visitor": "ana", "ana": "ana", "bob": "bob"}
    assert services.audit_moments(experiment) == []


def test_an_exposure_that_is_not_folded_yet_decides_too() -> None:
    running()
    send(exposure("ana"))
    assert identify(unit="ana", anonymous="visitor") == "ana"
    assert not UnitTotals.objects.exists()
    fold()
    assert units() == 1


def test_the_name_of_a_visitor_never_exposed_is_kept_and_that_of_a_shopper_with_names() -> None:
    assert identify(unit="ana", anonymous="first") == "first"
    assert identify(unit="ana", anonymous="second") == "first"
    assert dict(UnitIdentity.objects.values_list("unit", "canonical")) == {"ana": "first", "second": "first"}


def test_at_the_same_instant_the_lower_name_is_kept() -> None:
    running()
    at = now()
    send(exposure("zoe", occurred_at=at), exposure("visitor", occurred_at=at))
    assert identify(unit="zoe", anonymous="visitor") == "visitor"


def test_names_that_saw_different_arms_count_in_neither() -> None:
    experiment = running()
    send(exposure("visitor", "a", occurred_at=later(-60)), exposure("ana", "b"), event("click", "ana"))
    fold()
    assert (units("a"), units("b")) == (1, 1)
    identify(unit="ana", anonymous="visitor")
    assert (units("a"), units("b")) == (0, 0)
    assert (found := totals("visitor")) is not None
    assert found.in_two_arms
    assert totals("ana") is None
    assert services.audit_moments(experiment) == []


def test_joining_twice_changes_nothing_and_takes_no_lock() -> None:
    experiment = running()
    send(exposure("visitor"), event("click", "ana"))
    fold()
    identify(unit="ana", anonymous="visitor")
    before = list(UnitTotals.objects.values())
    assert identify(unit="visitor", anonymous="ana") == identify(unit="ana", anonymous="visitor") == "visitor"
    assert list(UnitTotals.objects.values()) == before
    assert UnitIdentity.objects.count() == 1
    assert services.audit_moments(experiment) == []


def test_groups_of_names_are_joined_whole() -> None:
    experiment = running()
    for place, name in enumerate(["one", "two", "three", "four"]):
        send(exposure(name, occurred_at=later(-600 + place)), event("click", name))
    fold()
    identify(unit="two", anonymous="one")
    identify(unit="four", anonymous="three")
    assert units() == 2
    assert identify(unit="four", anonymous="two") == "one"
    assert set(canonical(["one", "two", "three", "four"]).values()) == {"one"}
    assert (found := totals("one")) is not None
    assert (found.impressions, found.clicks) == (4, 4)
    assert services.audit_moments(experiment) == []


def test_a_name_cannot_be_joined_with_itself() -> None:
    with pytest.raises(errors.InvalidInput, match="anonymous: is the unit itself"):
        identify(unit="ana", anonymous="ana")
    assert not UnitIdentity.objects.exists()


def test_where_raw_events_are_gone_the_names_stay_two_units(monkeypatch: pytest.MonkeyPatch) -> None:
    running(covariate_days=0)
    send(exposure("visitor", occurred_at=now() - timedelta(days=20)), exposure("ana"))
    fold()
    monkeypatch.setattr(batch, "events_kept_since", (now() - timedelta(days=10)).date)
    assert identify(unit="ana", anonymous="visitor") == "visitor"
    assert {found.unit for found in UnitTotals.objects.all()} == {"visitor", "ana"}
    assert units() == 2


def test_over_rest() -> None:
    running()
    send(exposure("visitor"))
    api = Api("events")
    answer = api.post("/identify", {"unit": "ana", "anonymous": "visitor"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"unit": "ana", "anonymous": "visitor", "canonical": "visitor"},
    )
    for body, field in (({"unit": "ana"}, "anonymous"), ({"unit": "ana", "anonymous": "ana"}, "anonymous")):
        refused = api.post("/identify", body)
        assert refused.status_code == 422
        assert [problem["field"] for problem in refused.json()["errors"]] == [field]
    assert api.post("/identify", {"unit": "a\0b", "anonymous": "c"}).status_code == 422
    assert Api("decide").post("/identify", {"unit": "x", "anonymous": "y"}).status_code == 403
    assert dict(UnitIdentity.objects.values_list("unit", "canonical")) == {"ana": "visitor"}


@pytest.mark.django_db(transaction=True)
def test_joins_and_folds_at_once_never_conflict() -> None:
    experiment = running()
    pairs = [(f"ana-{number}", f"visitor-{number % 3}") for number in range(9)]
    for unit, anonymous in pairs:
        send(exposure(unit), event("click", unit), exposure(anonymous), event("click", anonymous))

    def join(part: int) -> None:
        for unit, anonymous in pairs[part:] + pairs[:part]:
            identify(unit=unit, anonymous=anonymous)

    def fold_slowly() -> None:
        while services.fold_events(limit=3):
            pass

    in_threads(lambda: join(0), lambda: join(4), lambda: join(7), fold_slowly)
    fold()
    assert units() == UnitTotals.objects.count() == 3
    assert services.audit_moments(experiment) == []
