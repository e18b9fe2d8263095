"""Shared reports: who may make a link, what it opens and for whom, and that it ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import errors
from core.models import AuditEntry, User
from experiments import reports
from experiments.exporting import pdf
from experiments.models import Experiment, ReportLink
from experiments.queries.sharing import link_by_token, token_of
from experiments.services import sharing
from experiments.views import shared
from tests import people
from tests.campaigns import shop as campaign_shop
from tests.experiments import shop
from tests.experiments.test_pages import played

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_counts() -> Iterator[None]:
    """Each test begins with nothing counted."""
    cache.clear()
    yield
    cache.clear()


def link(actor: User | None = None, *, experiment: Experiment | None = None, days: int = 14) -> ReportLink:
    """A link to a running experiment's report."""
    return sharing.share_report(experiment or played(), days=days, actor=actor or people.alice())


def open_report(client: Client, one: ReportLink, **query: str) -> Any:
    """What a visitor gets."""
    return client.get(reverse("shared:report", args=[token_of(one)]), query)


# --- making and taking back -------------------------------------------------------------------------------------
def test_a_marketer_makes_a_link_on_the_result_page_and_finds_it_there(client: Client) -> None:
    experiment, alice = played(), people.alice()
    client.force_login(alice)
    answer = client.post(reverse("experiments:share", args=["welcome"]), {"days": "7"})
    assert answer.headers["Location"].endswith("/experiments/welcome/#share")
    made = ReportLink.objects.get()
    assert (made.experiment, made.created_by, made.views) == (experiment, alice, 0)
    assert timedelta(days=6, hours=23) < made.expires_at - timezone.now() <= timedelta(days=7)
    page = client.get(reverse("experiments:detail", args=["welcome"])).content.decode()
    assert f"/r/{token_of(made)}/" in page
    assert AuditEntry.objects.get(action="report.shared").data["link"] == made.pk


@pytest.mark.parametrize("days", ["0", "91", "", "soon", "-3"])
def test_other_days_than_1_to_90_are_refused_with_a_sentence(client: Client, days: str) -> None:
    played()
    client.force_login(people.alice())
    answer = client.post(reverse("experiments:share", args=["welcome"]), {"days": days}, follow=True)
    assert 'class="message error"' in answer.content.decode()
    assert not ReportLink.objects.exists()


@pytest.mark.parametrize("days", [0, 91])
def test_the_service_names_the_field_of_wrong_days(days: int) -> None:
    with pytest.raises(errors.InvalidInput, match="days"):
        link(days=days)
    assert not ReportLink.objects.exists()


def test_a_report_has_no_more_open_links_than_anybody_can_oversee() -> None:
    experiment, alice = played(), people.alice()
    links = [link(alice, experiment=experiment) for _ in range(sharing.MOST_OPEN_LINKS)]
    with pytest.raises(errors.Conflict, match="20 open links"):
        link(alice, experiment=experiment)
    assert ReportLink.objects.count() == sharing.MOST_OPEN_LINKS
    sharing.revoke_link(links[0], actor=alice)
    assert link(alice, experiment=experiment).is_usable()


@pytest.mark.parametrize("who", [people.bob, people.charlie])
def test_who_may_not_share_makes_no_link_sees_none_and_takes_none_back(client: Client, who: Any) -> None:
    made = link()
    client.force_login(who())
    assert client.post(reverse("experiments:share", args=["welcome"]), {"days": "7"}).status_code == 403
    assert client.post(reverse("experiments:revoke", args=["welcome", made.pk])).status_code == 403
    assert token_of(made) not in client.get(reverse("experiments:detail", args=["welcome"])).content.decode()
    assert (ReportLink.objects.count(), ReportLink.objects.get().revoked_at) == (1, None)


