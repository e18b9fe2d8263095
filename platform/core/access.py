"""Who may see one thing among many: apps lay down a rule for a table, doors narrow their reads by it.

A permission says what a role may do at all; a rule here says to which rows. It lets a lower floor ask without knowing
the floor above: `experiments` asks for the experiments a member may see, `campaigns` knows whose brand they belong to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from core.models import User

Row = TypeVar("Row", bound=Model)
Rule = Callable[[User, Any], Any]
_RULES: dict[str, Rule] = {}


def register(table: str, rule: Rule) -> None:
    """Lay down `rule(user, queryset) -> queryset` for a table such as "experiments.Experiment"; once, in ready()."""
    _RULES[table] = rule


def visible(user: User, rows: QuerySet[Row]) -> QuerySet[Row]:
    """The rows the member may see: all, where no rule is laid down for the table."""
    rule = _RULES.get(rows.model._meta.label)
    narrowed: QuerySet[Row] = rule(user, rows) if rule is not None else rows
    return narrowed
