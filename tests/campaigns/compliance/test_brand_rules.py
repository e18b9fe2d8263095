"""The brand's own rules, and what must stand beside a copy: required texts, better words, the AI label, an address."""

from __future__ import annotations

import pytest

from campaigns.compliance import Disclaimer
from models_ml.labelling import AiLabel
from tests.campaigns.compliance.checking import findings, rules

LABEL = AiLabel("[AI-generated]", "body", {}, ())


def test_a_required_text_must_be_shown_whatever_its_case_and_spaces() -> None:
    wanted = (Disclaimer("Terms apply."),)
    assert rules("A cup", disclaimers=wanted) == {"brand.disclaimer"}
    assert rules("A cup. TERMS  apply.", disclaimers=wanted) == set()


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        (Disclaimer("T.", language="zh"), False),
        (Disclaimer("T.", language="en"), True),
        (Disclaimer("T.", channels=("sms",)), False),
        (Disclaimer("T.", channels=("product_page", "sms")), True),
        (Disclaimer("T.", jurisdictions=("US",)), False),
        (Disclaimer("T.", jurisdictions=("FR",)), True),
    ],
    ids=["other-language", "language", "other-channel", "channel", "other-place", "member-state"],
)
def test_a_required_text_is_asked_for_where_it_belongs(asked: Disclaimer, missing: bool) -> None:
    assert ("brand.disclaimer" in rules("A cup", "DE", disclaimers=(asked,))) is missing


def test_a_word_for_which_the_brand_has_a_better_one_is_for_information_only() -> None:
    found = findings("A bag for every day, and baggage", preferred_words=("bag > tote", "calm"))
    assert [(one.rule, one.severity, one.excerpt) for one in found] == [("brand.preferred", "info", "bag")]
    assert found[0].message == "The brand says “tote” rather than “bag”."


def test_a_banned_word_blocks() -> None:
    (found,) = findings("A cheap cup", banned_words=("cheap",))
    assert (found.rule, found.severity, found.pack) == ("words.banned", "block", "brand")


def test_a_text_by_a_model_without_its_label_blocks_in_china_only() -> None:
    assert rules("A cup", "CN", ai_written=True) == {"cn.ai_label"}
    assert rules("A cup", "CN", ai_written=True, label=LABEL) == set()
    assert rules("A cup", "CN") == rules("A cup", "US", "EU", ai_written=True) == set()


def test_an_email_to_the_united_states_needs_a_postal_address() -> None:
    assert rules("A cup", "US", channel="email", postal_address=" ") == {"us.postal_address"}
    assert rules("A cup", "US", channel="email", postal_address="1 Mill Lane") == set()
    assert rules("A cup", "US", channel="email") == rules("A cup", "US", channel="push", postal_address="") == set()


def test_letters_as_they_are_written_count_for_shouting() -> None:
    assert rules("BUY IT NOW") == {"channel.capitals"}
    assert rules("buy it now") == set()
    facts = {"product": "MEGA SUPER CUP", "brand": "LUMEN"}
    assert rules("{product} by {brand}", facts=facts) == set()
