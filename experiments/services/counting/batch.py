"""The work of one fold: which units its events concern, what is added to them or totalled anew, and what changes by it.

Everything is by canonical unit: the events of all its names are its own. A unit of whose events some were dropped
(services.retention) is never totalled anew, which would take away what they had counted: it is only added to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from experiments.models import Arm, Experiment
from experiments.queries.identities import canonical
from experiments.services.counting import table
from experiments.services.counting.adding import EXPOSURE, count, total_up
from experiments.services.counting.exchange import Exchange, Share, share_of
from experiments.services.counting.rule import Rule
from experiments.services.counting.seen import Seen, events_of, names_of
from experiments.services.counting.totals import Totals
from experiments.services.partitions import events_kept_since

Pair = tuple[int, str]


def misfitting(rules: Mapping[int, Rule]) -> list[int]:
    """The experiments with an arm whose moments are missing, or have other columns than its units would bring."""
    columns = Arm.objects.filter(experiment__in=rules).values_list("experiment_id", "moments__columns")
    return sorted({pk for pk, found in columns if tuple(found or ()) != rules[pk].columns})


class Batch:
    """New events, and units to be totalled anew whatever was counted before.

    `after` is the last sequence number that was folded before. `anew` holds the earliest time a unit may have been
    exposed. `retired` are names that are no longer counted by, each with the name that is: their totals go.
    """

    def __init__(
        self,
        events: Sequence[Seen] = (),
        *,
        after: int,
        anew: Mapping[Pair, datetime] | None = None,
        retired: Mapping[str, str] | None = None,
    ) -> None:
        self.after = after
        self.anew = dict(anew or {})
        self.events = _by_unit(events)
        self.known: defaultdict[str, dict[int, Totals]] = defaultdict(dict)
        for totals in table.of_units({*self.events, *(retired or ()), *(unit for _, unit in self.anew)}):
            self.known[totals.unit][totals.experiment_id] = totals
        self.rules = self._rules(events)
        self.sealed = self._sealed(events_kept_since())
        self.retired: dict[Pair, Pair] = {}
        for unit, name in (retired or {}).items():
            self.retired |= {(pk, unit): (pk, name) for pk in self.known[unit]}
        self._leave_sealed()
        self.before: dict[Pair, Share | None] = {}
        self.changed: dict[Pair, Totals | None] = {}

    def _rules(self, events: Sequence[Seen]) -> dict[int, Rule]:
        named = {event.experiment_id for event in events if event.experiment_id is not None}
        counted = {pk for of_unit in self.known.values() for pk in of_unit}
        concerned = Experiment.objects.in_bulk(named | counted | {pk for pk, _ in self.anew})
        return {pk: Rule.of(experiment) for pk, experiment in concerned.items()}

    def _sealed(self, kept_since: date | None) -> set[Pair]:
        """The known units of whose events some may be gone."""
        return {
            (pk, unit)
            for unit, of_unit in (self.known.items() if kept_since else ())
            for pk, totals in of_unit.items()
            if kept_since and self.rules[pk].first_day(totals.first_exposed_at) < kept_since
        }

    def _leave_sealed(self) -> None:
        """Two names that are joined stay two units where one of them is sealed."""
        joined = {pair for two in self.retired.items() if self.sealed.intersection(two) for pair in two}
        self.retired = {pair: kept for pair, kept in self.retired.items() if pair not in joined}
        self.anew = {pair: first for pair, first in self.anew.items() if pair not in joined | self.sealed}

    def fold(self) -> None:
        """Count the events and total the units, and store what changed."""
        for unit, events in self.events.items():
            self._find_new_exposures(unit, events)
        self._add_to_known()
        self._total_anew()
        self._retire()
        self._save()

    # --- which units are totalled anew --------------------------------------------------------------------------
    def _find_new_exposures(self, unit: str, events: Sequence[Seen]) -> None:
        for event in events:
            if event.kind != EXPOSURE or event.experiment_id is None:
                continue
            rule = self.rules.get(event.experiment_id)
            if rule is None or not rule.exposes(event):
                continue
            pair = (event.experiment_id, unit)
            known = self.known[unit].get(event.experiment_id)
            if pair not in self.sealed and (known is None or _begins(event, known)):
                earliest = known.first_exposed_at if known else event.occurred_at
                self.anew[pair] = min(self.anew.get(pair, earliest), event.occurred_at)

    # --- the common way: one more event of a known unit ---------------------------------------------------------
    def _add_to_known(self) -> None:
        for unit, events in self.events.items():
            for experiment_id, totals in self.known[unit].items():
                pair = (experiment_id, unit)
                if pair not in self.anew:
                    self._add(pair, totals, events)

    def _add(self, pair: Pair, totals: Totals, events: Sequence[Seen]) -> None:
        rule = self.rules[pair[0]]
        before = share_of(totals, rule)
        # Not any(): each event is to be counted.
        if sum([count(totals, event, rule) for event in events]):
            self.before[pair] = before
            self.changed[pair] = totals

    # --- the thorough way: all events of a unit -----------------------------------------------------------------
    def _total_anew(self) -> None:
        earlier = self._earlier_events()
        for pair in self.anew:
            experiment_id, unit = pair
            rule = self.rules[experiment_id]
            known = self.known[unit].get(experiment_id)
            totals = total_up(unit, rule, earlier.get(unit, []) + self.events.get(unit, []))
            if known is None and totals is None:
                continue
            self.before[pair] = share_of(known, rule) if known else None
            self.changed[pair] = totals
            if totals is not None and known is not None:
                totals.id = known.id

    def _earlier_events(self) -> dict[str, list[Seen]]:
        """All events folded before that can count for the units totalled anew, through the days that can hold them."""
        since: dict[str, date] = {}
        for (experiment_id, unit), first in self.anew.items():
            day = self.rules[experiment_id].first_day(first)
            since[unit] = min(day, since.get(unit, day))
        units_since: defaultdict[date, list[str]] = defaultdict(list)
        for unit, day in since.items():
            units_since[day].append(unit)
        found: defaultdict[str, list[Seen]] = defaultdict(list)
        for day, units in units_since.items():
            unit_of = {name: unit for unit, names in names_of(units).items() for name in names}
            for event in events_of(unit_of, since=day, through=self.after):
                found[unit_of[event.unit]].append(event)
        return found

    def _retire(self) -> None:
        for experiment_id, unit in self.retired:
            self.before[experiment_id, unit] = share_of(self.known[unit][experiment_id], self.rules[experiment_id])
            self.changed[experiment_id, unit] = None

    # --- writing ------------------------------------------------------------------------------------------------
    def _save(self) -> None:
        exchange = Exchange()
        for pair, totals in self.changed.items():
            exchange.replace(self.before[pair], share_of(totals, self.rules[pair[0]]) if totals else None)
            if totals:
                exchange.seen(totals)
        kept = [totals for totals in self.changed.values() if totals]
        table.write(
            new=[totals for totals in kept if totals.id is None],
            changed=[totals for totals in kept if totals.id is not None],
            gone=[self.known[unit][pk] for (pk, unit), totals in self.changed.items() if totals is None],
        )
        exchange.save()


def _by_unit(events: Sequence[Seen]) -> dict[str, list[Seen]]:
    names = canonical({event.unit for event in events}) if events else {}
    found: defaultdict[str, list[Seen]] = defaultdict(list)
    for event in events:
        found[names[event.unit]].append(event)
    return dict(found)


def _begins(event: Seen, known: Totals) -> bool:
    """Whether an exposure may be the first of a unit that is known with another.

    At the very same time too: which arm is the first is then decided by the ids of all its exposures.
    """
    if known.only_prefetched and not event.is_prefetch:
        return True
    return event.occurred_at <= known.first_exposed_at and (known.only_prefetched or not event.is_prefetch)
