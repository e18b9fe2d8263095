"""What the rule packs find in labelled sentences: floors for each pack, and the tables of docs/compliance.md."""

from __future__ import annotations

import pytest

from campaigns.compliance.library import packs, rules_by_id
from tests.campaigns.compliance.labelling import SETS, Measure, cases, measured
from tests.campaigns.compliance.test_page import put

# (recall, precision) that no pack may fall under.
FLOORS = {"tuned": (0.98, 0.98), "held_out": (0.78, 0.88)}
TITLES = {"tuned": "Sentences the rules were made for", "held_out": "Held-out sentences"}


def test_there_are_enough_sentences_and_enough_that_must_pass() -> None:
    found = [case for name in SETS for case in cases(name)]
    assert len(found) >= 300
    assert len({(case.text, case.headline, case.day, case.channel, case.pack) for case in found}) == len(found)
    assert sum(case.language == "zh" for case in found) >= 120
    assert 3 * sum(not case.rules for case in found) > len(found)
    assert {case.pack for case in found} == {pack.id for pack in packs()}
    assert all(rule in rules_by_id() for case in found for rule in case.rules)


@pytest.mark.parametrize("name", SETS)
def test_no_pack_falls_under_its_floor(name: str) -> None:
    recall, precision = FLOORS[name]
    for (pack, language), measure in measured(name).items():
        if language == "both":
            assert measure.recall >= recall, (pack, measure.misses)
            assert measure.precision >= precision, (pack, measure.misses)


def test_the_tables_of_the_page_are_what_is_measured() -> None:
    put("measured", "\n\n".join(table(name) for name in SETS))


def table(name: str) -> str:
    """One set, a row a pack."""
    found = measured(name)
    whole = list(cases(name))
    head = "| pack | sentences | must pass | of these pass | English: labels | recall | precision | Chinese: labels | recall | precision | both: labels | recall | precision |"  # noqa: E501 - a row of a table
    lines = [
        f"**{TITLES[name]}**: {len(whole)}, of which {sum(not case.rules for case in whole)} must pass.",
        "",
        head,
        f"|{'---|' * 13}",
    ]
    for pack in (pack.id for pack in packs()):
        if (pack, "both") in found:
            both = found[pack, "both"]
            cells = [cell for one in ("en", "zh", "both") for cell in numbers(found.get((pack, one), Measure()))]
            counts = [str(both.sentences), str(both.negatives), str(both.clean)]
            lines.append(f"| {pack} | {' | '.join([*counts, *cells])} |")
    return "\n".join(lines)


def numbers(measure: Measure) -> tuple[str, str, str]:
    return (
        str(measure.labels),
        f"{measure.recall:.3f}" if measure.labels else "–",
        f"{measure.precision:.3f}" if measure.findings else "–",
    )
