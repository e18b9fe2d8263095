"""Planning a training run. What is left empty is the method's default, shown with its source below the form."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from models_ml import queries
from models_ml.forms.datasets import Taking
from models_ml.models import DatasetVersion, ModelVersion, Task
from models_ml.nn.tuning.methods import METHODS
from models_ml.nn.tuning.plan import PRECISIONS, SCHEDULES, TASKS

OBJECTIVE_LABELS = {
    "supervised": _("Write copy from briefs (supervised)"),
    "causal": _("Read the shop's texts on (causal)"),
    "masked": _("Read the shop's texts on (masked, for encoders)"),
    "classify": _("Sort texts by label"),
    "score_pairs": _("Score pairs of copy"),
    "dpo": _("Prefer the better copy (DPO)"),
    "kto": _("Prefer the better copy (KTO)"),
}
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
# Fields that go into the plan as they are, where they are not empty.
PLAN_FIELDS = (
    *("objective", "method", "seed", "epochs", "max_steps", "batch_size", "gradient_accumulation", "learning_rate"),
    *("schedule", "max_length", "packing", "gradient_checkpointing", "precision", "early_stopping_patience"),
    *("evaluate_every", "save_every", "rank", "alpha", "dropout", "virtual_tokens"),
)
GROUPS = (
    (_("What and from what"), ("name", "dataset", "base_version", "hub_id", "objective", "method")),
    (_("How long"), ("epochs", "max_steps", "batch_size", "gradient_accumulation", "early_stopping_patience", "seed")),
    (
        _("How fast and how much"),
        (
            *("learning_rate", "schedule", "rank", "alpha", "dropout", "virtual_tokens", "max_length"),
            *("evaluate_every", "save_every", "precision", "packing", "gradient_checkpointing"),
        ),
    ),
)


class DatasetChoice(forms.ModelChoiceField[DatasetVersion]):
    """A dataset by name, with what it teaches and how many rows it has to learn from."""

    def label_from_instance(self, obj: DatasetVersion) -> str:
        """One line of the list."""
        return f"{obj.name} · {Task(obj.task).label} · {obj.rows('train')}"


class BaseChoice(forms.ModelChoiceField[ModelVersion]):
    """A version by name and stage."""

    def label_from_instance(self, obj: ModelVersion) -> str:
        """One line of the list."""
        return f"{obj.name} · {obj.get_stage_display()} · {obj.content_hash[:8]}"


class RunForm(Taking):
    """Everything that decides a run's weights."""

    renamed = {"base": "hub_id"}

    request_key = forms.UUIDField(widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    dataset = DatasetChoice(label=_("Dataset"), queryset=DatasetVersion.objects.none())
    base_version = BaseChoice(
        label=_("Base"), queryset=ModelVersion.objects.none(), required=False, empty_label=_("– a model of the hub –")
    )
    hub_id = forms.CharField(
        label=_("Hub id"),
        required=False,
        max_length=200,
        help_text=_("Of Hugging Face, such as organisation/model; only where no base is chosen."),
    )
    objective = forms.ChoiceField(label=_("Objective"), choices=[(one, OBJECTIVE_LABELS[one]) for one in TASKS])
    method = forms.ChoiceField(
        label=_("Method"), choices=[(one.name, _(one.title)) for one in METHODS.values()], initial="lora"
    )
    epochs = forms.FloatField(label=_("Passes over the data"), min_value=0.001, max_value=1000, initial=1)
    max_steps = forms.IntegerField(
        label=_("Steps at most"), required=False, min_value=1, help_text=_("Empty: as the passes ask.")
    )
    batch_size = forms.IntegerField(label=_("Rows a batch"), min_value=1, max_value=4096, initial=8)
    gradient_accumulation = forms.IntegerField(label=_("Batches a step"), min_value=1, max_value=4096, initial=1)
    early_stopping_patience = forms.IntegerField(
        label=_("Patience"),
        min_value=0,
        max_value=1000,
        initial=3,
        help_text=_("Stop after so many looks without a better validation loss. 0: never."),
    )
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=2**32 - 1, initial=1)
    learning_rate = forms.FloatField(label=_("Learning rate"), required=False, min_value=1e-9, max_value=10)
    schedule = forms.ChoiceField(label=_("Schedule"), choices=[(one, one) for one in SCHEDULES], initial=SCHEDULES[0])
    rank = forms.IntegerField(label=_("Rank"), required=False, min_value=1, max_value=4096)
    alpha = forms.FloatField(label=_("Alpha"), required=False, min_value=1e-6)
    dropout = forms.FloatField(label=_("Dropout"), required=False, min_value=0, max_value=0.99)
    virtual_tokens = forms.IntegerField(label=_("Virtual tokens"), required=False, min_value=1, max_value=4096)
    max_length = forms.IntegerField(label=_("Longest row, in tokens"), min_value=8, max_value=1_000_000, initial=512)
    evaluate_every = forms.IntegerField(
        label=_("Validate every so many steps"),
        min_value=0,
        initial=0,
        help_text=_("0: as the length of the run asks."),
    )
    save_every = forms.IntegerField(label=_("Save every so many steps"), min_value=0, initial=0)
    precision = forms.ChoiceField(
        label=_("Precision"), choices=[(one, one) for one in PRECISIONS], initial=PRECISIONS[0]
    )
    packing = forms.BooleanField(label=_("Pack short rows together"), required=False, initial=True)
    gradient_checkpointing = forms.BooleanField(
        label=_("Save memory (gradient checkpointing)"), required=False, initial=False
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial={"request_key": uuid.uuid4(), **(initial or {})})
        datasets, bases = self.fields["dataset"], self.fields["base_version"]
        assert isinstance(datasets, DatasetChoice)  # noqa: S101 - declared above
        assert isinstance(bases, BaseChoice)  # noqa: S101 - declared above
        datasets.queryset = queries.ready_datasets()
        bases.queryset = queries.trainable_versions()

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The fields in the order of the page."""
        return [{"title": title, "fields": [self[name] for name in names]} for title, names in GROUPS]

    def clean_hub_id(self) -> str:
        """A hub id, never a path: folders come from the registry."""
        hub_id: str = self.cleaned_data["hub_id"].strip()
        if hub_id and (not HUB_ID.fullmatch(hub_id) or ".." in hub_id or (Path(settings.ROOT) / hub_id).exists()):
            raise forms.ValidationError(_("This is no hub id. Folders are chosen from the registry."))
        return hub_id

    def clean(self) -> dict[str, Any]:
        """One base, and only one."""
        cleaned = super().clean() or {}
        both = bool(cleaned.get("base_version")) + bool(cleaned.get("hub_id"))
        if both != 1 and "hub_id" not in self.errors:
            self.add_error("base_version", _("Choose a base, or name a model of the hub; not both."))
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """The checked values as `services.start_training` takes them."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "dataset": data["dataset"],
            "base": data["base_version"] or data["hub_id"],
            "settings_of_plan": {name: data[name] for name in PLAN_FIELDS if data[name] not in (None, "")},
            "request_key": str(data["request_key"]),
        }
