"""Members: one person is one row, whatever the case of the address; roles are groups with permissions."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, transaction

from core.models import User
from core.roles import PERMISSIONS, Role, sync_roles
from tests import people

pytestmark = pytest.mark.django_db


def test_signing_in_ignores_the_case_of_the_address() -> None:
    alice = people.alice()
    assert authenticate(username="ALICE@Shop.test", password=people.PASSWORD) == alice
    assert authenticate(username="alice@shop.test", password="wrong") is None


def test_an_address_in_capitals_cannot_be_a_second_person() -> None:
    people.alice()
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="Alice@shop.test")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ALICE@shop.test")
    assert User.objects.count() == 1


def test_an_empty_address_is_refused() -> None:
    with pytest.raises(ValueError, match="email: an address is needed"):
        User.objects.create_user("")
    assert User.objects.count() == 0


def test_the_four_roles_are_there_after_migrate() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {role.value for role in Role}


def test_every_permission_a_role_names_exists() -> None:
    known = {
        f"{found.content_type.app_label}.{found.codename}"
        for found in Permission.objects.select_related("content_type")
    }
    assert {name for names in PERMISSIONS.values() for name in names} - known == {"*"}


def test_laying_the_roles_twice_changes_nothing() -> None:
    before = {group.name: group.permissions.count() for group in Group.objects.all()}
    sync_roles()
    assert {group.name: group.permissions.count() for group in Group.objects.all()} == before


ALLOWED = {
    ("Alice", "campaigns.generate_copy"),
    ("Alice", "experiments.launch_experiment"),
    ("Alice", "core.view_job"),
    ("Bob", "campaigns.review_copy"),
    ("Bob", "core.view_job"),
    ("Ana", "experiments.import_experiment"),
    ("Ana", "core.view_auditentry"),
    ("Ana", "core.view_job"),
    *(
        ("Dora", name)
        for name in (
            "campaigns.generate_copy",
            "experiments.launch_experiment",
            "core.view_job",
            "campaigns.review_copy",
        )
    ),
    *(("Dora", name) for name in ("experiments.import_experiment", "core.view_auditentry", "core.add_apikey")),
}


def test_each_role_may_do_its_own_work_and_no_other() -> None:
    team = [people.alice(), people.bob(), people.ana(), people.dora(), people.charlie()]
    asked = {name for _person, name in ALLOWED}
    assert {(person.name, name) for person in team for name in asked if person.has_perm(name)} == ALLOWED


def test_a_role_is_asked_by_name() -> None:
    assert people.alice().has_role(Role.MARKETER)
    assert not people.charlie().has_role(Role.MARKETER)
    assert User.objects.create_superuser("root@shop.test").has_role(Role.APPROVER)
