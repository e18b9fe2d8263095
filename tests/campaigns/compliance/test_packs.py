"""Rule packs: which count, from which day to which, what is exempt, and that each rule does what its examples say."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

from campaigns import compliance
from campaigns.compliance.engine import in_force
from campaigns.compliance.library import jurisdictions, packs, rules_by_id
from campaigns.compliance.packs import Pack, Rule
from campaigns.compliance.predicates import PREDICATES
from models_ml.channels import CHANNELS
from tests.campaigns.compliance.checking import findings, rules

EXAMPLES = [
    pytest.param(rule, sentence, speaks, id=f"{rule.id}-{'fails' if speaks else 'passes'}-{place}")
    for pack in packs()
    for rule in pack.rules
    for speaks, sentences in ((True, rule.fails), (False, rule.passes))
    for place, sentence in enumerate(sentences)
]


@pytest.mark.parametrize(("rule", "sentence", "speaks"), EXAMPLES)
def test_a_rule_does_what_its_examples_say(rule: Rule, sentence: str, speaks: bool) -> None:
    places = [pack.jurisdiction for pack in packs() if pack.id == rule.pack and pack.jurisdiction]
    channel = min(rule.channels, default="product_page")
    assert (rule.id in rules(sentence, *places, channel=channel)) is speaks


@pytest.mark.parametrize("rule", rules_by_id().values(), ids=lambda rule: rule.id)
def test_a_rule_can_be_looked_up_and_read_in_both_languages(rule: Rule) -> None:
    assert rule.predicate in PREDICATES or rule.terms is not None
    assert rule.channels <= set(CHANNELS)
    texts = [rule.why, *(one for said in rule.sentences.values() for one in (said.message, said.remedy))]
    assert all(one.en and one.zh for one in texts)
    assert all(set(re.findall(r"\{[a-z_]+\}", one.en)) == set(re.findall(r"\{[a-z_]+\}", one.zh)) for one in texts)
    assert len(rule.why.en) <= 500
    assert len(rule.cited("en")) <= 200


@pytest.mark.parametrize("pack", packs(), ids=lambda pack: pack.id)
def test_a_pack_says_what_its_version_changed(pack: Pack) -> None:
    assert pack.changes[0].version == pack.version
    days = [change.day for change in pack.changes]
    assert days == sorted(days, reverse=True)
    assert all(rule.statute.en and rule.article.en for rule in pack.rules) or not pack.jurisdiction


def test_a_rule_known_from_memory_or_second_hand_is_not_called_verified() -> None:
    verified = {rule.id for rule in rules_by_id().values() if rule.verified}
    assert verified == {
        "cn.discount_base", "cn.ai_label", "eu.prior_price", "eu.price_history_short", "eu.generic_green",
        "eu.neutral_by_offset", "eu.green_label", "eu.whole_product", "eu.future_green", "us.testimonial",
        "us.no_opt_out",
    }  # fmt: skip


def test_the_packs_that_count_are_those_of_the_places_the_brand_sells_in() -> None:
    def counting(*places: str) -> set[str]:
        context = compliance.CheckContext("email", "en", {}, jurisdictions=places)
        return {rule.pack for rule in in_force(context)}

    everywhere = {"house", "brand", "channel"}
    assert counting() == everywhere
    assert counting("DE") == counting("eu") == counting("EU", "FR") == everywhere | {"eu"}
    assert counting("XX", "GB") == everywhere
    assert counting("US", "CN") == everywhere | {"us", "cn"}
    assert jurisdictions() == ("CN", "EU", "US")


# --- the same copy, one day and another -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sentence", "place", "before", "rules_before", "rules_after"),
    [
        ("An eco-friendly choice", "EU", date(2026, 9, 26), {"words.environment"}, {"eu.generic_green"}),
        ("A climate neutral mug", "EU", date(2026, 9, 26), {"words.environment"}, {"eu.neutral_by_offset"}),
        ("We will become carbon neutral", "EU", date(2026, 9, 26), {"words.environment"},
         {"eu.neutral_by_offset", "eu.future_green"}),
        ("据行业协会报告，2025年销量第一", "CN", date(2026, 6, 11), set(), {"cn.absolute"}),
        ("本系列中最轻的一款", "CN", date(2023, 2, 24), {"cn.absolute"}, set()),
        ("调查显示大家更爱它", "CN", date(2026, 6, 11), set(), {"cn.cited"}),
        ("亲测好用", "CN", date(2023, 4, 30), set(), {"cn.hidden_ad"}),
        ("本文非AI生成", "CN", date(2025, 8, 31), set(), {"cn.ai_denied"}),
        ("I love it", "US", date(2024, 10, 20), set(), {"us.testimonial"}),
    ],
)  # fmt: skip
def test_the_same_copy_on_two_days(
    sentence: str, place: str, before: date, rules_before: set[str], rules_after: set[str]
) -> None:
    supported = ("据行业协会报告，2025年销量第一",)
    days = (before, before + timedelta(days=1))
    found = [rules(sentence, place, as_of=day, supported=supported) for day in days]
    assert found == [rules_before, rules_after]


def test_a_day_of_the_rules_is_told_apart_from_the_day_of_the_facts() -> None:
    september, october = date(2026, 9, 1), date(2026, 10, 1)
    assert "eu.generic_green" not in rules("An eco-friendly choice", "EU", today=september)
    assert "eu.generic_green" in rules("An eco-friendly choice", "EU", today=september, as_of=october)


def test_without_a_day_the_newest_rules_count() -> None:
    assert rules("据行业协会报告，2025年销量第一", "CN") == {"cn.absolute"}
    assert rules("An eco-friendly choice", "EU") == {"eu.generic_green"}


# --- law and house ----------------------------------------------------------------------------------------------------
def test_a_law_speaks_instead_of_the_house_and_never_more_mildly() -> None:
    assert rules("Customers love it") == {"words.reviews"}
    assert rules("Customers love it", "US", "EU") == {"us.testimonial", "eu.reviews"}
    # A warning of the US guides does not lift what the EU blocks.
    green = findings("An eco-friendly choice", "US", "EU")
    assert [(one.rule, one.severity) for one in green] == [("eu.generic_green", "block"), ("us.green", "warn")]


def test_an_exemption_of_the_law_is_not_undone_by_the_house() -> None:
    assert rules("本店最轻的一款") == {"words.absolute"}
    assert rules("本店最轻的一款", "CN") == set()


def test_a_recognised_label_in_the_copy_lets_a_green_claim_go() -> None:
    assert "eu.generic_green" in rules("Eco-friendly", "EU")
    assert "eu.generic_green" not in rules("Eco-friendly, with the EU Ecolabel", "EU")


def test_what_the_copy_must_show_beside_a_word_lets_it_go() -> None:
    assert rules("专利设计", "CN") == {"cn.patent"}
    assert rules("专利设计，专利号 ZL202310000000", "CN") == set()
    assert rules("新品测评", "CN") == {"cn.hidden_ad"}
    assert rules("广告：新品测评", "CN") == set()


def test_a_finding_carries_what_a_person_must_be_able_to_look_up() -> None:
    (found,) = findings("An eco-friendly choice", "DE")
    assert (found.pack, found.pack_version, found.jurisdiction) == ("eu", "2026.11.1", "EU")
    assert found.article == "Directive (EU) 2024/825, amending Directive 2005/29/EC, Annex I, point 4a"
    assert found.verified
    assert found.excerpt == "eco-friendly"
    assert found.why.startswith("Generic environmental claims are forbidden")


def test_names_of_the_product_and_the_brand_are_no_claims_of_the_copy() -> None:
    facts = {"product": "Eco-Friendly Best Mug", "brand": "顶级"}
    assert rules("{product} by {brand}", "EU", "CN", "US", facts=facts) == set()
