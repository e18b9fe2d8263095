"""The tables of recall and precision that docs/fact-check.md shows and benchmarks/fact_check_table.py prints."""

from __future__ import annotations

from collections.abc import Sequence

from models_ml.fact_check import KINDS
from tests.models_ml.fact_check.cases import HELD_OUT, TUNED, Case, Score, cases, findings, score

LANGUAGES = {"en": "English", "zh": "Chinese", "both": "both"}
_HEAD = "| kind | " + " | ".join(f"{name}: labels | recall | precision" for name in LANGUAGES.values()) + " |"


def table() -> str:
    """The tables of the tuned and the held-out cases, and the shares of texts rightly blocked and let through."""
    titles = (("Cases the rules were tuned on", TUNED), ("Held-out cases", HELD_OUT))
    return "\n\n".join(f"**{title}**: {_counts(cases(*names))}\n\n{_scores(cases(*names))}" for title, names in titles)


def shares(chosen: Sequence[Case]) -> tuple[float, float]:
    """(share of the texts with a label that get any finding, share of the hard negatives that get none)."""
    labelled = [bool(findings(case)) for case in chosen if case.expect]
    silent = [not findings(case) for case in chosen if not case.expect]
    return sum(labelled) / len(labelled), sum(silent) / len(silent)


def _counts(chosen: Sequence[Case]) -> str:
    blocked, passed = shares(chosen)
    negatives = sum(not case.expect for case in chosen)
    return (
        f"{len(chosen)} texts, {negatives} of them hard negatives. Of the others {blocked:.1%} get a finding, "
        f"of the hard negatives {passed:.1%} get none."
    )


def _scores(chosen: Sequence[Case]) -> str:
    scores = score(chosen)
    kinds = [kind for kind in (*KINDS, "all") if ("both", kind) in scores]
    rows = [f"| {kind} | " + " | ".join(_cell(scores.get((one, kind))) for one in LANGUAGES) + " |" for kind in kinds]
    return "\n".join((_HEAD, "|" + "---|" * (1 + 3 * len(LANGUAGES)), *rows))


def _cell(found: Score | None) -> str:
    if found is None:
        return "0 | – | –"
    recall = f"{found.recall:.3f}" if found.met + found.missed else "–"
    precision = f"{found.precision:.3f}" if found.met + found.wrong else "–"
    return f"{found.met + found.missed} | {recall} | {precision}"
