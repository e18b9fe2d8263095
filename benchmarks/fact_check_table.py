"""Recall and precision of the fact check on its labelled cases, by kind and language, and its speed.

    python benchmarks/fact_check_table.py           prints the table of docs/fact-check.md
    python benchmarks/fact_check_table.py --write   puts it into the page
    python benchmarks/fact_check_table.py --speed   prints copies checked a second, on the starter's own training copy

A finding is right where kind and excerpt are those of a label of its case.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from time import process_time

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [folder for folder in (str(_ROOT), str(_ROOT / "platform")) if folder not in sys.path]

from models_ml.brief import Brief, facts, fill  # noqa: E402 - the path comes first
from models_ml.fact_check import Support, check, reading  # noqa: E402
from models_ml.nn.grammar.world import sample_brief  # noqa: E402
from models_ml.nn.grammar.writer import write  # noqa: E402
from tests.models_ml.fact_check.reporting import table  # noqa: E402

PAGE = _ROOT / "docs" / "fact-check.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def speed(copies: int = 2000, seed: int = 5) -> float:
    """Copies checked a second of processor time, each with a support of its own, nothing read before."""
    drafts = _drafts(copies, Random(seed))
    check(drafts[0][0], Support(brief=drafts[0][1], facts=drafts[0][2]))  # the vocabulary is read once
    reading.forget()
    started = process_time()
    for parts, brief, known in drafts:
        check(parts, Support(brief=brief, facts=known))
    return copies / (process_time() - started)


def _drafts(copies: int, rng: Random) -> list[tuple[dict[str, str], Brief, dict[str, str]]]:
    drafts: list[tuple[dict[str, str], Brief, dict[str, str]]] = []
    while len(drafts) < copies:
        brief = sample_brief(rng, unseen=bool(len(drafts) % 2))
        if candidate := write(brief, rng):
            known = facts(brief)
            drafts.append(({part: fill(text, known) for part, text in candidate.parts().items()}, brief, known))
    return drafts


def main(arguments: Sequence[str]) -> None:
    """Print the table or the speed, or write the table into the page."""
    if "--speed" in arguments:
        print(f"{speed():,.0f} copies a second of one core")
        return
    print(table())
    if "--write" in arguments:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
