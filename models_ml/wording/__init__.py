"""What is learned, in words a marketer understands: cards, plans, figures, checks and histories as lines of a page."""

from models_ml.wording.cards import Line, card_lines, metric_lines
from models_ml.wording.checks import GATE_WORDS, detail_lines
from models_ml.wording.datasets import needed_roles, report_lines, sample_lines
from models_ml.wording.histories import history_lines
from models_ml.wording.plans import figure_lines, plan_lines

__all__ = [
    "GATE_WORDS",
    "Line",
    "card_lines",
    "detail_lines",
    "figure_lines",
    "history_lines",
    "metric_lines",
    "needed_roles",
    "plan_lines",
    "report_lines",
    "sample_lines",
]
