"""Tables of experiments: the experiment and its arms, raw events, what they fold into, and analyses."""

from experiments.models.analysis import Analysis
from experiments.models.event import Event, EventKind
from experiments.models.experiment import Arm, Experiment, Source
from experiments.models.folded import ArmMoments, FoldCursor, UnitTotals

__all__ = [
    "Analysis",
    "Arm",
    "ArmMoments",
    "Event",
    "EventKind",
    "Experiment",
    "FoldCursor",
    "Source",
    "UnitTotals",
]
