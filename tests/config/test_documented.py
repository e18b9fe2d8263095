"""What can be set and run is documented: every environment variable and every management command of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

import config.settings  # noqa: F401 - reading it fills env.DECLARED
from core import env

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "docs" / "configuration.md"
COMMANDS = ROOT / "docs" / "commands.md"
OURS = {"core", "experiments", "models_ml", "campaigns"}


def rows(page: Path) -> set[str]:
    """The first cell of each table row, which holds the name in backticks."""
    return set(re.findall(r"^\| `([^`]+)` \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    read_before_django = {name for name in rows(CONFIGURATION) if name in {"COPYLIFT_VAR", "COPYLIFT_RUNTIME_DIR"}}
    assert rows(CONFIGURATION) - read_before_django == set(env.DECLARED)


def test_every_command_is_documented_with_a_help_text() -> None:
    commands = {name: app for name, app in get_commands().items() if app in OURS}
    assert rows(COMMANDS) == set(commands)
    for name, app in commands.items():
        assert load_command_class(str(app), name).help, f"{name} has no help text"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
