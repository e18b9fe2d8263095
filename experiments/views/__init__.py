"""Pages of experiments: results of those that run or ran, and the plan of those to come."""

from experiments.views.planning import experiment_plan
from experiments.views.reading import experiment_decide, experiment_learned
from experiments.views.results import (
    experiment_detail,
    experiment_export,
    experiment_list,
    experiment_move,
    experiment_report,
    experiment_report_pdf,
)
from experiments.views.sharing import report_revoke, report_share

__all__ = [
    "experiment_decide",
    "experiment_detail",
    "experiment_export",
    "experiment_learned",
    "experiment_list",
    "experiment_move",
    "experiment_plan",
    "experiment_report",
    "experiment_report_pdf",
    "report_revoke",
    "report_share",
]
