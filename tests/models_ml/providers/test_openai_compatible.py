"""A server that misbehaves: retried where that is safe, no candidate twice, its use told once, stopped at once."""

from __future__ import annotations

import json
import logging
import random
import time
from decimal import Decimal
from typing import Any

import pytest

from models_ml.brief import Candidate, parse
from models_ml.drafting import RawCandidate, Wishes, draft
from models_ml.pacing import Pace
from models_ml.providers.openai_compatible import OpenAICompatible, ServerSettings
from models_ml.providers.protocol import Draft, Draw, ProviderError, Usage, WriteRequest
from models_ml.providers.retrying import Backoff
from models_ml.sampling import Sampling
from tests.models_ml.providers.stage import (
    Asked,
    Handler,
    Scene,
    Stage,
    brief,
    copy_for,
    good,
    lines,
    piece,
    pieces,
    playing,
    refuse,
    silent,
)

KEY = "sk-very-secret-0123456789"
CUT_SHORT = [f"data: {json.dumps(piece(part))}\n\n" for part in ("theme: Go", "\nhead", "line:")]


class Clock:
    """Sleeps that take no time and are remembered."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Played:
    """A provider on a stage, what it told, and how long it slept."""

    def __init__(self, stage: Stage, **settings: Any) -> None:
        numbers = iter(range(1000))
        self.stage, self.clock, self.used = stage, Clock(), list[Usage]()
        values: dict[str, Any] = {
            "key": KEY, "timeout": 5.0, "price_in": Decimal(2), "price_out": Decimal(8), "currency": "EUR",
        }  # fmt: skip
        self.provider = OpenAICompatible(
            ServerSettings(stage.url, "writer-1", **(values | settings)),
            sleep=self.clock.sleep,
            uniform=random.Random(7).uniform,
            fresh=lambda: str(next(numbers)),
        )

    def write(self, draws: int = 1, **changes: Any) -> list[Draft]:
        request = WriteRequest(
            [Draw(brief(), 1000 + number, number) for number in range(draws)],
            Sampling(max_new_tokens=99),
            record=self.used.append,
            **changes,
        )
        return [one for group in self.provider.write(request) for one in group]


def test_an_answer_is_streamed_and_what_it_used_is_told_once() -> None:
    with playing([good(prompt=250, completion=50)]) as stage:
        played = Played(stage)
        (found,) = played.write()
    assert found.text == copy_for(0)
    (asked,) = stage.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body["model"] == "writer-1"
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert (asked.body["stream"], asked.body["seed"], asked.body["max_tokens"]) == (True, 1000, 99)
    assert (asked.body["temperature"], asked.body["top_p"]) == (0.8, 0.9)
    assert played.used == [found.usage]
    usage = found.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.attempts, usage.outcome) == (250, 50, 1, "written")
    assert (usage.cost, usage.currency) == (Decimal("0.0009"), "EUR")  # (250 * 2 + 50 * 8) / 1,000,000
    assert usage.key == f"{stage.keys()[0]}/0"
    assert 0 < usage.seconds < 5


def test_without_prices_no_cost_is_made_up() -> None:
    with playing([good()]) as stage:
        played = Played(stage, price_in=None, price_out=None)
        played.write()
    assert (played.used[0].cost, played.used[0].currency) == (None, "")


PASSING: dict[str, Scene] = {
    "status 429": refuse(429, Retry_After="7"),
    "status 500": refuse(500, "<html>oops</html>"),
    "status 503": refuse(503),
    "no JSON": lines("data: {not json\n\n"),
    "an array": lines("data: [1]\n\n"),
    "a page": lines("<html>hello</html>", kind="text/html"),
    "an empty object": lines("{}", kind="application/json"),
    "an error in the stream": lines('data: {"error": "CUDA out of memory"}\n\n'),
    "a stream that ends too soon": lines(*CUT_SHORT),
    "a connection dropped in the middle": lines(*CUT_SHORT, dropped=True),
    "a connection dropped at once": lambda handler, _asked: handler.drop(),
    "an empty stream": lines(),
}


@pytest.mark.parametrize("scene", PASSING.values(), ids=list(PASSING))
def test_a_failure_that_may_pass_is_asked_again_and_brings_one_text(scene: Scene) -> None:
    with playing([scene, good()]) as stage:
        played = Played(stage)
        found = played.write()
    assert [one.text for one in found] == [copy_for(0)]
    assert len(stage.asked) == 2
    assert len(set(stage.keys())) == 1  # both attempts bear the same idempotency key
    assert stage.asked[0].body == stage.asked[1].body
    assert [(usage.attempts, usage.outcome) for usage in played.used] == [(2, "written")]
    assert len(played.clock.slept) == 1


@pytest.mark.parametrize("dropped", [True, False])
def test_the_tokens_of_a_broken_stream_are_counted_as_far_as_they_came(dropped: bool) -> None:
    with playing([lines(*CUT_SHORT, dropped=dropped), good(prompt=100, completion=40)]) as stage:
        played = Played(stage)
        played.write()
    (usage,) = played.used
    assert (usage.prompt_tokens, usage.completion_tokens) == (100, 3 + 40)
    assert usage.cost == Decimal(100 * 2 + 43 * 8) / 1_000_000


def test_the_waits_are_bounded_jittered_and_seeded() -> None:
    with playing([refuse(500)]) as stage:
        played = Played(stage, backoff=Backoff(attempts=5, base=1.0, cap=3.0))
        with pytest.raises(ProviderError, match=r"127\.0\.0\.1:\d+ answered with status 500 \(5 attempts\)") as caught:
            played.write()
    uniform = random.Random(7).uniform
    assert played.clock.slept == [uniform(0, bound) for bound in (1, 2, 3, 3)]
    assert len(stage.asked) == 5
    (usage,) = played.used
    assert caught.value.usage == usage
    assert (usage.attempts, usage.outcome, usage.completion_tokens) == (5, "failed", 0)


def test_a_server_is_left_alone_as_long_as_it_asks() -> None:
    with playing([refuse(429, Retry_After="7"), good()]) as stage:
        played = Played(stage)
        played.write()
    assert 7 <= played.clock.slept[0] <= 7.5


def test_a_server_that_asks_for_too_long_is_given_up() -> None:
    with playing([refuse(429, Retry_After="3600"), good()]) as stage:
        played = Played(stage)
        with pytest.raises(ProviderError, match=r"answered with status 429 \(1 attempt\)"):
            played.write()
    assert played.clock.slept == []


@pytest.mark.parametrize(
    "scene",
    [silent(3.0), lines(*(["data: {}\n\n"] * 30), pause=0.1), lines(*([": waiting\n\n"] * 30), pause=0.1)],
    ids=["first byte late", "empty events trickle", "comments trickle"],
)
def test_a_slow_server_is_given_its_time_and_no_more(scene: Scene) -> None:
    with playing([scene]) as stage:
        played = Played(stage, timeout=0.3, backoff=Backoff(attempts=2))
        started = time.monotonic()
        with pytest.raises(ProviderError, match=r"did not answer within 0\.3 seconds \(2 attempts\)"):
            played.write()
        assert 0.6 <= time.monotonic() - started < 1.6
    assert len(stage.asked) == 2


def test_an_answer_that_was_whole_is_kept_though_the_stream_hangs() -> None:
    whole = [f"data: {json.dumps(piece(part))}\n\n" for part in pieces(copy_for(0))]
    last = f"data: {json.dumps(piece('', 'stop'))}\n\n"
    with playing([lines(*whole, last, ": still here\n\n" * 2, dropped=True)]) as stage:
        assert [one.text for one in Played(stage).write()] == [copy_for(0)]
    assert len(stage.asked) == 1

    def hangs(handler: Handler, asked: Asked) -> None:
        handler.begin()
        for line in (*whole, last, "data: [DONE]\n\n"):
            handler.chunk(line)
        handler.stage.ended.wait(3)
        handler.close_connection = True

    with playing([hangs]) as stage:
        started = time.monotonic()
        assert [one.text for one in Played(stage).write()] == [copy_for(0)]
        assert time.monotonic() - started < 1


def test_a_server_that_does_not_stream_is_understood() -> None:
    answer = {
        "choices": [{"message": {"role": "assistant", "content": copy_for(0)}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 20},
    }
    with playing([lines(json.dumps(answer), kind="application/json")]) as stage:
        played = Played(stage)
        assert [one.text for one in played.write()] == [copy_for(0)]
    assert (played.used[0].prompt_tokens, played.used[0].completion_tokens) == (10, 20)


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models_ml.providers.openai_compatible.LARGEST", 5000)
    endless = lines("data: " + "x" * 4000, "x" * 4000)
    with playing([endless]) as stage, pytest.raises(ProviderError, match="the answer has no end"):
        Played(stage, backoff=Backoff(attempts=1)).write()
    assert len(stage.asked) == 1


@pytest.mark.parametrize(
    ("scene", "sentence"),
    [
        (refuse(400, f"bad key {KEY}"), r"refused the request \(status 400\)"),
        (refuse(401, f"bad key {KEY}"), r"refused the key \(status 401\)"),
        (refuse(403), r"refused the key \(status 403\)"),
        (refuse(404), r"knows no such address or no model writer-1 \(status 404\)"),
        (refuse(413), r"refused the request \(status 413\)"),
    ],
)
def test_a_refusal_is_final_and_told_without_the_key(
    scene: Scene, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with playing([scene]) as stage:
        played = Played(stage)
        with pytest.raises(ProviderError, match=sentence) as caught:
            played.write()
    assert len(stage.asked) == 1
    assert played.used[0].outcome == "failed"
    shown = f"{caught.value}{caught.value.__cause__}{caught.value.__context__}{caplog.text}{played.provider.settings!r}"
    assert KEY not in shown


def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else() -> None:
    with playing([good()]) as elsewhere, playing([refuse(307, Location=f"{elsewhere.url}/chat/completions")]) as stage:
        with pytest.raises(ProviderError, match=r"answered with a redirect \(status 307\), which is not followed"):
            Played(stage).write()
        assert elsewhere.asked == []


def test_a_server_out_of_reach_is_a_sentence() -> None:
    with playing([good()]) as stage:
        pass
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1:\d+ cannot be reached \(2 attempts\)"):
        Played(stage, backoff=Backoff(attempts=2)).write()


def test_a_parameter_that_the_server_refuses_is_left_out_from_then_on() -> None:
    refused = [refuse(400, "stream_options is not supported"), refuse(422, "max_tokens: use max_completion_tokens")]
    with playing([*refused, good()]) as stage:
        played = Played(stage)
        played.write()
        played.write()
    first, second, third, fourth = (one.body for one in stage.asked)
    assert "stream_options" in first
    assert "stream_options" not in second
    assert {"stream_options", "max_tokens"} & set(third) == set()
    assert third["max_completion_tokens"] == 99
    assert third == fourth
    assert [usage.attempts for usage in played.used] == [1, 1]


def test_drafts_come_in_the_order_of_their_draws_however_long_each_takes() -> None:
    delays = iter((0.3, 0.0, 0.15, 0.0, 0.05, 0.0))

    def play(handler: Handler, asked: Asked) -> None:
        with handler.stage.lock:
            delay = next(delays)
        good(f"text {asked.body['seed']}", delay=delay)(handler, asked)

    with playing([play]) as stage:
        played = Played(stage, concurrency=3)
        found = played.write(draws=6)
    assert [one.text for one in found] == [f"text {1000 + number}" for number in range(6)]
    assert [one.place for one in found] == list(range(6))
    assert len(set(stage.keys())) == len(stage.asked) == 6
    assert len({usage.key for usage in played.used}) == 6


def test_no_more_calls_run_at_once_than_allowed() -> None:
    running, most = [0], [0]

    def play(handler: Handler, asked: Asked) -> None:
        with handler.stage.lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        good("x")(handler, asked)
        with handler.stage.lock:
            running[0] -= 1

    with playing([play]) as stage:
        Played(stage, concurrency=2).write(draws=6)
    assert most == [2]


@pytest.mark.parametrize("scene", [silent(5.0), lines(*(CUT_SHORT * 20), pause=0.1)], ids=["silent", "streaming"])
def test_a_wish_to_stop_ends_the_calls_within_a_second(scene: Scene) -> None:
    with playing([scene]) as stage:
        played = Played(stage, concurrency=2)
        started = time.monotonic()
        found = played.write(draws=5, should_stop=lambda: time.monotonic() - started > 0.4)
        assert time.monotonic() - started < 1.4
    assert found == []
    assert len(stage.asked) == 2
    assert [(usage.outcome, usage.attempts) for usage in played.used] == [("cancelled", 1)] * 2  # the rest never began


def test_a_wish_to_stop_does_not_wait_for_a_retry() -> None:
    with playing([refuse(429, Retry_After="30")]) as stage:
        provider = OpenAICompatible(ServerSettings(stage.url, "m"))  # with real sleep
        used: list[Usage] = []
        started = time.monotonic()
        stop = lambda: time.monotonic() - started > 0.3  # noqa: E731
        assert list(provider.write(WriteRequest([Draw(brief(), 1, 0)], should_stop=stop, record=used.append))) == []
        assert time.monotonic() - started < 1.3
    assert [usage.outcome for usage in used] == ["cancelled"]


# --- with the loop that judges ---------------------------------------------------------------------------------------
def test_candidates_are_never_doubled_by_retries() -> None:
    trouble = [refuse(500), lines(*CUT_SHORT, dropped=True), good(), refuse(429, Retry_After="1"), lines("data: {\n\n")]
    with playing([*trouble, good()]) as stage:
        played = Played(stage, concurrency=1)
        told: list[RawCandidate] = []
        wishes = Wishes(on_batch=lambda _done, _of, new: told.extend(new), on_usage=played.used.append)
        found = draft(played.provider, [brief()], 4, 5, wishes=wishes)
    assert [one.candidate for one in found] == [parse(copy_for(number)) for number in range(4)]
    assert told == found
    assert [one.provenance.draw for one in found] == [0, 1, 2, 3]
    assert sum(usage.attempts for usage in played.used) == len(stage.asked) == 8
    assert [usage.outcome for usage in played.used] == ["written"] * 4


def test_a_server_that_says_the_same_again_brings_one_candidate() -> None:
    with playing([good(copy_for(3))]) as stage:
        found = draft(Played(stage).provider, [brief()], 2, 5, wishes=Wishes())
    assert [one.candidate for one in found] == [parse(copy_for(3))]
    assert len(stage.asked) == 4 * 2 + 8  # the bound on draws


def test_what_was_written_before_a_failure_has_been_told() -> None:
    with playing([good(), good(), refuse(401)]) as stage:
        played = Played(stage, concurrency=1)
        told: list[Candidate] = []
        wishes = Wishes(
            on_batch=lambda _done, _of, new: told.extend(one.candidate for one in new), on_usage=played.used.append
        )
        with pytest.raises(ProviderError, match="refused the key"):
            draft(played.provider, [brief()], 4, 5, wishes=wishes, pace=Pace.steady(2))
    assert told == [parse(copy_for(0)), parse(copy_for(1))]
    assert [usage.outcome for usage in played.used if usage.outcome != "cancelled"] == ["written", "written", "failed"]


def test_provenance_names_the_server_model_and_prompt() -> None:
    with playing([good(prompt=123, completion=45)]) as stage:
        played = Played(stage)
        (found,) = draft(played.provider, [brief(theme="Slow days")], 1, 5)
    provenance = found.provenance.to_json()
    assert (provenance["provider"], provenance["model_id"], provenance["adapter"]) == (
        "openai_compatible",
        "writer-1",
        "",
    )
    assert (provenance["prompt_tokens"], provenance["new_tokens"], provenance["theme_by"]) == (123, 45, "instruction")
    assert provenance["prompt_hash"] == played.provider.prepare(brief(theme="Slow days"), ()).prompt_hash
    assert provenance["seed"] == stage.asked[0].body["seed"]
    assert stage.asked[0].body["messages"][0]["content"].endswith("Write to this theme: Slow days")
    assert found.candidate.theme == "Slow days"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"base_url": "ftp://x/v1"}, "must begin with http"),
        ({"base_url": "not a url"}, "must begin with http"),
        ({"base_url": "https://user:pass@x/v1"}, "must not hold a user name or password"),
        ({"model": ""}, "model must be named"),
        ({"timeout": 0}, "must be above 0"),
        ({"concurrency": 0}, "must be above 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ServerSettings(**({"base_url": "http://127.0.0.1:1/v1", "model": "m", "key": KEY} | changes))
