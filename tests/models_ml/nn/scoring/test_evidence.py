"""What counts as evidence: refusals, broken randomisation, pairs and their weights, against values by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from models_ml.nn.scoring import Arm, ScorerError, broken_tests, pairs
from models_ml.nn.scoring.evidence import check_arms, log_odds, merged, mismatch, variances

ARM = Arm("a", "image", "Otters hum", 1000, 100)


@pytest.mark.parametrize(
    ("arm", "field"),
    [
        (replace(ARM, test=""), "test"),
        (replace(ARM, group=""), "group"),
        (replace(ARM, text="  "), "text"),
        (replace(ARM, impressions=-1), "impressions"),
        (replace(ARM, clicks=-1), "clicks"),
        (replace(ARM, clicks=1001), "clicks"),
        (replace(ARM, share=0.0), "share"),
        (replace(ARM, share=1.5), "share"),
    ],
)
def test_an_impossible_arm_is_refused_by_field(arm: Arm, field: str) -> None:
    with pytest.raises(ScorerError) as refused:
        check_arms([ARM, arm])
    assert refused.value.field == field
    assert "arm 2" in refused.value.message


def test_no_arms_are_refused() -> None:
    with pytest.raises(ScorerError, match="arms: there are none"):
        check_arms([])


def test_mismatch_is_the_chi_square_test_of_the_planned_shares() -> None:
    one, other = replace(ARM, impressions=4000), replace(ARM, text="Owls", impressions=4300)
    assert mismatch([one, other]) == pytest.approx(math.erfc(math.sqrt(90_000 / 8300 / 2)))  # chi-square, 1 degree
    planned = [replace(one, share=4000 / 8300), replace(other, share=4300 / 8300)]
    assert mismatch(planned) == pytest.approx(1.0)


def test_a_test_with_one_arm_or_no_traffic_cannot_be_mismatched() -> None:
    assert mismatch([ARM]) == 1.0
    assert mismatch([replace(ARM, impressions=0, clicks=0)] * 2) == 1.0


def test_broken_tests_names_only_the_broken() -> None:
    fair = [replace(ARM, test="fair"), replace(ARM, test="fair", text="b")]
    broken = [replace(ARM, test="broken"), replace(ARM, test="broken", text="b", impressions=1400)]
    assert broken_tests([*fair, *broken]) == {"broken"}


def test_a_pair_has_the_two_proportion_test_by_hand() -> None:
    (pair,) = pairs([ARM, replace(ARM, text="Owls drone", clicks=80)])
    error = math.sqrt(0.09 * 0.91 * 2 / 1000)
    assert pair.z == pytest.approx(0.02 / error)
    assert pair.p_value == pytest.approx(0.1181, abs=5e-5)


def test_pairs_stay_within_a_group_and_need_different_texts_that_were_shown() -> None:
    arms = [
        ARM,
        replace(ARM, text=" Otters hum "),  # the same text
        replace(ARM, text="Owls drone", impressions=0, clicks=0),
        replace(ARM, text="Owls drone", group="other image"),
        replace(ARM, text="Owls drone", test="b"),
        replace(ARM, text="Quails chime"),
    ]
    assert [(pair.first, pair.second) for pair in pairs(arms)] == [(arms[0], arms[5]), (arms[1], arms[5])]


def test_no_clicks_on_either_side_is_a_tie() -> None:
    (pair,) = pairs([replace(ARM, clicks=0), replace(ARM, text="Owls", clicks=0)])
    assert (pair.z, pair.p_value) == (0.0, 1.0)


def test_more_traffic_weighs_more_but_never_without_bound() -> None:
    def weight(shown: int) -> float:
        arms = [replace(ARM, impressions=shown, clicks=shown // 10), replace(ARM, text="b", impressions=shown)]
        return pairs(arms)[0].weight

    assert weight(200) < weight(2000) < weight(2_000_000) < 1 / (2 * 0.2133**2)


def test_equal_texts_of_a_group_are_added_up_and_the_unshown_dropped() -> None:
    arms = [ARM, replace(ARM, clicks=50), replace(ARM, text="Owls", impressions=0, clicks=0)]
    assert merged(arms) == [replace(ARM, impressions=2000, clicks=150)]


def test_log_odds_and_variance_by_hand() -> None:
    arms = [ARM, replace(ARM, clicks=0)]
    assert log_odds(arms).tolist() == pytest.approx([math.log(100.5 / 900.5), math.log(0.5 / 1000.5)])
    rate = 100.5 / 2001
    assert variances(arms).tolist() == pytest.approx([1 / (1000 * rate * (1 - rate))] * 2)
