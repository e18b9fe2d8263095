"""Handing in files, and saying which column is what. What the service refuses is shown at the field it names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from core import errors
from models_ml.data.plan import KINDS, LANGUAGES
from models_ml.data.reading import JOINED_BY
from models_ml.mapping import guess, roles_of
from models_ml.models import SourceFile, Task
from models_ml.services import ChosenSource

MOST_FILES = 20
KIND_LABELS = {
    "catalogue": _("catalogue"),
    "reviews": _("reviews"),
    "search_logs": _("search logs"),
    "copy": _("past copy"),
    "pairs": _("pairs of copy with results"),
    "labels": _("labelled texts"),
    "chat": _("conversations"),
}
ROLE_LABELS = {
    "text": _("Text"),
    "label": _("Label"),
    "messages": _("Messages"),
    "prompt": _("What was asked"),
    "answer": _("The copy"),
    "brief": _("Brief (JSON)"),
    "theme": _("Theme"),
    "headline": _("Headline"),
    "body": _("Body"),
    "call_to_action": _("Call to action"),
    "chosen": _("The better copy"),
    "rejected": _("The worse copy"),
    "group": _("Product or test"),
    "weight": _("Weight of the evidence"),
}
LANGUAGE_CHOICES = [("", _("look at each row")), ("en", _("English")), ("zh", _("Chinese"))]


class SeveralFiles(forms.ClearableFileInput):
    """A file input that takes more than one."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or more; each must hold something."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        """The files, each checked."""
        files = data if isinstance(data, list | tuple) else [data]
        if len(files) > MOST_FILES:
            raise forms.ValidationError(_("At most %(most)s files at once.") % {"most": MOST_FILES})
        return [super(FilesField, self).clean(one, initial) for one in files]


class Taking(forms.Form):
    """A form that shows what a service refused at the fields it names. `renamed` leads from its names to ours."""

    renamed: dict[str, str] = {}

    def take(self, problem: errors.CopyliftError) -> None:
        """Put each sentence where it belongs."""
        for one in problem.problems:
            name = self.renamed.get(one.field, one.field)
            self.add_error(name if name in self.fields else None, one.message)
        if not problem.problems:
            self.add_error(None, problem.message)


class UploadForm(Taking):
    """The first step: the files, what they shall teach, and a name."""

    renamed = {"file": "data_files"}

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("Such as “Catalogue, spring”."))
    task = forms.ChoiceField(label=_("Shall teach"), choices=Task.choices)
    data_files = FilesField(label=_("Files"), help_text=_("CSV, TSV, JSON lines or Parquet; several may be chosen."))


class SourceForm(Taking):
    """One file: what it is, its language, and the column of each role, guessed from the columns' names."""

    kind = forms.ChoiceField(label=_("This file is"), choices=[(kind, KIND_LABELS[kind]) for kind in KINDS])
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGE_CHOICES, required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, file: SourceFile, task: str, columns: Sequence[str]
    ) -> None:
        super().__init__(data, prefix=f"file-{file.pk}")
        self.file, self.columns, self.roles = file, list(columns), roles_of(task)
        guessed = guess(task, self.columns)
        self.fields["kind"].initial = default_kind(task)
        for role in self.roles:
            self.fields[f"role_{role}"] = forms.CharField(
                label=ROLE_LABELS[role],
                required=False,
                initial=guessed.get(role, ""),
                max_length=500,
                widget=forms.TextInput(attrs={"list": f"columns-{file.pk}", "autocomplete": "off"}),
            )

    def role_fields(self) -> list[forms.BoundField]:
        """The fields of the roles, for the page."""
        return [self[f"role_{role}"] for role in self.roles]

    def clean(self) -> dict[str, Any]:
        """Every column named must be there."""
        cleaned = super().clean() or {}
        for role in self.roles:
            column = cleaned.get(f"role_{role}", "").strip()
            names = [column] if column in self.columns else column.split(JOINED_BY)
            missing = next((name for name in names if name and name not in self.columns), None)
            if missing is not None:
                there = ", ".join(self.columns)
                sentence = _("There is no column “%(name)s”. There are: %(there)s")
                self.add_error(f"role_{role}", sentence % {"name": missing, "there": there})
        return cleaned

    def chosen(self) -> ChosenSource:
        """What the service takes."""
        data = self.cleaned_data
        columns = {role: data[f"role_{role}"].strip() for role in self.roles if data[f"role_{role}"].strip()}
        return ChosenSource(self.file, data["kind"], columns, data["language"] or None)


class DatasetForm(Taking):
    """How rows are cleaned and split."""

    renamed = {"shares": "train", "near_duplicate_threshold": "near"}

    name = forms.CharField(label=_("Name"), max_length=120)
    languages = forms.MultipleChoiceField(
        label=_("Languages"),
        choices=[(code, label) for code, label in LANGUAGE_CHOICES if code],
        initial=list(LANGUAGES),
        widget=forms.CheckboxSelectMultiple,
    )
    train = forms.IntegerField(label=_("To learn from, %"), min_value=1, max_value=100, initial=80)
    validation = forms.IntegerField(label=_("To watch while learning, %"), min_value=0, max_value=99, initial=10)
    group_by = forms.ChoiceField(
        label=_("Split by"),
        choices=[("group", _("product or test")), ("text", _("text, where there is neither"))],
        help_text=_("Rows of one product or test never stand on both sides."),
    )
    near = forms.FloatField(
        label=_("Too alike from"),
        min_value=0.5,
        max_value=1,
        initial=0.8,
        help_text=_("Share of common word sequences; 1 drops equal texts only."),
    )
    labels = forms.CharField(
        label=_("Allowed labels"), required=False, max_length=2000, help_text=_("Separated by commas. Empty: any.")
    )
    mask_personal = forms.BooleanField(label=_("Mask personal data"), required=False, initial=True)
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=2**31 - 1, initial=1)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, task: str, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial)
        if task != Task.LABELS:
            del self.fields["labels"]

    def clean(self) -> dict[str, Any]:
        """The shares must leave nothing below zero."""
        cleaned = super().clean() or {}
        if cleaned.get("train", 0) + cleaned.get("validation", 0) > 100:
            self.add_error("validation", _("Both shares together are more than 100 %."))
        return cleaned

    def options(self) -> dict[str, Any]:
        """The fields of the plan."""
        data = self.cleaned_data
        train, validation = data["train"] / 100, data["validation"] / 100
        labels = [label.strip() for label in data.get("labels", "").split(",") if label.strip()]
        return {
            "seed": data["seed"],
            "shares": (train, validation, round(1 - train - validation, 10)),
            "languages": tuple(data["languages"]),
            "labels": tuple(labels),
            "near_duplicate_threshold": data["near"],
            "mask_personal": data["mask_personal"],
            "group_by": data["group_by"],
        }


def default_kind(task: str) -> str:
    """What a file most probably is."""
    return {Task.TEXT.value: "catalogue", Task.LABELS.value: "labels", Task.PAIRS.value: "pairs"}.get(task, "copy")
