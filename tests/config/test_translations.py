"""The Chinese catalogue: whole, with the same placeholders, compiled, and in step with what the pages say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.utils.translation import override

from campaigns.forms.audiences import AudienceForm
from tests import people

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sd]|\{[a-z_]+\}|<[^>]+>")
SOURCES = ("campaigns", "experiments", "models_ml", "platform", "templates")


def entries() -> list[polib.POEntry]:
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def said(entry: polib.POEntry | polib.MOEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_sentence_is_translated_and_none_is_a_guess() -> None:
    assert len(entries()) > 1000
    assert [entry.msgid for entry in entries() if not entry.translated() or entry.fuzzy] == []


def test_a_translation_fills_the_same_placeholders() -> None:
    wrong = []
    for entry in entries():
        allowed = set(PLACEHOLDER.findall(entry.msgid)) | set(PLACEHOLDER.findall(entry.msgid_plural))
        needed = set(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
        wrong += [entry.msgid for text in said(entry) if set(PLACEHOLDER.findall(text)) - allowed]
        wrong += [entry.msgid for text in said(entry) if needed - set(PLACEHOLDER.findall(text))]
    assert wrong == []


def test_a_sentence_keeps_its_end_of_line() -> None:
    assert [
        one.msgid for one in entries() for text in said(one) if one.msgid.endswith("\n") != text.endswith("\n")
    ] == []


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    compiled = {entry.msgid: said(entry) for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))}
    assert compiled == {entry.msgid: said(entry) for entry in entries()}


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="GNU gettext is not installed here")
def test_what_the_pages_say_is_in_the_catalogue(tmp_path: Path) -> None:
    for name in SOURCES:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "-l", "zh_Hans", "--symlinks", "--no-wrap"]
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    found = polib.pofile(str(tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"))
    known = {(entry.msgid, entry.msgid_plural) for entry in entries()}
    assert [entry.msgid for entry in found if (entry.msgid, entry.msgid_plural) not in known] == []


@pytest.mark.django_db
def test_a_member_who_reads_chinese_gets_the_page_in_chinese(client: Client) -> None:
    alice = people.alice()
    alice.language = "zh-hans"
    alice.save()
    client.force_login(alice)
    page = client.get("/campaigns/").content.decode()
    assert 'lang="zh-hans"' in page
    assert "活动" in page
    assert ">Campaigns<" not in page


def test_the_colon_behind_a_label_is_a_wide_one_in_chinese() -> None:
    with override("zh-hans"):
        assert AudienceForm()["name_en"].label_tag().endswith("：</label>")
    with override("en"):
        assert AudienceForm()["name_en"].label_tag().endswith(":</label>")
