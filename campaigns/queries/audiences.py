"""How many shoppers an audience has, how many of them can be reached, and what it shares with tests and audiences.

Counts are exact and made by the database. What needs the hash (holdouts, coverage of running tests) and the overlaps
are taken from the shoppers themselves: from all of them up to `SAMPLE`, beyond that from a random part of about that
size, and then each figure bears the 95 % margin of a share in a sample without replacement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import (
    BooleanField,
    Case,
    Count,
    ExpressionWrapper,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Mod
from django.utils.translation import gettext as _

from campaigns.audience_sql import rule_q
from campaigns.models import Audience, Campaign, CampaignExperiment, Channel, Shopper
from campaigns.models.campaign import CampaignStatus
from campaigns.queries.shoppers import address_field, suppressed
from core import access, errors
from core.models import User
from experiments.lifecycle import Status
from experiments.queries import covering

SAMPLE = 20_000
Rule = Sequence[Mapping[str, Any]]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of shoppers, and how far it may be off where it comes from a sample; 0 where it was counted."""

    count: int
    margin: int = 0


@dataclass(frozen=True, slots=True)
class ChannelReach:
    """How many may be written to by a channel, and how many of those the global holdouts leave."""

    channel: Channel
    reachable: int
    outside_holdouts: Figure


@dataclass(frozen=True, slots=True)
class RunningOverlap:
    """How many fall into a running test's audience, and how many of those the test takes in."""

    link: CampaignExperiment
    shoppers: Figure
    taken_in: Figure


@dataclass(frozen=True, slots=True)
class AudienceOverlap:
    """How many are in another audience as well."""

    audience: Audience
    shoppers: Figure
    share: float


@dataclass(frozen=True, slots=True)
class Measure:
    """Everything the builder shows beside a rule."""

    total: int
    shoppers: int
    held_out: Figure
    has_holdouts: bool
    channels: tuple[ChannelReach, ...]
    running: tuple[RunningOverlap, ...]
    others: tuple[AudienceOverlap, ...]
    sampled: int

    @property
    def share(self) -> float:
        """Of all shoppers."""
        return self.shoppers / self.total if self.total else 0.0

    @property
    def is_sampled(self) -> bool:
        """Whether the figures below the counts come from a part of the shoppers."""
        return self.sampled < self.shoppers


def audience_by_key(key: str) -> Audience:
    """One audience, put away or not. Raises NotFound."""
    found = Audience.objects.filter(key=key).first()
    if found is None:
        raise errors.NotFound(_("There is no such audience."))
    return found


def audience_list(user: User) -> QuerySet[Audience]:
    """All audiences, those in use first, each with `campaign_count` of the campaigns the member may see."""
    theirs = access.visible(user, Campaign.objects.filter(audiences=OuterRef("pk"))).order_by()
    counted = theirs.annotate(n=Func("pk", function="count", output_field=IntegerField())).values("n")
    return Audience.objects.annotate(campaign_count=Subquery(counted)).order_by("is_archived", "key")


def shoppers_in(rules: Sequence[Rule]) -> tuple[int, list[int]]:
    """All shoppers, and how many each rule has now. One query."""
    counts = {f"rule_{place}": Count("pk", filter=rule_q(rule)) for place, rule in enumerate(rules) if rule}
    found = Shopper.objects.aggregate(total=Count("pk"), **counts)
    return found["total"], [found.get(f"rule_{place}", found["total"]) for place in range(len(rules))]


def running_links(user: User, audience: Audience | None = None) -> list[CampaignExperiment]:
    """The tests of running campaigns the member may see, paused ones too, in the order in which shoppers are tried."""
    running = access.visible(user, Campaign.objects.filter(status=CampaignStatus.RUNNING))
    links = CampaignExperiment.objects.filter(campaign__in=running)
    if audience is not None:
        links = links.filter(audience=audience)
    return list(links.select_related("campaign", "audience", "experiment").order_by("campaign_id", "position"))


def measure(rule: Rule, *, user: User, besides: Audience | None = None) -> Measure:
    """Count a valid rule and what it shares with running tests and with audiences other than `besides`."""
    matching = Shopper.objects.filter(rule_q(rule))
    counts = matching.aggregate(
        shoppers=Count("pk"), **{channel.value: Count("pk", filter=_reached(channel)) for channel in Channel}
    )
    links = running_links(user)
    others = [one for one in Audience.objects.filter(is_archived=False) if besides is None or one.pk != besides.pk]
    sample = _Sample(matching, counts["shoppers"], links, others)
    in_force = covering.holdouts_in_force()
    holdouts = covering.of_every_experiment(in_force)
    held = covering.held_out(sample.names, holdouts) if holdouts else np.zeros(len(sample.names), dtype=bool)
    return Measure(
        total=Shopper.objects.count(),
        shoppers=counts["shoppers"],
        held_out=sample.figure(held),
        has_holdouts=bool(holdouts),
        channels=tuple(
            ChannelReach(channel, counts[channel.value], sample.left(channel, held, counts[channel.value]))
            for channel in Channel
        ),
        running=tuple(sample.overlaps(links, in_force)),
        others=tuple(sample.shared(others)),
        sampled=len(sample.names),
    )


