"""The loop from briefs to candidates, with a provider made of lists: order, bounds, twins, memory, themes, stopping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from models_ml.brief import Audience, Brief, Offer, Product, facts
from models_ml.drafting import GenerationError, RawCandidate, Rejection, Wishes, draft, write_themes
from models_ml.examples import Winner
from models_ml.labelling import AiLabel
from models_ml.pacing import Pace
from models_ml.providers.protocol import (
    Draft,
    Prepared,
    ProviderError,
    TooLarge,
    Usage,
    WriteRequest,
    row_seed,
)
from models_ml.sampling import Sampling
from tests.models_ml.providers.stage import WORDS, copy_for
from tests.models_ml.providers.stage import brief as push


class Lists:
    """Writes what `text(brief, number)` says; has memory for `holds` texts at once."""

    name, id, hash, adapter = "lists", "m", "h", "a"

    def __init__(
        self, text: Callable[[Brief, int], str], *, holds: int = 99, most: int = 8, together: bool = True
    ) -> None:
        self.text, self.holds, self.most_at_once, self.together = text, holds, most, together
        self.asked: list[list[tuple[str, int]]] = []
        self.requests: list[WriteRequest] = []

    def prepare(self, brief: Brief, examples: Sequence[Winner]) -> Prepared:
        if brief.product.name == "x" * 99:
            raise ProviderError("its prompt takes 999 tokens, the model holds 512")
        return Prepared(f"hash of {brief.audience.key}", 7, tuple(one.id for one in examples))

    def write(self, request: WriteRequest) -> Iterator[Sequence[Draft]]:
        self.requests.append(request)
        if len(request.draws) > self.holds:
            raise TooLarge(len(request.draws))
        self.asked.append([(draw.brief.audience.key, draw.number) for draw in request.draws])
        drafts = []
        for place, draw in enumerate(request.draws):
            usage = Usage(self.name, self.id, 7, 5, key=f"{draw.seed}")
            request.record(usage)
            drafts.append(Draft(place, self.text(draw.brief, draw.number), usage))
        yield from [drafts] if self.together else ([one] for one in drafts)


def numbered(_brief: Brief, number: int) -> str:
    return copy_for(number)


def by_audience(brief: Brief, number: int) -> str:
    return copy_for(6 * (brief.audience.key == "students") + number)


def students() -> Brief:
    return push(audience=Audience("students"))


def test_candidates_come_with_their_provenance() -> None:
    used: list[Usage] = []
    (found,) = draft(Lists(numbered), [push()], 1, 9, wishes=Wishes(on_usage=used.append))
    provenance = found.provenance
    assert (provenance.provider, provenance.model_id, provenance.model_hash, provenance.adapter) == (
        "lists",
        "m",
        "h",
        "a",
    )
    assert provenance.seed == row_seed(9, "hash of everyone", 0)
    assert (provenance.run_seed, provenance.draw, provenance.prompt_tokens, provenance.new_tokens) == (9, 0, 7, 5)
    assert provenance.slots == ("product", "discount")
    assert [found.usage] == used


def test_requests_begin_small_and_grow() -> None:
    provider = Lists(numbered, most=16)
    draft(provider, [push()], 12, 1, pace=Pace(16, first=2, clock=lambda: 0.0))
    assert [len(part) for part in provider.asked] == [2, 4, 6]


def test_sizes_of_requests_change_no_candidate() -> None:
    def texts(size: int) -> list[str]:
        provider = Lists(by_audience, together=size % 2 == 0)
        return [one.text for one in draft(provider, [push(), students()], 4, 1, pace=Pace.steady(size))]

    assert texts(1) == texts(2) == texts(3) == texts(8)
    assert len(texts(1)) == 8


def test_a_device_without_memory_is_asked_for_less_and_nothing_is_lost() -> None:
    provider = Lists(numbered, holds=2, most=16)
    found = draft(provider, [push()], 8, 1, pace=Pace(16, first=16, clock=lambda: 0.0))
    assert [one.text for one in found] == [one.text for one in draft(Lists(numbered), [push()], 8, 1)]
    assert [len(request.draws) for request in provider.requests][:4] == [8, 4, 2, 2]
    assert max(len(part) for part in provider.asked) == 2


def test_a_device_without_memory_for_one_text_is_a_sentence() -> None:
    with pytest.raises(ProviderError, match="no memory left even for one text"):
        draft(Lists(numbered, holds=0), [push()], 3, 1)


def test_near_duplicates_are_refused_across_the_whole_campaign() -> None:
    refused: list[Rejection] = []
    found = draft(Lists(numbered), [push(), students()], 3, 1, wishes=Wishes(on_reject=refused.append))
    texts = [one.text for one in found]
    assert len(set(texts)) == len(texts) == 6
    assert {one.brief_index for one in found} == {0, 1}
    assert ("is a twin of another candidate",) in {one.reasons for one in refused}


def test_copies_that_the_campaign_has_are_not_written_again() -> None:
    first = draft(Lists(numbered), [push()], 2, 1)
    taken = [one.candidate.parts() for one in first]
    again = draft(Lists(numbered), [students()], 2, 1, wishes=Wishes(taken=taken))
    assert {one.text for one in first} & {one.text for one in again} == set()


def test_an_injected_embedding_finds_twins_that_letters_do_not() -> None:
    def one_meaning(_text: str) -> list[float]:
        return [0.3, 0.4]

    assert len(draft(Lists(numbered), [push()], 4, 1, wishes=Wishes(embed=one_meaning))) == 1
    angles = {word: [float(place == index) for place in range(12)] for index, word in enumerate(WORDS)}

    def by_word(text: str) -> list[float]:
        return next(angles[word] for word in WORDS if word in text.partition("Take")[0].split(" and ")[1])

    assert len(draft(Lists(numbered), [push()], 4, 1, wishes=Wishes(embed=by_word))) == 4


def test_the_label_takes_its_room() -> None:
    label = AiLabel("[AI-generated, as the law asks for in this place and time]", "body", {}, ())
    refused: list[Rejection] = []
    long = copy_for(0).replace("Take", "And one more long sentence for all who read on. Take")
    assert len(draft(Lists(lambda _brief, _number: long), [push()], 1, 1)) == 1
    wishes = Wishes(label=label, on_reject=refused.append)
    assert draft(Lists(lambda _brief, _number: long), [push()], 1, 1, wishes=wishes) == []
    assert refused[0].reasons[0].startswith("body is ")


def test_stopping_keeps_what_was_accepted() -> None:
    seen: list[RawCandidate] = []
    wishes = Wishes(on_batch=lambda _done, _of, new: seen.extend(new), should_stop=lambda: len(seen) >= 3)
    found = draft(Lists(numbered, together=False), [push()], 9, 1, wishes=wishes)
    assert found == seen
    assert len(found) == 3


def test_greedy_asks_once() -> None:
    provider = Lists(numbered)
    draft(provider, [push()], 5, 1, wishes=Wishes(sampling=Sampling(temperature=0)))
    assert provider.asked == [[("everyone", 0)]]


@pytest.mark.parametrize(
    ("briefs", "n", "wishes", "sentence"),
    [
        ([push()], 0, Wishes(), "n must be at least 1"),
        ([push()], 1, Wishes(values=[]), "values must be one mapping for each brief"),
        ([push()], 1, Wishes(examples=[(), ()]), "examples must be one list for each brief"),
        ([push(), students()], 1, Wishes(values=[facts(push()), {"product": "x"}]), r"brief 2: its values lack \{disc"),
        ([replace(push(), product=Product("x" * 99))], 1, Wishes(), "brief 1: its prompt takes 999 tokens"),
    ],
)
def test_bad_requests_are_named_before_anything_is_asked(
    briefs: list[Brief], n: int, wishes: Wishes, sentence: str
) -> None:
    provider = Lists(numbered)
    with pytest.raises(GenerationError, match=sentence):
        draft(provider, briefs, n, 1, wishes=wishes)
    assert provider.requests == []


# --- themes ----------------------------------------------------------------------------------------------------------
IDEAS = [
    "Slow mornings",
    "Slow mornings!",
    "slow  mornings",
    "Made with care",
    "90% off",
    "{product} days",
    "慢一点",
    "Ease",
]


def theme_only(_brief: Brief, number: int) -> str:
    return f"theme: {IDEAS[number % len(IDEAS)]}\nheadline: cut sho"


def test_themes_come_first_and_are_unlike_each_other() -> None:
    provider = Lists(theme_only)
    found = write_themes(provider, [push(theme="Old"), students()], 3, 1, drafts=8)
    assert [(theme.text, theme.support, theme.audiences) for theme in found] == [
        ("Slow mornings", 6, ("everyone", "students")),
        ("Ease", 2, ("everyone", "students")),
        ("Made with care", 2, ("everyone", "students")),
    ]
    assert all(draw.brief.theme is None for request in provider.requests for draw in request.draws)
    assert {request.sampling.max_new_tokens for request in provider.requests} == {40}
    assert [theme.text for theme in write_themes(Lists(theme_only), [push()], 2, 1, drafts=8)] == [
        "Slow mornings",
        "Ease",
    ]


def test_themes_stop_when_asked() -> None:
    assert write_themes(Lists(theme_only), [push()], 3, 1, wishes=Wishes(should_stop=lambda: True)) == []


def test_examples_reach_the_prompt_and_the_provenance() -> None:
    offered = Brief("en", "push", Product("Linen Tote", "bags"), offer=Offer("percent", "10%"))
    (text,) = draft(Lists(numbered), [offered], 1, 1)
    winner = Winner("c7", "spring", offered, text.candidate, 0.2, 0.97)
    provider = Lists(numbered)
    (found,) = draft(provider, [push()], 1, 1, wishes=Wishes(examples=[[winner]]))
    assert found.provenance.to_json()["examples"] == ["c7"]
    assert provider.requests[0].draws[0].examples == (winner,)


def test_a_pace_learns_from_time_and_memory() -> None:
    now = [0.0]

    def after(pace: Pace, seconds: float) -> int:
        with pace.timed(pace.size):
            now[0] += seconds
        return pace.size

    pace = Pace(32, first=4, patience=2.0, clock=lambda: now[0])
    assert [after(pace, seconds) for seconds in (0.5, 1.9, 2.5, 0.1, 0.1, 7.0)] == [8, 16, 16, 32, 32, 16]
    pace.shrink(TooLarge(16))
    assert [after(pace, 0.1) for _ in range(3)] == [8, 8, 8]
    steady: Any = Pace.steady(5)
    assert [after(steady, seconds) for seconds in (0.1, 100.0)] == [5, 5]
    for wrong in ({"most": 0}, {"most": 4, "first": 0}):
        with pytest.raises(ValueError, match="at least 1 text"):
            Pace(**wrong)  # type: ignore[arg-type]
