"""Themes first, then copy under each: how many for which, kept over a second attempt, and what the writer is told."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import services
from campaigns.models import Audience, Brand, Copy, Product
from campaigns.services.generation import shares
from core.models import Job
from core.models.job import Status
from core.roles import Role
from core.services.jobs import resume_job
from models_ml.brief import Brief
from models_ml.brief import Product as BriefProduct
from tests import people
from tests.campaigns import shop
from tests.campaigns.test_outcomes import finished

BRIEF = Brief("en", "push", BriefProduct("Lamp"))


@given(st.integers(1, 50), st.integers(0, 4))
def test_all_that_is_asked_for_is_dealt_out_and_no_theme_gets_two_more_than_another(asked: int, count: int) -> None:
    themes = [f"Idea {place}" for place in range(count)]
    given_out: Counter[str | None] = Counter()
    for each, briefs in shares(BRIEF, themes, asked):
        given_out.update({brief.theme: each for brief in briefs})
    assert sum(given_out.values()) == asked
    assert set(given_out) <= {*themes, None}
    if themes:
        dealt = [given_out[theme] for theme in themes[:asked]]
        assert max(dealt) - min(dealt) <= 1


def asked_for(per_audience: int) -> Job:
    alice = people.alice()
    return services.request_generation(shop.draft(alice), per_audience=per_audience, actor=alice)


@pytest.mark.django_db
def test_copy_is_written_under_the_themes_of_the_campaign() -> None:
    job, themer = asked_for(5), shop.FakeThemer("Slow mornings", "Made to last", "For the road", "One more")
    done = shop.run(job, shop.FakeWriter(), themer)
    assert done.status == Status.SUCCEEDED
    assert themer.asked == [(["students", "everyone"], 3, 1)]
    found = Counter(Copy.objects.filter(audience__key="students").values_list("theme", flat=True))
    assert found == {"Slow mornings": 2, "Made to last": 2, "For the road": 1}
    assert "Themes: Slow mornings; Made to last; For the road" in done.log_tail


@pytest.mark.django_db
def test_a_second_attempt_writes_under_the_themes_of_the_first() -> None:
    job = asked_for(2)
    first = shop.FakeThemer("Slow mornings", "Made to last")
    assert shop.run(job, shop.FakeWriter(fail_after=2), first).status == Status.FAILED
    again, second = resume_job(job, actor=people.bob()), shop.FakeThemer("Another idea")
    done = shop.run(again, shop.FakeWriter(), second)
    assert (done.status, second.asked) == (Status.SUCCEEDED, [])
    assert set(Copy.objects.values_list("theme", flat=True)) == {"Slow mornings", "Made to last"}
    assert Copy.objects.count() == 4


@pytest.mark.django_db
def test_where_no_theme_stands_out_each_copy_brings_its_own() -> None:
    done = shop.run(asked_for(2), shop.FakeWriter(), shop.FakeThemer())
    assert done.status == Status.SUCCEEDED
    assert "No theme stood out" in done.log_tail
    assert Copy.objects.filter(theme__startswith="Idea ").count() == 4


@pytest.mark.django_db
def test_the_writer_knows_the_label_the_other_audiences_texts_and_past_winners() -> None:
    finished(shop.launched())
    Brand.objects.update(jurisdictions=["CN"])
    alice = people.member("Mia", Role.MARKETER)
    known = {"products": list(Product.objects.all()), "audiences": list(Audience.objects.all())}
    campaign = shop.draft(alice, key="winter", **known)
    writer = shop.FakeWriter()
    shop.run(services.request_generation(campaign, per_audience=2, actor=alice), writer)
    first, second = writer.contexts
    assert first.label is not None
    assert (first.label.text, first.campaign, len(first.winners)) == ("AI-generated", "winter", 1)
    assert first.taken == ()
    assert len(second.taken) == 2