class _Sample:
    """The shoppers of a rule, or a random part of them, with what each falls into."""

    def __init__(
        self,
        matching: QuerySet[Shopper],
        size: int,
        links: Sequence[CampaignExperiment],
        others: Sequence[Audience],
    ) -> None:
        self.size = size
        columns = {
            **{f"by_{channel.value}": _flag(_reached(channel)) for channel in Channel},
            **{f"in_{one.pk}": _flag(rule_q(one.rule)) for one in others},
            **{f"of_{pk}": _first_fit(rules) for pk, rules in _by_campaign(links).items()},
        }
        rows = list(_part(matching, size).annotate(**columns).values_list("unit", *columns))
        self._columns = {name: np.array([row[place] for row in rows]) for place, name in enumerate(columns, start=1)}
        self.names = covering.hashed_names([row[0] for row in rows])

    def figure(self, flags: Flags) -> Figure:
        """How many of all the rule's shoppers bear a flag."""
        seen, n = int(np.count_nonzero(flags)), len(self.names)
        return _estimate(seen, n, self.size)

    def left(self, channel: Channel, held: Flags, reachable: int) -> Figure:
        """How many of those a channel reaches are outside the holdouts."""
        reached = self._columns[f"by_{channel.value}"].astype(bool)
        return _estimate(int(np.count_nonzero(reached & ~held)), int(np.count_nonzero(reached)), reachable)

    def overlaps(self, links: Sequence[CampaignExperiment], in_force: covering.Held) -> list[RunningOverlap]:
        """What each running test has of the rule's shoppers."""
        # A paused test takes nobody in, and still has its place when shoppers are tried.
        running = [link for link in links if link.experiment.status == Status.RUNNING]
        plans = covering.assignment_plans([link.experiment for link in running], in_force)
        found = []
        for link in running:
            inside = self._columns[f"of_{link.campaign_id}"] == link.position
            names = [name for name, flag in zip(self.names, inside, strict=True) if flag]
            taken = np.count_nonzero(covering.taken_in(names, plans[link.experiment_id])) if names else 0
            in_test = _estimate(int(taken), len(self.names), self.size)
            found.append(RunningOverlap(link, self.figure(inside), in_test))
        return found

    def shared(self, others: Sequence[Audience]) -> list[AudienceOverlap]:
        """What each other audience has of them, the largest first; those that share nobody are left out."""
        figures = [(one, self.figure(self._columns[f"in_{one.pk}"].astype(bool))) for one in others]
        found = [AudienceOverlap(one, figure, figure.count / self.size) for one, figure in figures if figure.count]
        return sorted(found, key=lambda one: -one.shoppers.count)


def shared_between(pairs: Sequence[tuple[Audience, Audience]]) -> list[Figure]:
    """How many shoppers are in both audiences of each pair, by the rules as they are now. Two queries for all pairs."""
    if not pairs:
        return []
    total = Shopper.objects.count()
    both = {
        f"pair_{place}": Count("pk", filter=rule_q(one.rule) & rule_q(other.rule))
        for place, (one, other) in enumerate(pairs)
        if one.rule or other.rule
    }
    found = _part(Shopper.objects.all(), total).aggregate(seen=Count("pk"), **both)
    return [_estimate(found.get(f"pair_{place}", found["seen"]), found["seen"], total) for place in range(len(pairs))]


def _part(matching: QuerySet[Shopper], size: int) -> QuerySet[Shopper]:
    """All of them, or one in so many by a hash of the row's number, which follows nothing a rule could ask for."""
    if size <= SAMPLE:
        return matching.order_by()
    hashed = Func("pk", function="hashint8", output_field=IntegerField())
    return matching.order_by().annotate(part=Mod(hashed, ceil(size / SAMPLE))).filter(part=0)


def _estimate(seen: int, n: int, size: int) -> Figure:
    if n == 0:
        return Figure(0)
    if n >= size:
        return Figure(seen)
    share = seen / n
    error = sqrt(share * (1 - share) / n * (1 - n / size))
    # Nothing seen is not nothing there: three in n is the 95 % bound then.
    margin = 1.96 * error if 0 < seen < n else 3 / n
    return Figure(round(share * size), max(1, ceil(margin * size)))


def _reached(channel: Channel) -> Q:
    agreed = Q(channels__contains=[channel.value]) & ~Q(**{address_field(channel): ""})
    return agreed & ~suppressed(channel.value)


def _flag(condition: Q) -> Any:
    if not condition:
        return Value(value=True, output_field=BooleanField())
    return ExpressionWrapper(condition, output_field=BooleanField())


def _by_campaign(links: Sequence[CampaignExperiment]) -> dict[int, list[tuple[int, Rule]]]:
    found: dict[int, list[tuple[int, Rule]]] = {}
    for link in links:
        found.setdefault(link.campaign_id, []).append((link.position, link.rule))
    return found


def _first_fit(rules: Sequence[tuple[int, Rule]]) -> Case:
    """The position of the first rule that fits, as deciding does; -1 where none does."""
    everybody = next((place for place, (_position, rule) in enumerate(rules) if not rule), len(rules))
    tried = [When(rule_q(rule), then=Value(position)) for position, rule in rules[:everybody]]
    rest = rules[everybody][0] if everybody < len(rules) else -1
    return Case(*tried, default=Value(rest), output_field=IntegerField())