def test_a_stranger_to_the_brand_shares_nothing_of_it(client: Client) -> None:
    campaign = campaign_shop.launched()
    experiment = campaign.experiment_links.all()[0].experiment
    campaign.brand.members.add(people.dora())
    made = sharing.share_report(experiment, days=7, actor=User.objects.get(name="Dora"))
    client.force_login(people.ana())
    assert client.post(reverse("experiments:share", args=[experiment.key]), {"days": "7"}).status_code == 404
    assert client.post(reverse("experiments:revoke", args=[experiment.key, made.pk])).status_code == 404
    assert ReportLink.objects.get().revoked_at is None


def test_a_link_is_taken_back_once_and_only_from_the_page_of_its_own_report(client: Client) -> None:
    made, _other = link(), shop.running("other")
    client.force_login(people.ana())
    assert client.post(reverse("experiments:revoke", args=["other", made.pk])).status_code == 404
    for _ in range(2):
        assert client.post(reverse("experiments:revoke", args=["welcome", made.pk])).status_code == 302
    made.refresh_from_db()
    assert made.revoked_at is not None
    assert AuditEntry.objects.filter(action="report.revoked").count() == 1


# --- opening ----------------------------------------------------------------------------------------------------
def test_a_visitor_without_an_account_reads_the_verdict_and_who_shared_it(client: Client) -> None:
    made = link()
    answer = open_report(client, made)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Keep running" in page
    assert "Shared by Alice" in page
    assert "alice@shop.test" not in page
    assert [word for word in ("hx-get", "<form", "csrfmiddlewaretoken", "/settings/", "<script") if word in page] == []
    assert answer.cookies == {}


def test_a_sharer_without_a_name_is_not_named_by_the_address(client: Client) -> None:
    alice = people.alice()
    User.objects.filter(pk=alice.pk).update(name="")
    page = open_report(client, link(alice)).content.decode()
    assert "alice@shop.test" not in page
    assert "Shared by a member of the shop" in page


def test_it_is_kept_by_no_cache_no_search_engine_and_its_address_goes_nowhere(client: Client) -> None:
    made = link()
    sharing.revoke_link(link(User.objects.get(name="Alice"), experiment=made.experiment), actor=people.bob())
    for one in ReportLink.objects.all():
        answer = open_report(client, one)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Robots-Tag"].startswith("noindex")


def test_each_opening_is_counted_and_looking_without_opening_is_not(client: Client) -> None:
    made = link()
    client.head(reverse("shared:report", args=[token_of(made)]))
    assert ReportLink.objects.get().views == 0
    for _ in range(2):
        open_report(client, made)
    made.refresh_from_db()
    assert (made.views, made.viewed_at is not None) == (2, True)


def test_nothing_can_be_sent_to_it(client: Client) -> None:
    made = link()
    assert client.post(reverse("shared:report", args=[token_of(made)])).status_code == 405
    assert ReportLink.objects.get().views == 0


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh"])
def test_the_address_chooses_the_language(client: Client, language: str) -> None:
    answer = open_report(client, link(), lang=language)
    assert ("Shared by Alice" if language == "en" else "由Alice分享") in answer.content.decode()
    assert answer.headers["Content-Language"] == ("en" if language == "en" else "zh-hans")


