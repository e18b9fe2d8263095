"""POST /campaigns/{key}/decide: the audience is found, the answer is that of /decide, bad input is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from campaigns import services
from campaigns.models import Audience, Campaign
from core.services.api_keys import issue_api_key, revoke_api_key
from experiments.models import Event, Experiment
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db


def post(client: Client, body: Any, *, key: str = "autumn", secret: str | None = None, scope: str = "decide") -> Any:
    """The response to a request with a fresh key."""
    if secret is None:
        _key, secret = issue_api_key(name="shop", scopes=[scope], created_by=None)
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return client.post(
        f"/api/v1/campaigns/{key}/decide",
        data,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )


def test_a_student_and_another_get_their_audiences(client: Client) -> None:
    shop.launched()
    student = post(client, {"unit": "u-1", "attributes": {"student": True}}).json()
    assert (student["campaign"], student["audience"], student["experiment"]) == (
        "autumn", "students", "autumn--students",
    )  # fmt: skip
    assert (student["unit"], student["in_experiment"], student["reason"]) == ("u-1", True, "assigned")
    other = post(client, {"unit": "u-1"}).json()
    assert (other["audience"], other["experiment"]) == ("everyone", "autumn--everyone")
    assert set(other["content"]) == {
        *("copy_id", "channel", "language", "label", "theme", "headline", "body", "call_to_action", "landing_url")
    }
    assert Event.objects.count() == 0


def test_the_same_unit_gets_the_same_arm_as_from_decide(client: Client) -> None:
    shop.launched()
    _key, secret = issue_api_key(name="shop", scopes=["decide"], created_by=None)
    for number in range(20):
        ours = post(client, {"unit": f"u-{number}"}, secret=secret).json()
        theirs = client.post(
            "/api/v1/decide",
            json.dumps({"experiment": "autumn--everyone", "unit": f"u-{number}"}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        ).json()
        assert {name: ours[name] for name in theirs} == theirs


def test_an_audience_changed_after_the_launch_moves_nobody(client: Client) -> None:
    shop.launched()
    Audience.objects.filter(key="students").update(rule=[])
    assert post(client, {"unit": "u-1"}).json()["audience"] == "everyone"


def test_nobody_fits(client: Client) -> None:
    _everyone, students = shop.audiences()
    shop.launched(audiences=[students])
    answer = post(client, {"unit": "u-1", "attributes": {"student": "yes"}})
    assert answer.status_code == 200
    assert answer.json() == {
        "campaign": "autumn",
        "audience": None,
        "experiment": None,
        "unit": "u-1",
        "in_experiment": False,
        "arm": None,
        "control": True,
        "reason": "no_audience",
        "content": {
            "copy_id": None, "channel": "push", "language": "en", "label": "Shown today", "theme": "",
            **shop.CONTROL, "landing_url": "",
        },
    }  # fmt: skip


def test_a_draft_shows_what_the_shop_shows_today(client: Client) -> None:
    shop.draft(people.alice())
    answer = post(client, {"unit": "u-1"}).json()
    assert (answer["reason"], answer["in_experiment"], answer["content"]["headline"]) == (
        "not_running", False, "Shop our bags",
    )  # fmt: skip


def test_a_finished_campaign_shows_the_control(client: Client) -> None:
    campaign = shop.launched()
    alice = campaign.created_by
    assert alice is not None
    services.finish_campaign(campaign, actor=alice)
    answer = post(client, {"unit": "u-1"}).json()
    assert (answer["reason"], answer["in_experiment"], answer["arm"]) == ("not_running", False, "control")


def test_an_unknown_campaign(client: Client) -> None:
    answer = post(client, {"unit": "u-1"}, key="nothing")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "There is no campaign 'nothing'."


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "unit"),
        ({"unit": ""}, "unit"),
        ({"unit": 7}, "unit"),
        ({"unit": "u" * 201}, "unit"),
        ({"unit": "a\x00b"}, "unit"),
        ({"unit": "u", "colour": 1}, "colour"),
        ({"unit": "u", "attributes": []}, "attributes"),
        ({"unit": "u", "attributes": {str(n): n for n in range(101)}}, "attributes"),
    ],
)
def test_a_body_that_cannot_be_used_names_the_field(client: Client, body: Any, field: str) -> None:
    shop.draft(people.alice())
    answer = post(client, body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("body", ["", "{", b"\xff\xfe", "[]", "null"])
def test_no_json_object(client: Client, body: str | bytes) -> None:
    shop.draft(people.alice())
    assert post(client, body).status_code in {400, 422}
    assert Experiment.objects.count() == 0


def test_keys(client: Client) -> None:
    campaign = shop.draft(people.alice())
    key, secret = issue_api_key(name="shop", scopes=["decide"], created_by=None)
    assert post(client, {"unit": "u"}, secret="").status_code == 401
    assert post(client, {"unit": "u"}, scope="events").status_code == 403
    revoke_api_key(key, actor=people.dora())
    answer = post(client, {"unit": "u"}, secret=secret)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_revoked")
    assert Campaign.objects.get().status == campaign.status
