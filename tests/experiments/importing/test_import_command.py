"""The command: what it stores and prints, what it refuses with exit code 2, and that then nothing is written."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from core import audit
from experiments import services
from experiments.importing.storing import store
from experiments.management.commands import import_experiment
from experiments.models import Analysis, Arm, ArmMoments, Experiment
from experiments.stats.moments import Moments
from tests import people
from tests.experiments.importing.files import UNITS, imported, written
from tests.experiments.shop import draft

pytestmark = pytest.mark.django_db

MANY = "test,week,headline,seen,clicks\n" + "".join(
    f"t{test},w{test % 2},Headline {arm},{1000 + (300 if test == 3 and arm else 0)},{20 + arm}\n"
    for test in range(6)
    for arm in range(2)
)


def run(path: Path, *arguments: str, **options: Any) -> str:
    """Run the command; answers what it printed."""
    out = StringIO()
    call_command("import_experiment", str(path), *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def units(folder: Path, content: str | bytes = UNITS, *arguments: str, name: str = "Past Test.csv") -> str:
    """Import a unit-level file."""
    return run(written(folder, content, name), "--arm=arm", "--metric=conversion=converted", *arguments)


def test_an_experiment_is_stored_whole(tmp_path: Path, client: Client) -> None:
    text = units(tmp_path, UNITS, "--metric=revenue=revenue:money", "--unit=unit", "--control=b", "--currency=EUR")
    experiment = Experiment.objects.get(key="past-test")
    assert (experiment.source, experiment.status, experiment.goal_metric) == ("imported", "stopped", "conversion")
    assert (experiment.name, experiment.currency) == ("Past Test", "EUR")
    assert list(experiment.arms.values_list("key", "is_control", "weight")) == [("b", True, 0.5), ("a", False, 0.5)]
    stored = ArmMoments.objects.get(arm__experiment=experiment, arm__key="b").value()
    assert stored == Moments.from_rows(("conversion", "revenue"), [[1.0, 7.0], [1.0, 3.0]])
    assert experiment.origin is not None
    assert (experiment.origin["file"], experiment.origin["rows"]) == ("Past Test.csv", 4)
    assert experiment.origin["columns"] == {
        "--arm": "arm", "--unit": "unit", "--metric conversion": "converted", "--metric revenue": "revenue",
    }  # fmt: skip
    assert [entry.action for entry in audit.history(experiment)] == ["experiment.imported"]
    assert "/experiments/past-test/" in text
    analysis = Analysis.objects.get(experiment=experiment)
    assert analysis.is_final
    assert analysis.chart_svg.startswith("<svg")
    client.force_login(people.ana())
    page = client.get(reverse("experiments:detail", args=["past-test"]))
    assert page.status_code == 200
    assert "Conversion" in page.content.decode()


def test_analysing_what_is_stored_finds_the_stored_analysis(tmp_path: Path) -> None:
    """The import's own analysis is the one that the service makes of the same rows."""
    units(tmp_path, UNITS, "--metric=aov=revenue:ratio:converted")
    experiment = Experiment.objects.get(key="past-test")
    stored = Analysis.objects.get(experiment=experiment)
    assert services.analyse(experiment) == stored
    Analysis.objects.all().delete()
    again = services.analyse(experiment)
    assert (again.inputs_hash, again.results) == (stored.inputs_hash, stored.results)
    again.refresh_from_db()
    assert again.settings == stored.settings


def test_a_dry_run_says_what_it_understood_and_writes_nothing(tmp_path: Path) -> None:
    text = units(tmp_path, "\ufeff" + UNITS.replace(",", ";") + "u5;;1;2\n", "--dry-run")
    assert "format CSV, delimiter semicolon, packing none" in text
    assert "5 rows, 4 columns" in text
    assert "not used                 unit, revenue" in text
    assert "metric conversion: proportion, shown as share, the goal" in text
    assert "arm='a', converted='1'" in text
    assert "1 of 5 rows refused:" in text
    assert "1  arm is empty (row 6, column arm: '')" in text
    assert "b: 2 of 2 = 100.00000%; difference +50.000 points" in text
    assert "Dry run: nothing was written." in text
    assert not Experiment.objects.exists()


def test_many_experiments_are_summed_up(tmp_path: Path) -> None:
    text = run(
        written(tmp_path, MANY, "many.csv"), "--experiment=test", "--label=headline", "--count=seen",
        "--metric=ctr=clicks", "--group-report=week",
    )  # fmt: skip
    assert Experiment.objects.count() == 6
    assert list(Arm.objects.filter(experiment__key="many-t0").values_list("key", "name", "is_control")) == [
        ("arm-1", "Headline 0", True), ("arm-2", "Headline 1", False),
    ]  # fmt: skip
    assert "6 experiments, 12 arms, 12,300 units" in text
    assert "sample ratio flagged (p < 0.001): 1 experiments, 16.7% (many-t3)" in text
    assert "w0                    0 of      3    0.0%" in text
    assert "w1                    1 of      3   33.3%" in text
    assert Analysis.objects.get(experiment__key="many-t3").verdict == "invalid"


