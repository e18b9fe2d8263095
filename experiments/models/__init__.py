"""Tables of experiments: the experiment and its arms, raw events, what they fold into, and analyses."""

from experiments.models.analysis import Analysis, LearnedPrior
from experiments.models.event import Event, EventKind
from experiments.models.experiment import Allocation, AllocationBatch, Arm, Design, Experiment, Holdout, Phase, Source
from experiments.models.folded import ArmMoments, FoldCursor, SliceMoments, UnitIdentity, UnitTotals
from experiments.models.sharing import ReportLink

__all__ = [
    "Allocation",
    "AllocationBatch",
    "Analysis",
    "Arm",
    "ArmMoments",
    "Design",
    "Event",
    "EventKind",
    "Experiment",
    "FoldCursor",
    "Holdout",
    "LearnedPrior",
    "Phase",
    "ReportLink",
    "SliceMoments",
    "Source",
    "UnitIdentity",
    "UnitTotals",
]
