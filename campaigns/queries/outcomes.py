"""What past experiments and reviews say of copy: the material that scorers and writers learn from.

Three readings of the same rows. Arms with their counts train a scorer. Winners are shown to a writer as examples.
Briefs with answers, and pairs of answers with the evidence for the better one, train a writer. Chances come from
beta posteriors with Jeffreys' prior (a half each), and a pair's weight is 2 P(better) - 1: nothing where the test could
not tell, 1 where it was certain. What a person wrote or approved is kept apart from what shoppers did.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.models import Campaign, Copy, Product
from campaigns.models.copies import CopyStatus
from campaigns.queries import judgements
from campaigns.queries.reading import brief_of, lead_products, written_parts
from core import access, errors
from core.models import User
from experiments import queries as experiments
from experiments.stats.beta_binomial import Beta, chance_above
from experiments.stats.proportions import Counts
from models_ml.brief import Brief, BriefError
from models_ml.channels import PARTS
from models_ml.data.rows import four_lines
from models_ml.scores import PastText

JEFFREYS = Beta(0.5, 0.5)
# Below this the test says next to nothing, and the pair would teach noise.
LEAST_WEIGHT = 0.2
TESTED, EDITED, REJECTED = "test", "edit", "rejection"
# One person found a text unfit to be shown; what shoppers would have done is not known.
REJECTED_WEIGHT = 0.5
# An arm is an example to follow once it beats the control with this chance.
LEAST_CHANCE = 0.9
# The lead product of each campaign by its id.
Leads = Mapping[int, Product]
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class PastArm:
    """One text that was tested: `test` and `group` say what it may be compared with, `share` what was planned."""

    test: str
    group: str
    language: str
    parts: dict[str, str]
    is_control: bool
    share: float
    units: int
    successes: int
    copy_id: int | None

    @property
    def text(self) -> str:
        """What the shopper read, as one text."""
        return " ".join(self.parts[part] for part in PARTS if self.parts.get(part))

    def tested(self) -> PastText:
        """As a scorer learns from it."""
        return PastText(self.test, self.group, self.text, self.language, self.share, self.units, self.successes)


def past_arms() -> list[PastArm]:
    """The arms of finished experiments that showed texts; of an import the arm's name is its text."""
    return [arm for test in experiments.finished_tests() for arm in _arms(test)]


@dataclass(frozen=True)
class Win:
    """A copy that beat the control of its test: by how much (0.1 is 10 %), and how surely."""

    copy: Copy
    test: str
    lift: float
    chance: float


def wins(tested: Sequence[PastArm]) -> list[Win]:
    """The copy behind each arm that beat its control with `LEAST_CHANCE` or more, the surest first."""
    copies, found = _copies(tested), []
    for control, arm in _against_control(tested):
        chance, copy = chance_better(arm, control), copies.get(arm.copy_id)
        if copy is not None and chance >= LEAST_CHANCE and control.successes:
            lift = (arm.successes / arm.units) / (control.successes / control.units) - 1
            found.append(Win(copy, arm.test, lift, chance))
    return sorted(found, key=lambda one: (-one.chance, f"copy-{one.copy.pk}"))


def past_winners(arms: Sequence[PastArm] | None = None, *, without_campaign: int | None = None) -> list[dict[str, Any]]:
    """Approved copy that beat the control, as `models_ml.examples.Winner.from_json` reads it, the surest first.

    The texts are as written, with slots, so that a writer sees how facts are named. The campaign that asks is left out:
    a writer must not be shown the answers of its own test. `arms` are `past_arms()` where they were read already.
    """
    found = []
    won = wins(past_arms() if arms is None else arms)
    leads = _leads(win.copy for win in won)
    for win in won:
        copy = win.copy
        brief = _usable_brief(copy, leads) if copy.campaign_id != without_campaign else None
        if brief is not None:
            text = {"theme": copy.theme, **written_parts(copy)}
            name = {"id": f"copy-{copy.pk}", "campaign": copy.campaign.key}
            found.append({**name, "brief": brief, "copy": text, "lift": win.lift, "probability": win.chance})
    return found


def winners_beside(campaign: Campaign, member: User, limit: int) -> list[Win]:
    """Winners of other campaigns in the same channel and language, of brands the member may see, the surest first."""
    same = (campaign.channel, campaign.language)
    found = [
        one
        for one in wins(past_arms())
        if one.copy.campaign_id != campaign.pk and (one.copy.campaign.channel, one.copy.campaign.language) == same
    ]
    rows = Copy.objects.filter(pk__in=[one.copy.pk for one in found])
    seen = set(access.visible(member, rows).values_list("pk", flat=True))
    return [one for one in found if one.copy.pk in seen][:limit]


def answer_rows() -> Iterator[dict[str, Any]]:
    """Approved copy with the brief it answers: what a person let through. Grouped by product."""
    approved = Copy.objects.filter(status=CopyStatus.APPROVED).select_related("campaign__brand", "audience", "product")
    rows = approved.order_by("pk").iterator(chunk_size=500)
    for some in iter(lambda: list(itertools.islice(rows, 500)), []):
        leads = _leads(some)
        for copy in some:
            if brief := _usable_brief(copy, leads):
                yield {"brief": brief, "theme": copy.theme, **written_parts(copy), "group": _group(copy)}


