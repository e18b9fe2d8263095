"""The plan before launch, pure: what a test of some length can find, and which way of sharing out traffic gains most.

Everything is judged over one horizon of traffic, the test included: a longer test decides better and leaves less to
gain from the decision.
"""

from experiments.planning.inputs import PlanInputs
from experiments.planning.lengths import Length, days_needed_for, lengths
from experiments.planning.recommending import Plan, make_plan
from experiments.planning.strategies import Outcome, simulate

__all__ = ["Length", "Outcome", "Plan", "PlanInputs", "days_needed_for", "lengths", "make_plan", "simulate"]
