"""Disturbing briefs, and the share that still passes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models_ml.brief import AUDIENCES, Audience, Brief, Offer, Product, messages
from models_ml.nn.checks import CheckError, Rate, RobustnessReport, robustness
from models_ml.nn.checks.perturbing import PERTURBATIONS, casing, paraphrase, perturb, typos
from models_ml.nn.loading import LoadedModel
from models_ml.nn.progress import Cancelled
from models_ml.nn.sampling import Sampling

NAMES = st.text(
    alphabet=st.characters(codec="utf-8", categories=["L", "N", "Zs", "P"]), min_size=1, max_size=120
).filter(str.strip)


def _brief(language: str, name: str) -> Brief:
    return Brief(
        language,
        "email",
        Product(name, "lamps", {"material": name[:200], "note": "soft blue cotton"}),
        offer=Offer("percent", "20%"),
        audience=Audience("students", "people who study late"),
        theme="Warm light",
        brand="Norrland",
        price="$19",
        code="SPRING20",
        voice=("calm", "short"),
    )


@given(name=NAMES, language=st.sampled_from(["en", "zh"]), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_a_disturbed_brief_is_a_brief_with_the_same_demands(name: str, language: str, seed: int) -> None:
    brief = _brief(language, name)
    for kind in PERTURBATIONS:
        other = perturb(brief, kind, seed)
        assert other == perturb(brief, kind, seed)
        assert (other.language, other.channel, other.tone, other.goal) == (language, "email", "plain", "promote")
        assert (other.offer, other.price, other.code) == (brief.offer, brief.price, brief.code)
        assert other.audience.leanings == brief.audience.leanings
        assert set(other.product.attributes) == set(brief.product.attributes)
        assert Brief.from_json(other.to_json()) == other
        assert messages(other)[0] == messages(brief)[0]


@pytest.mark.parametrize("text", ["A soft blue cotton blanket", "轻柔的棉质家居毯子很好"])
def test_typos_change_a_few_letters(text: str) -> None:
    found = [typos(text, Random(seed)) for seed in range(40)]
    assert all(abs(len(other) - len(text)) <= len(text) // 10 + 1 for other in found)
    assert all(len(set(text) - set(other)) <= 4 for other in found)
    # Only a Chinese character that has no other of its sound may stay as it is.
    assert sum(other != text for other in found) >= 30


def test_typos_leave_short_texts() -> None:
    assert typos("ab", Random(1)) == "ab"


def test_casing() -> None:
    assert {casing("Oak Lamp", Random(seed)) for seed in range(20)} == {"OAK LAMP", "oak lamp", "oAK lAMP"}
    assert {casing("台灯A5，亮", Random(seed)) for seed in range(20)} == {"台灯Ａ５，亮", "台灯A5,亮"}


def test_paraphrase_keeps_other_words() -> None:
    assert paraphrase("Grey kettle by Ann", Random(1)) == "Gray water boiler by Ann"
    assert paraphrase("家具城", Random(1)) == "家居用品城"
    assert paraphrase("begin slightly", Random(1)) == "begin slightly"


def test_unseen_subjects_are_in_the_language_and_known_to_nobody() -> None:
    english, chinese = perturb(_brief("en", "Lamp"), "unseen", 1), perturb(_brief("zh", "灯"), "unseen", 1)
    assert english.product.category.isascii()
    assert not chinese.product.category.isascii()
    assert english.audience.key not in AUDIENCES
    assert english.product.name == "Lamp"


def test_the_drop_is_the_largest_loss() -> None:
    plain, changed = Rate(8, 10), {"typos": Rate(7, 10), "casing": Rate(5, 10), "unseen": Rate(9, 10)}
    assert RobustnessReport(plain, changed, {}).drop == pytest.approx(0.3)
    assert RobustnessReport(Rate(0, 10), {"typos": Rate(1, 10)}, {}).drop == 0.0


def test_measures_the_shipped_model(shipped: LoadedModel, briefs: list[Brief]) -> None:
    found = robustness(shipped, briefs, n=3, seed=3, sampling=Sampling(max_new_tokens=96))
    assert set(found.perturbed) == {"typos", "casing", "paraphrase", "unseen"}
    assert found.plain == Rate(2, 2)
    assert found.prompts_changed["unseen"] == Rate(2, 2)
    assert 0 <= found.drop <= 1
    assert found.to_json()["plain"]["share"] == 1.0


def test_a_model_that_writes_nonsense_passes_nowhere(tiny: LoadedModel, briefs: list[Brief]) -> None:
    found = robustness(tiny, briefs, n=1, sampling=Sampling(max_new_tokens=8))
    assert found.plain == Rate(0, 2)
    assert found.drop == 0.0


def test_nothing_to_measure_is_refused(tiny: LoadedModel, briefs: list[Brief]) -> None:
    with pytest.raises(CheckError, match="at least one brief"):
        robustness(tiny, [])
    with pytest.raises(CheckError, match="one draw"):
        robustness(tiny, briefs, n=0)


def test_stops_when_asked(tiny: LoadedModel, briefs: list[Brief]) -> None:
    with pytest.raises(Cancelled):
        robustness(tiny, briefs, should_stop=lambda: True)
