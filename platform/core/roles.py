"""The four roles as Django groups, laid anew after every migrate from one table.

A role names permissions by `app.codename`; a permission whose app is not migrated yet is taken up by the next run.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.db import DEFAULT_DB_ALIAS


class Role(StrEnum):
    """Who does what in a shop's team."""

    MARKETER = "marketer"
    APPROVER = "approver"
    ANALYST = "analyst"
    ADMINISTRATOR = "administrator"


# What everyone on the team may look at.
VIEW_ALL = (
    "campaigns.view_brand",
    "campaigns.view_product",
    "campaigns.view_audience",
    "campaigns.view_campaign",
    "campaigns.view_copy",
    "campaigns.view_review",
    "campaigns.view_productimport",
    "campaigns.view_placement",
    "campaigns.view_wave",
    "campaigns.view_message",
    "experiments.view_experiment",
    "experiments.view_arm",
    "experiments.view_analysis",
    "models_ml.view_modelversion",
    "models_ml.view_datasetversion",
    "models_ml.view_trainingrun",
    "core.view_job",
)

PERMISSIONS: dict[Role, tuple[str, ...]] = {
    Role.MARKETER: (
        *VIEW_ALL,
        "campaigns.add_brand",
        "campaigns.change_brand",
        "campaigns.add_product",
        "campaigns.change_product",
        "campaigns.add_audience",
        "campaigns.change_audience",
        "campaigns.add_campaign",
        "campaigns.change_campaign",
        "campaigns.add_copy",
        "campaigns.change_copy",
        "campaigns.generate_copy",
        "campaigns.submit_copy",
        "campaigns.trip_campaign",
        "campaigns.add_productimport",
        "campaigns.view_shopper",
        "campaigns.add_shopper",
        "campaigns.change_shopper",
        "campaigns.view_suppression",
        "campaigns.add_suppression",
        "campaigns.add_placement",
        "campaigns.change_placement",
        "campaigns.add_wave",
        "campaigns.change_wave",
        "experiments.add_experiment",
        "experiments.change_experiment",
        "experiments.launch_experiment",
        "experiments.share_report",
        "core.cancel_job",
    ),
    Role.APPROVER: (*VIEW_ALL, "campaigns.review_copy", "campaigns.change_copy", "campaigns.trip_campaign"),
    Role.ANALYST: (
        *VIEW_ALL,
        "experiments.add_experiment",
        "experiments.change_experiment",
        "experiments.import_experiment",
        "experiments.share_report",
        "models_ml.add_datasetversion",
        "models_ml.add_trainingrun",
        "models_ml.check_modelversion",
        "core.view_auditentry",
        "core.cancel_job",
    ),
    Role.ADMINISTRATOR: ("*",),
}


def sync_roles(**kwargs: Any) -> None:
    """Make the groups and set their permissions. Runs after migrate; running it again changes nothing."""
    # Tables are not there when this module is first imported, by AppConfig.ready.
    from django.contrib.auth.models import Group, Permission  # noqa: PLC0415

    using = kwargs.get("using", DEFAULT_DB_ALIAS)
    known = {
        f"{permission.content_type.app_label}.{permission.codename}": permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for role, names in PERMISSIONS.items():
        group, _ = Group.objects.using(using).get_or_create(name=role.value)
        granted = known.values() if "*" in names else [known[name] for name in names if name in known]
        group.permissions.set(granted)