def test_uncleaned_stands_beside_cleaned(tmp_path: Path) -> None:
    content = UNITS + "u5,a,1,x\n" + "u1,a,1,1\n"
    text = units(tmp_path, content, "--unit=unit", "--uncleaned", "--key=both")
    assert sorted(Experiment.objects.values_list("key", flat=True)) == ["both", "both-uncleaned"]
    assert "the unit is in another row of its arm (the first is used) (row 7)" in text
    assert ArmMoments.objects.get(arm__experiment__key="both-uncleaned", arm__key="a").n == 4


def test_an_import_is_repeated_only_on_purpose(tmp_path: Path) -> None:
    units(tmp_path)
    first = Experiment.objects.get()
    with pytest.raises(CommandError, match="'past-test' is imported already") as caught:
        units(tmp_path, UNITS.replace("u2,a,0", "u2,a,1"))
    assert caught.value.returncode == 2
    assert ArmMoments.objects.get(arm__key="a").value().mean("conversion") == 0.5
    units(tmp_path, UNITS.replace("u2,a,0", "u2,a,1"), "--replace")
    assert Experiment.objects.get().pk != first.pk
    assert ArmMoments.objects.get(arm__key="a").value().mean("conversion") == 1.0


def test_a_live_experiment_is_never_replaced(tmp_path: Path) -> None:
    draft("past-test")
    with pytest.raises(CommandError, match="'past-test' is a live experiment"):
        units(tmp_path, UNITS, "--replace")
    assert not ArmMoments.objects.filter(arm__experiment__source="imported").exists()
    assert Experiment.objects.get().source == "live"


def test_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble at the very last write takes everything back."""
    found = imported(tmp_path, MANY, "ctr=clicks", arm="headline", count="seen", experiment="test")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("experiments.importing.storing.audit.record", broken)
    with pytest.raises(RuntimeError):
        store(found, actor="test")
    assert not Experiment.objects.exists()
    assert not Arm.objects.exists()
    assert not Analysis.objects.exists()


def test_a_mapping_file_says_the_same(tmp_path: Path) -> None:
    mapping = written(tmp_path, 'arm = "arm"\nkey = "mapped"\n[metrics]\nconversion = "converted"\n', "map.toml")
    run(written(tmp_path, UNITS), f"--mapping={mapping}", "--name=From a mapping")
    experiment = Experiment.objects.get()
    assert (experiment.key, experiment.name) == ("mapped", "From a mapping")


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (b"", (), "is empty. Nothing was written."),
        ("unit,arm,converted\n", (), "has a header and no rows"),
        ("arm,conversions\na,1\n", (), "no column 'converted'; did you mean 'conversions'"),
        (UNITS.replace(",b,", ",a,"), (), "it has only one arm"),
        (UNITS.replace("unit", "arm"), (), "columns 1 and 2 are both named 'arm'"),
        (UNITS.encode("latin-1").replace(b"u2", b"\xfc2"), (), "row 3, column unit: these bytes are not UTF-8"),
        (b"\x1f\x8b\x08\x00broken", (), "begins as gzip but is cut off or damaged"),
        (b"PAR1 and no more", (), "damaged or cut off Parquet"),
        (UNITS, ("--metric=x",), "metric: 'x' is not NAME=COLUMN"),
        (UNITS, ("--control=c",), "no arm is named 'c'"),
        (UNITS, ("--goal=revenue",), "goal: 'revenue' is not one of conversion"),
        (UNITS, ("--key=Ünfit Key",), "is not a key of small letters"),
        (UNITS, ("--require=arm",), "require: 'arm' is not COLUMN=VALUE:COLUMN=VALUE"),
        (UNITS, ("--delimiter=;;",), "delimiter: must be one character"),
        (UNITS, ("--mapping=/nowhere.json",), "mapping: /nowhere.json cannot be read"),
        (UNITS, ("--name=\udcff",), "name: has letters that cannot be stored"),
        (UNITS.replace("u1,a", "u1,a\0"), (), "not a text file (it has NUL characters)"),
        (UNITS.replace(",a,", ",a\0,"), ("--delimiter=,",), "it has only one arm"),
    ],
)
def test_bad_input_is_exit_code_2_and_writes_nothing(
    tmp_path: Path, content: str | bytes, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError) as caught:
        units(tmp_path, content, *arguments)
    assert words in str(caught.value)
    assert caught.value.returncode == 2
    assert not Experiment.objects.exists()
    assert not Arm.objects.exists()


def test_a_stop_by_hand_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(import_experiment, "read", stopped)
    with pytest.raises(CommandError, match="Stopped") as caught:
        units(tmp_path)
    assert caught.value.returncode == 130


def test_figures_that_cannot_be_tested_are_told(tmp_path: Path) -> None:
    text = units(tmp_path, "arm,converted,money\na,1,5\nb,1,5\nb,1,5\n", "--metric=money=money:money")
    assert "no test (too_few_units)" in text
