"""What stands around a result: over time, the plan and what came, how it ran, words of statistics, history in words."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from core import audit
from core.models import User
from experiments import charts, circumstances, reports, services, tasks, terms
from experiments.models import Experiment
from experiments.sentences import words_of
from tests import people
from tests.experiments import shop
from tests.experiments.test_designs_live import visit
from tests.experiments.test_pages import page, played

pytestmark = pytest.mark.django_db
PLAN = {"days": 14, "daily_units": 100.0, "share": 0.5, "arms": 2, "baseline": 0.1, "lift": 0.08}


def looked_at() -> Experiment:
    """A running experiment with two looks behind it."""
    experiment = shop.running(planned_units=400, planned_looks=4, plan=PLAN)
    for numbers in (range(130), range(130, 230)):
        visit(numbers, buy={"a": 5, "b": 4})
        tasks.refresh_analyses()
    return experiment


def rows_of(experiment: Experiment) -> dict[str, tuple[str, str]]:
    found = reports.context(Experiment.objects.get(pk=experiment.pk))["plan"]
    return {row["name"]: (row["planned"], row["actual"]) for row in found}


# --- order and time ---------------------------------------------------------------------------------------------
def test_the_goal_comes_right_after_the_verdict_and_then_how_it_went(client: Client) -> None:
    looked_at()
    client.force_login(people.ana())
    text = page(client, "detail", "welcome")
    places = [
        text.index(word)
        for word in ('id="metric-conversion"', "Over time", "All metrics at a glance", 'id="metric-ctr"')
    ]
    assert places == sorted(places)
    assert text.count('<figure class="look"') == 1
    assert "130" in text[text.index("looks-table") :]


def test_the_page_with_all_of_it_still_takes_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    looked_at()
    client.force_login(people.alice())
    with django_assert_max_num_queries(15):
        page(client, "detail", "welcome")


def test_nothing_new_is_not_swapped_in(client: Client) -> None:
    looked_at()
    client.force_login(people.ana())
    address = reverse("experiments:detail", args=["welcome"])
    seen = client.get(address).context["seen"]
    same = client.get(address, {"seen": seen}, headers={"HX-Request": "true"})
    assert (same.status_code, same.content) == (204, b"")
    visit(range(230, 320), buy={"a": 5, "b": 4})
    tasks.refresh_analyses()
    new = client.get(address, {"seen": seen}, headers={"HX-Request": "true"})
    assert (new.status_code, 'id="result"' in new.content.decode()) == (200, True)


# --- the plan and what came -------------------------------------------------------------------------------------
def test_the_plan_stands_beside_what_came() -> None:
    found = rows_of(looked_at())
    assert found["Shoppers"] == ("400", "230")
    assert found["Time"] == ("14 days", "under an hour")
    assert found["Shoppers a day"] == ("50", "230")
    assert found["Arms"] == ("2", "2")
    assert found["Value of the control"][0] == "10.00 %"
    assert found["Lift of the best arm"][0] == "+8.0 %"


def test_without_a_plan_it_says_so_and_an_import_has_none() -> None:
    experiment = shop.running("open")
    assert rows_of(experiment) == {"Shoppers": ("no plan", "0"), "Time": ("no plan", "under an hour")}
    experiment.source = "imported"
    assert circumstances.against_plan(experiment, None, []) == []
    assert circumstances.around(experiment, []) == {}


def test_a_plan_of_unknown_shape_breaks_nothing() -> None:
    experiment = shop.running(plan={"days": "soon", "daily_units": None, "arms": [1], "lift": "x", "baseline": {}})
    assert set(rows_of(experiment)) == {"Shoppers", "Time"}


# --- how it ran -------------------------------------------------------------------------------------------------
def test_phases_holdouts_and_arms_taken_out_are_listed(client: Client) -> None:
    experiment = shop.running("welcome", "b", "c", planned_units=400)
    services.create_holdout(key="always", name="The quiet tenth", share=0.1, is_global=True, actor="test")
    services.drop_arm(experiment, arm="c", actor="test", reason="A typo")
    again = services.start_phase(Experiment.objects.get(pk=experiment.pk), actor="test", reason="<b>Anew</b>")
    visit(range(60), buy={"a": 5, "b": 4})
    tasks.refresh_analyses()
    client.force_login(people.ana())
    text = " ".join(page(client, "detail", again.key).split())
    assert "The quiet tenth: 10.0 % of all shoppers" in text
    assert "Phase 1 from" in text
    assert "&lt;b&gt;Anew" in text
    assert text.index("Arms taken out") < text.index("Phases")


def test_an_ordinary_test_has_no_such_card(client: Client) -> None:
    looked_at()
    client.force_login(people.ana())
    assert "How the test ran" not in page(client, "detail", "welcome")


# --- words ------------------------------------------------------------------------------------------------------
def test_every_question_mark_opens_a_term_that_is_on_the_page(client: Client) -> None:
    looked_at()
    client.force_login(people.ana())
    text = page(client, "detail", "welcome")
    asked = {part.split('"')[0] for part in text.split('popovertarget="')[1:]}
    assert {"term-lift", "term-chance", "term-boundary"} <= asked
    assert [one for one in asked if f'id="{one}"' not in text] == []


def test_a_file_says_the_words_at_its_end_and_has_no_buttons(client: Client) -> None:
    looked_at()
    client.force_login(people.ana())
    text = page(client, "report", "welcome")
    assert "popovertarget" not in text
    assert [str(one.name) for one in terms.TERMS if str(one.name) not in text] == []


def test_each_method_that_was_used_is_explained() -> None:
    results = reports.context(looked_at())["results"]
    assert {one["method"] for one in terms.methods(results)} <= set(terms.METHODS)


def test_the_picture_speaks_the_readers_language() -> None:
    axis = f'<text role="x" aria-label="In English">{charts.AXIS}</text>'
    svg = f'<svg a="b">{axis}<text>Satisfaction</text><text>Satisfaction &amp; more</text></svg>'
    said = charts.in_words(svg, {charts.AXIS: "变化", "Satisfaction": "满意度"})
    words = "<text>变化</text><text>满意度</text><text>Satisfaction &amp; more</text>"
    assert said == f'<svg aria-hidden="true" a="b">{words}</svg>'


def test_a_chinese_reader_finds_no_english_label_in_the_picture(client: Client) -> None:
    played()
    ana = people.ana()
    User.objects.filter(pk=ana.pk).update(language="zh-hans")
    client.force_login(ana)
    text = page(client, "detail", "welcome")
    assert ">Conversion rate</text>" not in text
    assert f">{charts.AXIS}</text>" not in text


def test_the_control_of_a_campaign_is_named_in_the_readers_language() -> None:
    experiment = looked_at()
    experiment.arms.filter(key="a").update(name="Shown today")
    services.analyse(experiment)
    analysis = experiment.analyses.first()
    assert analysis is not None
    analysis.results["arms"][0]["name"] = "Shown today"
    analysis.save()
    with translation.override("zh-hans"):
        told = reports.context(Experiment.objects.get(pk=experiment.pk))
    assert "Shown today" not in str(told["results"]["arms"])
    assert told["arms"][0].name != "Shown today"
    assert told["arms"][1].name == "B"


# --- history ----------------------------------------------------------------------------------------------------
def test_the_history_is_told_in_words(client: Client) -> None:
    experiment = shop.running("welcome", "b", "c")
    services.drop_arm(experiment, arm="c", actor="test")
    stopped = services.stop_experiment(Experiment.objects.get(pk=experiment.pk), actor=people.alice())
    services.decide_experiment(stopped, action="ship", arm="b", actor="test")
    client.force_login(people.ana())
    text = page(client, "detail", "welcome")
    for words in (
        "made the experiment",
        "started it",
        "took C out of the test",
        "stopped it for good",
        "decided to ship B",
    ):
        assert words in text
    assert "experiment.stop" not in text


def test_every_action_has_its_words() -> None:
    experiment = shop.running("welcome", "b", coverage=0.5)
    services.raise_coverage(experiment, to=0.8, actor="test")
    services.start_phase(Experiment.objects.get(pk=experiment.pk), actor="test")
    for code, arm in (("ship", "b"), ("keep", "a"), ("roll_back", "a"), ("cannot_tell", None), ("invalid", None)):
        audit.record("experiment.verdict", experiment, actor=None, verdict=code, arm=arm, phase=1)
    told = [words_of(entry, {"a": "A", "b": "B"}) for entry in audit.history(experiment)]
    assert "raised the share of shoppers from 50 % to 80 %" in told
    assert "began phase 2; its figures begin anew" in told
    assert "found a verdict: ship B" in told
    assert [one for one in told if one.startswith("experiment.")] == []


def test_an_entry_of_another_version_is_shown_by_its_code() -> None:
    experiment = shop.running()
    for action in ("experiment.danced", "experiment.verdict", "experiment.drop_arm"):
        entry = audit.record(action, experiment, actor=None, verdict="new")
        assert words_of(entry, {}) == action


def test_the_platform_is_named_in_the_readers_language() -> None:
    experiment = shop.running()
    audit.record("experiment.sample_ratio", experiment, actor=None)
    with translation.override("zh-hans"):
        assert reports.history(experiment)[0].who != "platform"


# --- money ------------------------------------------------------------------------------------------------------
def test_the_profit_of_an_arm_is_that_of_a_shopper_times_its_shoppers() -> None:
    entry = {"arm": "b", "profit": {"estimate": 0.5, "lower": -0.1, "upper": None}}
    whole = reports.table(
        {
            "arms": [{"key": "b", "name": "B", "units": 200}],
            "metrics": [],
            "roi": [entry],
            "sample_ratio": {"arms": []},
        }
    )["roi"][0]
    assert whole["whole"] == {"estimate": 100.0, "lower": -20.0, "upper": None}
