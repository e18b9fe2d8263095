"""The rule builder: names, and rows of attribute, operator and value that work without JavaScript.

Peculiar: rows are repeated fields of one name each, and the buttons that add or take off a row submit the whole form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from campaigns import rule_rows
from campaigns.audience_words import OPERATOR_NAMES, explain
from campaigns.audiences import MAX_CONDITIONS, RuleError
from campaigns.models import Audience
from campaigns.queries.attributes import KnownAttribute
from campaigns.rule_rows import Row
from core import errors

LONGEST_VALUE = 4000


class AudienceForm(forms.ModelForm[Audience]):
    """What an audience is called."""

    class Meta:
        model = Audience
        fields = ["name_en", "name_zh", "description_en", "description_zh"]
        help_texts = {
            "name_en": _("One of the two names is enough; an empty one falls back to the other."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name_en"].required = False

    def clean(self) -> dict[str, Any]:
        """A name is needed, in one language."""
        values = super().clean() or self.cleaned_data
        if not values.get("name_en") and not values.get("name_zh"):
            self.add_error("name_en", _("A name is needed, in one of the two languages."))
        return dict(values)

    def take(self, problem: errors.CopyliftError) -> None:
        """Show what the service refused."""
        self.add_error(None, forms.ValidationError(problem.sentences()))


class RuleBuilder:
    """The rows as they are typed, the rule they come to, and the row and sentence of what is wrong with it."""

    def __init__(self, rows: Sequence[Row], known: Sequence[KnownAttribute]) -> None:
        self.rows = list(rows)
        self.known = list(known)
        self.rule: list[dict[str, Any]] | None = None
        self.problem = ""
        self.problem_row = -1
        self.problem_part = ""

    @classmethod
    def posted(cls, data: QueryDict, known: Sequence[KnownAttribute]) -> RuleBuilder:
        """The rows of a submitted form, one more or one less where that was asked for."""
        columns = [data.getlist(name)[: MAX_CONDITIONS + 1] for name in ("attribute", "operator", "value")]
        rows = [Row(*(text.replace("\0", "")[:LONGEST_VALUE] for text in row)) for row in zip(*columns, strict=False)]
        if "add" in data and len(rows) < MAX_CONDITIONS:
            rows.append(Row())
        if (place := data.get("remove", "")).isdecimal() and int(place) < len(rows):
            del rows[int(place)]
        return cls(rows, known)

    def check(self) -> bool:
        """Read the rows into the rule; whether that was possible."""
        try:
            self.rule = rule_rows.from_rows(self.rows, {one.name: one.kinds for one in self.known})
        except RuleError as problem:
            self.problem = explain(problem)
            _, _, place = problem.field.partition("rule.")
            number, _, part = place.partition(".")
            self.problem_row = int(number) if number.isdecimal() else -1
            self.problem_part = part.partition(".")[0]
        return self.rule is not None

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The rows for the page, each with its own problem; at least one, so that there is something to fill in."""
        values = {one.name: one.values for one in self.known}
        return [
            {
                "number": place + 1,
                "place": place,
                "row": row,
                "suggestions": values.get(row.attribute.strip(), ()),
                "problem": self.problem if place == self.problem_row else "",
            }
            for place, row in enumerate(self.rows or [Row()])
        ]

    @property
    def operators(self) -> list[tuple[str, Any]]:
        """What can be chosen."""
        return list(OPERATOR_NAMES.items())

    @property
    def is_full(self) -> bool:
        """Whether no row can be added."""
        return len(self.rows) >= MAX_CONDITIONS
