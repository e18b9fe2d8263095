"""Corrections for many p-values: the papers' own examples, laws between the methods, and the intervals that go with
Holm's.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from experiments.stats import multiplicity as m
from experiments.stats.group_sequential import GroupSequential
from experiments.stats.inference import Effect, Normal, Reading, Reference, Student, conclude
from experiments.stats.results import ArmEstimate
from experiments.stats.sequences import ConfidenceSequence

# Benjamini and Hochberg (1995), section 3.2: fifteen p-values of a trial on myocardial infarction.
TRIAL = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
]
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_benjamini_and_hochbergs_own_example() -> None:
    # They reject four at .05, Bonferroni three.
    assert (m.benjamini_hochberg(TRIAL) <= 0.05).sum() == 4
    assert (m.bonferroni(TRIAL) <= 0.05).sum() == 3
    assert m.benjamini_hochberg(TRIAL)[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


def test_four_p_values_as_r_adjusts_them() -> None:
    p = [0.01, 0.04, 0.03, 0.005]
    assert m.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert m.benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert m.benjamini_yekutieli(p) == pytest.approx([1 / 24, 1 / 12, 1 / 12, 1 / 24])
    assert m.hochberg(p) == pytest.approx([0.03, 0.04, 0.04, 0.02])


@given(p_values)
def test_stronger_methods_never_adjust_more(p: list[float]) -> None:
    slack = 1e-12
    ladder = [m.bonferroni(p), m.holm(p), m.hochberg(p), m.hommel(p), m.benjamini_hochberg(p)]
    for weaker, stronger in itertools.pairwise(ladder):
        assert (stronger <= weaker + slack).all()
    assert (m.holm_sidak(p) <= m.sidak(p) + slack).all()
    assert (m.benjamini_hochberg(p) <= m.benjamini_yekutieli(p) + slack).all()


@given(p_values, st.sampled_from(sorted(m.ADJUSTMENTS)))
def test_every_method_keeps_order_and_bounds(p: list[float], method: str) -> None:
    adjusted = m.ADJUSTMENTS[method](p)
    assert ((adjusted >= np.array(p) - 1e-12) & (adjusted <= 1)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


@given(p_values)
def test_hommel_is_the_closure_of_simes(p: list[float]) -> None:
    # By definition: the largest Simes p-value over all sets of hypotheses that hold this one.
    values = np.array(p[:8])
    closed = [
        max(
            _simes(values[[bool(mask >> j & 1) for j in range(len(values))]])
            for mask in range(1, 2 ** len(values))
            if mask >> index & 1
        )
        for index in range(len(values))
    ]
    assert m.hommel(values.tolist()) == pytest.approx(closed, abs=1e-12)


def _simes(values: np.ndarray) -> float:
    return float((len(values) * np.sort(values) / np.arange(1, len(values) + 1)).min())


def test_tiny_p_values_do_not_vanish() -> None:
    assert m.sidak([1e-20, 0.5])[0] == pytest.approx(2e-20)
    assert m.sidak([1.0]).tolist() == [1.0]


@pytest.mark.parametrize("method", sorted(m.ADJUSTMENTS))
def test_none_is_none_and_nonsense_is_refused(method: str) -> None:
    assert m.ADJUSTMENTS[method]([]).tolist() == []
    for wrong in ([0.1, 1.1], [-0.1], [math.nan]):
        with pytest.raises(ValueError, match=r"^p_values: "):
            m.ADJUSTMENTS[method](wrong)


def test_wang_and_ramdas_own_example() -> None:
    # Thresholds m/(k alpha) = 100, 50, 33.3, 25, 20: only the first is over its own.
    adjusted = m.e_benjamini_hochberg([200, 30, 45, 3, 0.5])
    assert (adjusted <= 0.05).tolist() == [True, False, False, False, False]
    assert adjusted[0] == pytest.approx(0.025)
    assert m.e_benjamini_hochberg([0.0, math.inf]).tolist() == [1.0, 0.0]
    for wrong in ([-1.0], [math.nan]):
        with pytest.raises(ValueError, match=r"^e_values: "):
            m.e_benjamini_hochberg(wrong)


def test_guardrails_divide_the_chance_to_miss() -> None:
    assert m.guardrail_power(0.8, 0) == pytest.approx(0.8)
    assert m.guardrail_power(0.8, 3) == pytest.approx(0.95)
    for field, power, count in (("power", 1.0, 1), ("guardrails", 0.8, -1)):
        with pytest.raises(ValueError, match=rf"^{field}: "):
            m.guardrail_power(power, count)


references: st.SearchStrategy[Reference] = st.sampled_from(
    [Normal(), Student(9.0), GroupSequential((0.3, 0.6)), GroupSequential((0.5, 1.0)), ConfidenceSequence(5_000, 0.02)]
)


@st.composite
def comparisons(draw: st.DrawFn) -> list[tuple[Effect, Reference]]:
    """Arms against one control, of all kinds of references, some without variation."""
    control = ArmEstimate(500, draw(st.floats(-1, 20)), draw(st.floats(0, 1)))
    found: list[tuple[Effect, Reference]] = []
    for _ in range(draw(st.integers(1, 5))):
        z, error = draw(st.floats(-7, 7)), draw(st.floats(0.01, 1))
        value = control.value + z * math.hypot(error, control.standard_error)
        found.append((Effect(control, ArmEstimate(500, value, error)), draw(references)))
    return found


@settings(max_examples=200)
@given(made=comparisons(), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_simultaneous_intervals_say_what_their_p_values_say(
    made: list[tuple[Effect, Reference]], confidence: float
) -> None:
    alpha = 1 - confidence
    together = m.simultaneous(made, confidence=confidence)
    assume(all(abs(one.p_value - alpha) > 1e-6 * alpha for one in together))
    for (effect, reference), one in zip(made, together, strict=True):
        clear = one.p_value < alpha
        assert (0.0 not in one.difference) is clear
        assert one.lift is None or (0.0 not in one.lift) is clear
        assert one.difference.lower <= one.difference.estimate <= one.difference.upper
        alone = conclude(effect, reference, method="any", reading=Reading(confidence))
        assert one.p_value >= alone.p_value * (1 - 1e-9)
        # The single step is never bolder than the step-down.
        assert clear or 0.0 in one.single_step


def test_one_comparison_is_left_as_it_is() -> None:
    effect = Effect(ArmEstimate(100, 10.0, 0.2), ArmEstimate(100, 10.9, 0.3))
    (one,) = m.simultaneous([(effect, Normal())])
    alone = conclude(effect, Normal(), method="z")
    assert one.p_value == pytest.approx(alone.p_value, rel=1e-12)
    assert one.difference == one.single_step == alone.difference
    assert one.lift == alone.lift


def test_effects_of_one_sign_have_holms_p_values() -> None:
    control = ArmEstimate(100, 10.0, 0.0)
    made = [(Effect(control, ArmEstimate(100, 10.0 + z, 1.0)), Normal()) for z in (2.9, 2.1, 2.4, 1.0)]
    plain = m.holm([Normal().p_value(z) for z in (2.9, 2.1, 2.4, 1.0)])
    assert [one.p_value for one in m.simultaneous(made)] == pytest.approx(plain.tolist(), rel=1e-12)


def test_the_price_of_a_step_down() -> None:
    # Two of three rejected: of them only the sign is known, and the third has the whole of its side of alpha.
    control = ArmEstimate(100, 10.0, 0.0)
    made = [(Effect(control, ArmEstimate(100, 10.0 + z, 1.0)), Normal()) for z in (4.0, 2.5, 1.0)]
    first, second, third = m.simultaneous(made)
    assert first.difference.lower == second.difference.lower == m.BEYOND_ZERO
    assert third.difference.lower == pytest.approx(1.0 - Normal().critical(0.05))
    assert third.difference.upper == pytest.approx(1.0 + Normal().critical(0.05 / 3))
    assert first.single_step.lower == pytest.approx(4.0 - Normal().critical(0.05 / 3))
    # All rejected: all are told apart from zero by the single step, where that is beyond it.
    found = m.simultaneous([*made[:2], (Effect(control, ArmEstimate(100, 14.0, 1.0)), Normal())])
    assert found[0].difference.lower == pytest.approx(4.0 - Normal().critical(0.05 / 3))
    assert found[1].difference.lower == pytest.approx(2.5 - Normal().critical(0.05 / 3))


def test_all_intervals_hold_together_with_the_confidence_asked_for() -> None:
    # Four arms against one control (correlated), effects of both signs and none: every interval and every sign.
    random = np.random.Generator(np.random.PCG64(9))
    truths = (0.0, 0.0, 2.5, -3.0)
    held = falsely = 0
    runs = 3_000
    for noise in random.normal(size=(runs, 5)):
        control = ArmEstimate(100, 10.0 + noise[0], 1.0)
        made = [
            (Effect(control, ArmEstimate(100, 10.0 + truth + one, 1.0)), Normal())
            for truth, one in zip(truths, noise[1:], strict=True)
        ]
        found = m.simultaneous(made)
        held += all(truth in one.difference for truth, one in zip(truths, found, strict=True))
        falsely += any(one.p_value < 0.05 for truth, one in zip(truths, found, strict=True) if truth == 0)
    # Four standard errors of 3,000 runs are .016.
    assert held / runs >= 0.95 - 0.016
    assert falsely / runs <= 0.05 + 0.016


def test_every_arm_against_every_other() -> None:
    arms = {"a": ArmEstimate(500, 10.0, 0.1), "b": ArmEstimate(500, 10.05, 0.1), "c": ArmEstimate(500, 11.0, 0.1)}
    assert m.pairs(list(arms)) == [("a", "b"), ("a", "c"), ("b", "c")]
    found = m.all_pairs(arms)
    assert list(found) == m.pairs(list(arms))
    assert [one.p_value < 0.05 for one in found.values()] == [False, True, True]


def test_simultaneous_refuses_nonsense_and_takes_nothing() -> None:
    assert m.simultaneous([]) == ()
    with pytest.raises(ValueError, match=r"^confidence: "):
        m.simultaneous([], confidence=1.0)
