"""The checks of the fold are checked: with a fault planted in counting or ingest, the property test fails; with a
number of the moments changed by hand, the audit names it.

Planted faults: no hour of slack; an exposure that arrives late with an earlier time does not move the beginning; the
conversion window never closes; bots count; a repeated event is stored and counted again; a unit's old row stays in when
its new row is put in. Kills between two transactions are planted in test_fold_killed.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest

from experiments import services
from experiments.models import ArmMoments, SliceMoments
from experiments.services.counting import adding, batch, exchange, rule
from tests.experiments import test_fold_property as property_test
from tests.experiments.shop import event, exposure, fold, running, send

pytestmark = pytest.mark.django_db


def no_slack(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(adding, "CLOCK_SLACK", timedelta(0))
    patch.setattr(rule, "CLOCK_SLACK", timedelta(0))


def late_exposure_is_no_beginning(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch, "_begins", lambda event, known: False)


def window_never_closes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rule.Rule, "is_over", lambda self, since: False)


def bots_count(patch: pytest.MonkeyPatch) -> None:
    counted = adding.count

    def count(totals: Any, event: Any, found: Any) -> bool:
        return counted(totals, event._replace(is_bot=False), found)

    patch.setattr(adding, "count", count)
    patch.setattr(batch, "count", count)


def repeats_count(patch: pytest.MonkeyPatch) -> None:
    # The package has a function of the module's name.
    ingesting = sys.modules[services.ingest.__module__]
    made = vars(ingesting)["_line"]
    numbers = iter(range(10**9))

    def line(event: services.EventInput, *rest: Any) -> Any:
        return made(event._replace(id=f"{event.id}-{next(numbers):09}"), *rest)

    patch.setattr(ingesting, "_line", line)


def old_row_stays(patch: pytest.MonkeyPatch) -> None:
    replaced = exchange.Exchange.replace
    patch.setattr(exchange.Exchange, "replace", lambda self, before, after: replaced(self, None, after))


FAULTS = [no_slack, late_exposure_is_no_beginning, window_never_closes, bots_count, repeats_count, old_row_stays]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_the_property_test_finds_a_planted_fault(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        property_test.test_streamed_equals_from_scratch()


# --- the audit ------------------------------------------------------------------------------------------------------
def change(row: ArmMoments | SliceMoments, what: str) -> None:
    """One unit more, or the clicks' mean or spread off by a millionth."""
    place = row.columns.index("clicks")
    if what == "n":
        row.n += 1
    elif what == "mean":
        row.mean[place] *= 1 + 1e-6
    else:
        row.cross[place * len(row.columns) + place] *= 1 + 1e-6


@pytest.mark.parametrize("table", [ArmMoments, SliceMoments])
@pytest.mark.parametrize("what", ["n", "mean", "cross"])
def test_the_audit_finds_a_number_changed_by_hand(what: str, table: type[ArmMoments | SliceMoments]) -> None:
    experiment = running()
    send(*(exposure(f"u-{place}") for place in range(3)), event("click", "u-1"), event("conversion", "u-2", value=30))
    fold()
    assert services.audit_moments(experiment) == []
    row = table.objects.get(arm__key="a")
    change(row, what)
    row.save()
    found = services.audit_moments(experiment)
    assert {difference.arm for difference in found} == {"a"}
    assert [bool(difference.dimension) for difference in found] == [table is SliceMoments] * len(found)
