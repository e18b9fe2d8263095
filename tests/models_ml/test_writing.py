"""What writes for the tables: server or local model, its costs kept once, and a failure that fails one job only."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from campaigns import services as campaigns
from campaigns.models import Copy
from core import errors
from core.jobs import run_job
from core.models import Job
from models_ml.brief import Brief, Candidate, Offer, Product
from models_ml.drafting import Context
from models_ml.examples import Winner
from models_ml.jobs import writing
from models_ml.labelling import AiLabel
from models_ml.models import ModelVersion, ProviderCall
from tests import people
from tests.campaigns import shop
from tests.models_ml.providers.stage import Scene, Stage, brief, copy_for, good, lines, playing, refuse

pytestmark = pytest.mark.django_db

KEY = "sk-not-to-be-seen"


@pytest.fixture(autouse=True)
def _no_client_is_kept() -> Iterator[None]:
    writing._client.cache_clear()
    yield
    writing._client.cache_clear()


def use(settings: Any, stage: Stage, **changes: Any) -> None:
    """Let the stage write."""
    values = {
        "URL": stage.url, "MODEL": "org/writer-1", "KEY": KEY, "TIMEOUT": 5, "PRICE_IN": Decimal(2),
        "PRICE_OUT": Decimal(8), "CURRENCY": "EUR",
    }  # fmt: skip
    for name, value in (values | changes).items():
        setattr(settings, f"COPYLIFT_PROVIDER_{name}", value)


def write(count: int = 2, **options: Any) -> list[dict[str, Any]]:
    return writing.generate_candidates(
        [brief()], per_brief=count, seed=3, should_stop=lambda: False, on_batch=lambda _new: None, **options
    )


def test_a_server_writes_and_its_version_and_costs_are_kept(settings: Any) -> None:
    with playing([good(prompt=1000, completion=500)]) as stage:
        use(settings, stage)
        found = write(2)
    version = ModelVersion.objects.get()
    assert (version.name, version.location, version.stage) == ("writer-1", f"{stage.url}#org/writer-1", "candidate")
    # Both calls are under way at once: which of them meets the server first is not ours to say.
    assert sorted(one["headline"] for one in found) == ["{product} and amber days", "{product} and birch days"]
    provenance = found[0]["provenance"]
    assert (provenance["provider"], provenance["model_version"]) == ("openai_compatible", version.pk)
    assert (provenance["usage"]["cost"], provenance["usage"]["attempts"]) == ("0.006", 1)
    calls = list(ProviderCall.objects.order_by("id"))
    assert [(call.prompt_tokens, call.completion_tokens, call.cost, call.currency) for call in calls] == [
        (1000, 500, Decimal("0.006"), "EUR")
    ] * 2
    assert [(call.purpose, call.outcome, call.model) for call in calls] == [("copy", "written", "org/writer-1")] * 2
    assert KEY not in str(found)


def test_a_retried_call_is_one_row_with_its_attempts(settings: Any) -> None:
    cut = [f'data: {{"choices": [{{"delta": {{"content": "{word}"}}}}]}}\n\n' for word in ("a", "b")]
    with playing([lines(*cut), good(prompt=10, completion=20)]) as stage:
        use(settings, stage)
        write(1)
    call = ProviderCall.objects.get()
    assert (call.attempts, call.completion_tokens, call.outcome) == (2, 22, "written")


@pytest.mark.parametrize(
    ("scene", "sentence"),
    [(refuse(401), "refused the key"), (refuse(307, Location="http://127.0.0.1:1/"), "which is not followed")],
)
def test_a_provider_that_gives_up_is_a_sentence_and_is_counted(settings: Any, scene: Scene, sentence: str) -> None:
    with playing([scene]) as stage:
        use(settings, stage)
        with pytest.raises(errors.Unavailable) as problem:
            write(1)
    assert problem.value.code == "provider_failed"
    assert problem.value.message.startswith("The provider stopped writing: 127.0.0.1:")
    assert sentence in problem.value.message
    assert KEY not in problem.value.message
    assert ProviderCall.objects.get().outcome == "failed"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"URL": "gopher://x"}, "URL must begin with http:// or https://"),
        ({"MODEL": ""}, "the provider's model must be named"),
        ({"URL": "https://me:secret@x/v1"}, "must not hold a user name or password"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence(settings: Any, changes: dict[str, str], sentence: str) -> None:
    use(settings, Stage(url="http://127.0.0.1:1/v1"), **changes)
    with pytest.raises(errors.Unavailable, match="provider") as problem:
        write(1)
    assert problem.value.code == "provider_set_up"
    assert sentence in problem.value.message
    assert "secret" not in problem.value.message
    assert not ModelVersion.objects.exists()


def test_a_failing_provider_fails_its_job_and_the_next_one_runs(settings: Any) -> None:
    alice = people.alice()
    campaign = shop.draft(alice)
    first = campaigns.request_generation(campaign, per_audience=1, actor=alice)

    def work(job: Job) -> Job:
        run_job(str(job.pk), lambda context: campaigns.write_copy(context, writer=writing.generate_candidates))
        campaigns.settle_campaign(campaign)
        return Job.objects.get(pk=job.pk)

    def answer(handler: Any, asked: Any) -> None:
        numbers = {str(one.body["messages"]): None for one in handler.stage.asked}
        good(copy_for(list(numbers).index(str(asked.body["messages"]))))(handler, asked)

    with playing([refuse(403)]) as stage:
        use(settings, stage)
        failed = work(first)
    told = failed.error or {}
    assert (failed.status, told["code"]) == ("failed", "provider_failed")
    assert "refused the key (status 403)" in told["message"]
    assert not Copy.objects.filter(candidate_index__isnull=False).exists()
    campaign.refresh_from_db()
    second = campaigns.request_generation(campaign, per_audience=1, actor=alice)
    with playing([answer]) as stage:
        use(settings, stage)
        done = work(second)
    assert done.status == "succeeded", done.error
    assert Copy.objects.filter(job=done, candidate_index__isnull=False).count() == 2


def test_a_campaigns_context_reaches_the_prompt_and_the_judging(settings: Any) -> None:
    past = Brief("en", "push", Product("Linen Tote", "bags"), offer=Offer("percent", "10%"))
    copy = Candidate("Calm", "{product} again", "Now {discount} off.", "Look")
    winners = [Winner("w1", "old", past, copy, 0.2, 0.99), Winner("w2", "mine", past, copy, 0.2, 0.99)]
    taken = [{"headline": "{product} and amber days", "body": "x", "call_to_action": "y"}]
    label = AiLabel("AI-generated", "body", {}, ())
    with playing([good()]) as stage:
        use(settings, stage)
        context = Context(campaign="mine", winners=winners, taken=taken, label=label)
        (found,) = write(1, context=context)
    assert found["provenance"]["examples"] == ["w1"]  # never the campaign's own
    assert stage.asked[0].body["messages"][2] == {"role": "assistant", "content": winners[0].answer()}


def test_themes_are_written_and_counted_apart(settings: Any) -> None:
    ideas = ["Slow mornings", "Made with care", "Always ready"]

    def theme(handler: Any, asked: Any) -> None:
        good(f"theme: {ideas[asked.body['seed'] % 3]}\nheadline: cut")(handler, asked)

    with playing([theme]) as stage:
        use(settings, stage)
        found = writing.write_themes([brief()], count=2, seed=1, should_stop=lambda: False)
    assert len({one["text"] for one in found}) == 2
    assert {one["text"] for one in found} <= set(ideas)
    assert found[0]["audiences"] == ["everyone"]
    assert found[0]["provenance"]["provider"] == "openai_compatible"
    assert {call.purpose for call in ProviderCall.objects.all()} == {"theme"}
    assert ProviderCall.objects.count() == 12


def test_a_local_model_writes_no_rows_of_cost(settings: Any) -> None:
    settings.COPYLIFT_PROVIDER_URL = ""
    (found,) = write(1)
    assert found["provenance"]["provider"] == "local"
    assert "usage" not in found["provenance"]
    assert not ProviderCall.objects.exists()