def pair_rows(arms: Sequence[PastArm] | None = None) -> Iterator[dict[str, Any]]:
    """Pairs of answers to one brief with the weight of the evidence and its `source`: a test, an edit, a rejection.

    `arms` are `past_arms()` where they were read already.
    """
    yield from _tested_pairs(past_arms() if arms is None else arms)
    yield from _judged_pairs()


def chance_better(first: PastArm, second: PastArm) -> float:
    """P(the first arm's true share is larger)."""
    return chance_above(_posterior(first), _posterior(second))


def brief_json(copy: Copy, leads: Leads | None = None) -> dict[str, Any] | None:
    """The brief a copy answers: the one it was written from where that is kept, else its campaign's as it is now.

    `leads` are the lead products by campaign where they were read already, for reading many.
    """
    kept = copy.provenance.get("brief")
    if isinstance(kept, dict):
        return kept
    try:
        return brief_of(copy.campaign, copy.audience, lead=(leads or {}).get(copy.campaign_id)).to_json()
    except errors.CopyliftError:
        return None


# --- arms -------------------------------------------------------------------------------------------------------------
def _arms(test: experiments.FinishedTest) -> Iterator[PastArm]:
    for arm in test.arms:
        parts = {part: str(arm.content[part]) for part in PARTS if arm.content.get(part)} or {"headline": arm.name}
        language = str(arm.content.get("language") or ("zh" if _HAN.search(" ".join(parts.values())) else "en"))
        copy_id = arm.content.get("copy_id")
        yield PastArm(
            test=test.key,
            group=f"{arm.content.get('channel', '')}/{language}",
            language=language,
            parts=parts,
            is_control=arm.is_control,
            share=arm.share,
            units=arm.units,
            successes=min(arm.successes, arm.units),
            copy_id=copy_id if isinstance(copy_id, int) else None,
        )


def _posterior(arm: PastArm) -> Beta:
    return JEFFREYS.after(Counts(arm.successes, arm.units))


def _by_test(tested: Sequence[PastArm]) -> Iterator[list[PastArm]]:
    for _, arms in itertools.groupby(tested, key=lambda arm: arm.test):
        yield list(arms)


def _against_control(tested: Sequence[PastArm]) -> Iterator[tuple[PastArm, PastArm]]:
    for arms in _by_test(tested):
        control = next((arm for arm in arms if arm.is_control), None)
        if control is not None:
            yield from ((control, arm) for arm in arms if not arm.is_control)


# --- pairs ------------------------------------------------------------------------------------------------------------
def _tested_pairs(tested: Sequence[PastArm]) -> Iterator[dict[str, Any]]:
    copies = _copies(tested)
    leads = _leads(copies.values())
    for arms in _by_test(tested):
        shown = [arm for arm in arms if arm.copy_id is not None]
        for one, other in itertools.combinations(shown, 2):
            chance = chance_better(one, other)
            better, worse = (one, other) if chance >= 0.5 else (other, one)
            weight = 2 * max(chance, 1 - chance) - 1
            if weight >= LEAST_WEIGHT:
                pair = (copies.get(better.copy_id), copies.get(worse.copy_id))
                for row in _pair(*pair, weight=weight, group=better.test, leads=leads):
                    yield {**row, "source": TESTED}


def _judged_pairs() -> Iterator[dict[str, Any]]:
    """What people preferred: an approved edit to what it was made from, an approved text to a rejected one."""
    judged = [(*pair, EDITED, 1.0) for pair in judgements.edits()]
    judged += [(*pair, REJECTED, REJECTED_WEIGHT) for pair in judgements.rejections()]
    leads = _leads(better for better, *_rest in judged)
    for better, worse, source, weight in judged:
        for row in _pair(better, worse, weight=weight, group=_group(better), leads=leads):
            yield {**row, "source": source}


def _pair(
    better: Copy | None, worse: Copy | None, *, weight: float, group: str, leads: Leads
) -> Iterator[dict[str, Any]]:
    if better is None or worse is None or not (brief := _usable_brief(better, leads)):
        return
    chosen, rejected = (four_lines({"theme": copy.theme, **written_parts(copy)}) for copy in (better, worse))
    if chosen != rejected:
        weighed = {"weight": round(weight, 4), "group": group}
        yield {"brief": brief, "chosen": chosen, "rejected": rejected, **weighed}


# --- copies -----------------------------------------------------------------------------------------------------------
def _copies(tested: Sequence[PastArm]) -> dict[int | None, Copy]:
    """The copies behind the arms by their ids, in one query."""
    rows = Copy.objects.select_related("campaign__brand", "audience", "product")
    wanted = {arm.copy_id for arm in tested if arm.copy_id is not None}
    return {copy.pk: copy for copy in rows.filter(pk__in=wanted)}


def _leads(copies: Iterable[Copy]) -> Leads:
    """The lead products of the campaigns whose copy does not keep its own brief."""
    return lead_products(copy.campaign_id for copy in copies if "brief" not in copy.provenance)


def _usable_brief(copy: Copy, leads: Leads) -> dict[str, Any] | None:
    found = brief_json(copy, leads)
    try:
        Brief.from_json(found)
    except BriefError:
        return None
    return found


def _group(copy: Copy) -> str:
    return copy.product.sku if copy.product is not None else copy.campaign.key
