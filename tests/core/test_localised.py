"""What was stored in English is read in the reader's language; what nobody knows is shown as it was stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from core import errors
from core.jobs import JobContext, run_job
from core.localised import localised
from core.models import Job
from core.services.jobs import create_job
from tests import people


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("themes", "主题"),
        ("Write copy for Linen week", "为“Linen week”撰写文案"),
        ("Write copy for Train me of 3", "为“Train me of 3”撰写文案"),
        ("step 20 of 300, loss 1.250", "第 20/300 步，损失 1.250"),
        ("step 20 of 300, loss 1.250, about 3 min left", "第 20/300 步，损失 1.250，约剩 3 min"),
        ("brief: must not be empty.", "brief: 不能为空。"),
        (
            "The campaign “ready” is running, so no copy can be added.",
            "活动“ready”目前为进行中，因此不能再添加文案。",
        ),
        (
            "At least one new E-mail text sells more to Home lovers than what is shown today.",
            "至少有一条新的电子邮件文案，对“Home lovers”的销售效果好于目前展示的内容。",
        ),
        ("9 approved, 0 rejected, 2 still waiting.", "9 条通过，0 条驳回，2 条仍在等待。"),
        (
            "No winner: after 5,000 shoppers no arm is clearly better on conversion rate.",
            "没有胜者：5,000 位顾客之后，没有版本在转化率上明显更好。",
        ),
        ("A sentence of nobody", "A sentence of nobody"),
        ("", ""),
    ],
)
def test_english_that_was_stored_is_read_in_chinese(stored: str, shown: str) -> None:
    with translation.override("zh-hans"):
        assert localised(stored) == shown


def test_an_english_reader_gets_it_untouched() -> None:
    with translation.override("en"):
        assert localised("Write copy for Linen week") == "Write copy for Linen week"


@pytest.mark.django_db
def test_each_member_reads_a_job_in_their_own_language(client: Client) -> None:
    alice = people.alice()
    job = create_job(task_name="test", queue="default", title="Train Winter 2", created_by=alice)
    Job.objects.filter(pk=job.pk).update(stage="train", message="writing the model")
    client.force_login(alice)
    english, chinese = (page(client, job, language) for language in ("en", "zh-hans"))
    assert "<h1>Train Winter 2</h1>" in english
    assert "writing the model" in english
    assert "<h1>训练“Winter 2”</h1>" in chinese
    assert "正在写入模型" in chinese


@pytest.mark.django_db(transaction=True)
def test_a_job_asked_for_in_chinese_is_stored_once_in_english() -> None:
    def refuse(_context: JobContext) -> dict[str, Any]:
        raise errors.Conflict(_("A scorer is being trained already."))

    job = create_job(task_name="test", queue="default", title="Train a scorer on past tests")
    with translation.override("zh-hans"):
        run_job(str(job.pk), refuse)
        job.refresh_from_db()
        assert job.error == {"code": "conflict", "message": "A scorer is being trained already."}
        assert localised(job.error["message"]) == "已经在训练一个评分模型了。"


def page(client: Client, job: Job, language: str) -> str:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    with translation.override(None):  # the middleware leaves the language of the page behind
        return client.get(reverse("core:job", args=[job.pk])).content.decode()
