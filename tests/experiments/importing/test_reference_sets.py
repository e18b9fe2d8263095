"""The three reference sets: the figures their README states, to the digits stated, from the command's own output."""

from __future__ import annotations

import re
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from experiments.models import Analysis, Arm, ArmMoments, Experiment
from tests.reference import shared_path

pytestmark = pytest.mark.django_db


def run(path: Path, *arguments: str) -> str:
    out = StringIO()
    call_command("import_experiment", str(path), *arguments, stdout=out)
    return out.getvalue()


def test_cookie_cats() -> None:
    text = run(
        shared_path("data", "cookie_cats", "cookie_cats.csv.gz"), "--unit=userid", "--arm=version",
        "--control=gate_30", "--metric=retention_7=retention_7", "--metric=retention_1=retention_1",
        "--metric=rounds=sum_gamerounds:count",
    )  # fmt: skip
    assert "0 of 90,189 rows refused" in text
    assert "chi-square 6.902, p 0.008608, not flagged" in text
    seven, one, rounds = re.split(r"\n  (?:retention_1|rounds)\n", text)
    assert "gate_30: 8,502 of 44,700" in seven
    assert "gate_40: 8,279 of 45,489" in seven
    assert "z -3.1644, p 0.0015542" in seven
    assert "p 0.07441" in one
    # One player of 49,854 rounds is in it: the mean is as it is, and an outlier is not refused in silence.
    assert "gate_30: 52.4563 over 44,700" in rounds
    assert Experiment.objects.get().key == "cookie_cats"


def test_udacity_cleaned_and_uncleaned() -> None:
    text = run(
        shared_path("data", "udacity_ab", "ab_data.csv.gz"), "--key=landing", "--unit=user_id", "--arm=group",
        "--control=control", "--metric=conversion=converted", "--require=group=control:landing_page=old_page",
        "--require=group=treatment:landing_page=new_page", "--uncleaned",
    )  # fmt: skip
    assert "3,894 of 294,478 rows refused" in text
    assert "1,965  breaks the rule group=treatment:landing_page=new_page" in text
    assert "1,928  breaks the rule group=control:landing_page=old_page" in text
    assert "1  the unit is in another row of its arm" in text
    cleaned, uncleaned = text.split("(landing-uncleaned)")
    assert "control: 17,489 of 145,274" in cleaned
    assert "treatment: 17,264 of 145,310" in cleaned
    assert "z -1.3109, p 0.18988" in cleaned
    assert "p 0.21612" in uncleaned
    assert sorted(Experiment.objects.values_list("key", flat=True)) == ["landing", "landing-uncleaned"]


def test_upworthy_is_quick_and_its_faulty_window_is_flagged() -> None:
    path = shared_path("data", "upworthy", "upworthy.csv.gz")
    begun = time.monotonic()
    text = run(
        path, "--experiment=clickability_test_id", "--label=headline", "--count=impressions", "--metric=ctr=clicks",
        "--group-report=test_week",
    )  # fmt: skip
    assert time.monotonic() - begun < 60
    assert "0 of 13,665 rows refused" in text
    assert "2,930 experiments, 13,665 arms" in text
    stored = [Experiment.objects.count(), Arm.objects.count(), ArmMoments.objects.count(), Analysis.objects.count()]
    assert stored == [2930, 13_665, 13_665, 2930]

    def flagged(first: str, last: str) -> float:
        found = Analysis.objects.filter(
            experiment__origin__group__value__gte=first, experiment__origin__group__value__lte=last
        )
        return found.filter(results__sample_ratio__flagged=True).count() / found.count()

    assert flagged("201325", "201401") > 0.60
    assert flagged("201404", "999999") < 0.01
    # Shares by window from an independent computation over the same part of the archive.
    assert round(flagged("000000", "201323"), 3) == 0.032
    assert round(flagged("201327", "201340"), 3) == 0.616
    assert round(flagged("201341", "201352"), 3) == 0.830
