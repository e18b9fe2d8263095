"""What a model's card and measures say, in words a marketer understands. Pure but for translation.

A card is whatever a training run recorded; what is known here is said plainly, the rest is left to the admin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from models_ml.wording.measures import called


class Line(NamedTuple):
    """One fact about a model."""

    label: str
    value: str


def card_lines(card: Mapping[str, Any]) -> list[Line]:
    """How the model came to be, as far as its card says it."""
    return list(_card(card))


def metric_lines(metrics: Mapping[str, Any]) -> list[Line]:
    """What was measured, as shares in percent; nested measures bear their group's name in front."""
    return [Line(_label(label), _figure(value)) for label, value in _flat(metrics, "") if _is_measure(label, value)]


def _card(card: Mapping[str, Any]) -> Iterator[Line]:
    if parameters := card.get("parameters"):
        yield Line(_("Size"), _("%(count)s parameters") % {"count": _count(parameters)})
    if vocabulary := card.get("vocabulary"):
        yield Line(_("Vocabulary"), _("%(count)s pieces of words") % {"count": _count(vocabulary)})
    for name, label in (("pretrain", _("First reading")), ("tune", _("Learning to write from briefs"))):
        stage = card.get("stages", {}).get(name)
        if stage:
            yield Line(label, _stage(stage))
    seconds = card.get("seconds")
    if isinstance(seconds, int | float):
        words = {"minutes": _rounded(seconds / 60, 1), "device": card.get("device", "?")}
        yield Line(_("Trained"), _("in %(minutes)s minutes on %(device)s") % words)
    if seed := card.get("plan", {}).get("seed"):
        yield Line(_("Seed"), str(seed))


def _stage(stage: Mapping[str, Any]) -> str:
    words = {"texts": _count(stage.get("texts")), "steps": _count(stage.get("steps"))}
    return _("%(texts)s texts in %(steps)s steps") % words


def _flat(values: Mapping[str, Any], group: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        label = f"{group}: {key}" if group else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, label)
        else:
            yield label, value


def _label(label: str) -> str:
    return ": ".join(map(called, label.split(": ")))


def _is_measure(label: str, value: object) -> bool:
    counted = label in {"briefs", "draws a brief", "seed", "seconds"}
    return not counted and isinstance(value, bool | int | float)


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, float) and 0 <= value <= 1:
        return f"{_rounded(100 * value, 1)} %"
    return _rounded(value, 2 if isinstance(value, float) else 0)


def _count(value: Any) -> str:
    return number_format(value, 0, force_grouping=True) if isinstance(value, int) else "?"


def _rounded(value: float, digits: int) -> str:
    # Django's own formatting cuts digits off instead of rounding.
    return number_format(round(value, digits), digits, force_grouping=True)