def test_the_browser_chooses_it_where_the_address_does_not(client: Client) -> None:
    made = link()
    answer = client.get(reverse("shared:report", args=[token_of(made)]), headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh-hans">' in answer.content.decode()
    assert '<html lang="en">' in open_report(client, made, lang="tlh").content.decode()


def test_untrusted_text_is_escaped(client: Client) -> None:
    made = link()
    made.experiment.arms.filter(key="b").update(
        name="<script>alert(1)</script>", content={"headline": "<img src=x onerror=alert(2)>"}
    )
    Experiment.objects.update(name="<b>bold</b>", learned="<i>x</i>")
    page = open_report(client, made).content.decode()
    assert [word for word in ("<script>alert", "<img src=x", "<b>bold", "<i>x") if word in page] == []


def test_what_was_decided_and_learned_is_told_but_not_the_address_of_who_decided(client: Client) -> None:
    made = link()
    decision = {"action": "ship", "arm": "b", "reason": "It sells", "by": "alice@shop.test"}
    Experiment.objects.update(decision=decision, decided_at=timezone.now(), status="decided", learned="Warmth sells.")
    page = open_report(client, made).content.decode()
    assert "It sells" in page
    assert "Warmth sells." in page
    assert "alice@shop.test" not in page


def test_it_takes_few_queries(client: Client, django_assert_max_num_queries: Any) -> None:
    made = link()
    with django_assert_max_num_queries(10):
        open_report(client, made)


def test_the_arms_of_a_campaign_stand_in_the_frame_of_their_channel(client: Client) -> None:
    campaign = campaign_shop.launched()
    experiment = campaign.experiment_links.all()[0].experiment
    shop.send(shop.exposure("u-1", experiment.arms.all()[0].key, experiment.key))
    shop.fold()
    from experiments import tasks

    tasks.refresh_analyses()
    page = open_report(client, link(User.objects.get(name="Alice"), experiment=experiment)).content.decode()
    assert page.count('class="frame frame-push"') == experiment.arms.count()
    assert "Lumen" in page


# --- not opening ------------------------------------------------------------------------------------------------
def test_a_link_that_ended_or_was_taken_back_says_so_and_shows_nothing(client: Client) -> None:
    ended, revoked = link(), link(people.ana(), experiment=Experiment.objects.get())
    ReportLink.objects.filter(pk=ended.pk).update(expires_at=timezone.now())
    sharing.revoke_link(revoked, actor=people.bob())
    for one in (ended, revoked):
        answer = open_report(client, one)
        assert answer.status_code == 410
        assert "This report is no longer shared" in answer.content.decode()
        assert "The welcome test" not in answer.content.decode()
        file = client.get(reverse("shared:file", args=[token_of(one), "csv"]))
        assert (file.status_code, b"conversion" in file.content) == (410, False)
    assert set(ReportLink.objects.values_list("views", flat=True)) == {0}


def test_no_made_up_address_opens_anything(client: Client) -> None:
    made = link()
    token = token_of(made)
    other = link(people.ana(), experiment=made.experiment)
    wrong = [
        token[:-1],
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        f"{other.pk}-{token.partition('-')[2]}",
        str(made.pk),
        "-",
        "plan",
        f"{10**30}-{token.partition('-')[2]}",
        "\u0661-x",
    ]
    assert [link_by_token(one) for one in wrong] == [None] * len(wrong)
    answer = client.get(reverse("shared:report", args=[wrong[0]]))
    assert (answer.status_code, "No report here" in answer.content.decode()) == (404, True)
    assert link_by_token(token) == made


def test_a_new_secret_key_ends_every_link_and_an_old_one_kept_beside_it_ends_none(settings: Any) -> None:
    made = link()
    token, old = token_of(made), settings.SECRET_KEY
    settings.SECRET_KEY = "another-secret-key-of-some-length-for-this-test"
    assert link_by_token(token) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert link_by_token(token) == made


def test_who_asks_too_often_waits_and_others_do_not(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_A_MINUTE", 2)
    made = link()
    address = reverse("shared:report", args=[token_of(made)])
    answers = [client.get(address, REMOTE_ADDR="198.51.100.7") for _ in range(3)]
    assert [one.status_code for one in answers[:2]] == [200, 200]
    assert answers[2].status_code == 429
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert client.get(address, REMOTE_ADDR="198.51.100.8").status_code == 200
    assert ReportLink.objects.get().views == 3


# --- files ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "file"), [("csv", "welcome.csv"), ("parquet", "welcome.parquet")])
def test_the_results_come_as_a_file(client: Client, name: str, file: str) -> None:
    answer = client.get(reverse("shared:file", args=[token_of(link()), name]))
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{file}"'
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_the_details_are_the_same_in_both_formats(client: Client) -> None:
    token = token_of(link())
    text = client.get(reverse("shared:file", args=[token, "details_csv"])).content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    content = client.get(reverse("shared:file", args=[token, "details_parquet"])).content
    table = pq.read_table(io.BytesIO(content)).to_pylist()
    assert [row["kind"] for row in rows] == [row["kind"] for row in table]
    assert {row["kind"] for row in rows} == {"day", "check"}
    days = [row for row in table if row["kind"] == "day"]
    assert [(row["arm"], row["units"], row["goal"]) for row in days][-2:] == [("a", 20, 0.25), ("b", 20, 0.5)]


def test_before_the_first_shopper_there_is_a_page_and_no_file(client: Client) -> None:
    made = link(experiment=shop.running())
    assert "No shopper has been seen yet" in open_report(client, made).content.decode()
    answer = client.get(reverse("shared:file", args=[token_of(made), "csv"]))
    assert (answer.status_code, "no results yet" in answer.content.decode()) == (404, True)


def test_the_report_comes_as_pdf_in_either_language(client: Client) -> None:
    token = token_of(link())
    for language in ("en", "zh"):
        answer = client.get(reverse("shared:pdf", args=[token]), {"lang": language})
        assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_pdf_files_are_work_so_fewer_of_them_are_made(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "render_pdf", lambda _experiment: b"%PDF-")
    monkeypatch.setattr(shared, "MOST_PDF_A_MINUTE", 1)
    address = reverse("shared:pdf", args=[token_of(link())])
    assert [client.get(address).status_code for _ in range(2)] == [200, 429]


def test_without_pango_the_pages_say_how_to_print(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_html: str) -> bytes:
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr(pdf, "write", fail)
    made = link()
    answer = client.get(reverse("shared:pdf", args=[token_of(made)]))
    assert (answer.status_code, "print window" in answer.content.decode()) == (503, True)
    client.force_login(people.bob())
    answer = client.get(reverse("experiments:report_pdf", args=["welcome"]))
    assert (answer.status_code, "/experiments/welcome/report/" in answer.content.decode()) == (503, True)


def test_a_pdf_is_drawn_once_for_the_same_report_and_anew_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def draw(html: str) -> bytes:
        drawn.append(html)
        return b"%PDF-1"

    monkeypatch.setattr(pdf, "write", draw)
    experiment = played()
    assert [reports.render_pdf(experiment) for _ in range(2)] == [b"%PDF-1"] * 2
    assert len(drawn) == 1
    experiment.learned = "Warmth sells."
    reports.render_pdf(experiment)
    assert len(drawn) == 2


def test_a_member_gets_the_pdf_too(client: Client) -> None:
    played()
    client.force_login(people.bob())
    answer = client.get(reverse("experiments:report_pdf", args=["welcome"]))
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="welcome.pdf"'


def test_pictures_get_the_colours_of_the_light_mode() -> None:
    html = (
        "<style>:root { --good: #0a0; --ink: black; } p { color: var(--good) }</style><svg fill='var(--good)'/></svg>"
    )
    assert "<svg fill='#0a0'/>" in pdf.with_colours(html)
    assert "color: var(--good)" in pdf.with_colours(html)
    assert "currentColor" in pdf.with_colours("<svg fill='var(--nothing)'></svg>")


def test_a_pdf_fetches_nothing_whatever_the_document_names(tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("body { content: 'x' }")
    made = pdf.write(f"<link rel=stylesheet href='file://{secret}'><img src='http://127.0.0.1:9/x.png'><p>Text</p>")
    assert made.startswith(b"%PDF-")


def test_the_moments_are_not_handed_to_strangers(client: Client) -> None:
    token = token_of(link())
    assert client.get(f"/r/{token}/json/").status_code == 404
    assert client.get(f"/r/{token}/notebook/").status_code == 404
