"""The guides hold true: each picture they show is there, each page they name opens, and what they call a button is on a
page, in the language of the guide.
"""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest
from django.urls import resolve

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SCRIPT = ROOT / "scripts" / "screenshots.py"
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
# Walks through the pages, whose bold words are what stands there.
WALKS = ("marketer.md", "marketer.zh.md", "approver.md")


def text_of(guide: Path) -> str:
    return guide.read_text(encoding="utf-8")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_each_picture_of_a_guide_is_there(guide: Path) -> None:
    named = re.findall(r"""(?:\]\(|src=")([^)"]+\.png)""", text_of(guide))
    assert [one for one in named if not (guide.parent / one).is_file()] == []


def test_each_picture_is_shown_somewhere_and_can_be_taken_anew() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    taken = set(re.findall(r"""Shot\("([\w-]+)",""", SCRIPT.read_text(encoding="utf-8")))
    pictures = {picture.stem for picture in IMAGES.glob("*.png")}
    assert {name for name in pictures if f"images/{name}.png" not in pages} == set()
    assert pictures - taken == set()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_each_page_that_a_guide_names_opens(guide: Path) -> None:
    for path in re.findall(r"`(/[\w/-]+/)`", text_of(guide)):
        assert resolve(path).url_name, path


@pytest.mark.parametrize("name", WALKS)
def test_what_a_walk_calls_a_button_stands_on_a_page(name: str) -> None:
    catalogue = [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]
    said = {entry.msgstr if name.endswith(".zh.md") else entry.msgid for entry in catalogue}
    written = " ".join(text_of(ROOT / "docs" / "guide" / name).split())
    bold = set(re.findall(r"\*\*([^*]+)\*\*", written))
    assert sorted(bold - said) == []
