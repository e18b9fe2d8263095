"""Loading the demo shop: complete, twice the same, nothing of people's overwritten; bad data is named."""

from __future__ import annotations

import json
import re
import shutil
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from campaigns import audiences as rules
from campaigns import compliance, queries
from campaigns.demo import data, people
from campaigns.models import Audience, Brand, Campaign, PriceRecord, Product
from core import errors
from core.models import ApiKey, User
from core.roles import Role
from core.services import api_keys
from models_ml.channels import violations


@pytest.fixture(autouse=True)
def var(settings: Any, tmp_path: Path) -> Path:
    """A var folder of the test's own, and a quick hash for passwords."""
    settings.VAR = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return tmp_path


def load() -> str:
    """Run the command; what it printed."""
    out = StringIO()
    call_command("load_demo", stdout=out)
    return out.getvalue()


def counts() -> dict[str, int]:
    """How many rows there are of each kind."""
    kinds = (User, ApiKey, Brand, Product, PriceRecord, Audience, Campaign)
    return {kind.__name__: kind._default_manager.count() for kind in kinds}


# --- the data ---------------------------------------------------------------------------------------------------
def test_the_shop_is_as_large_as_promised() -> None:
    shop = data.load()
    assert len(shop.products) == 60
    assert len({product.category for product in shop.products}) == 8
    assert len(shop.audiences) >= 3
    assert {campaign.play.ends for campaign in shop.campaigns} == {"finished", "running", "review"}
    assert {campaign.language for campaign in shop.campaigns} == {"en", "zh"}


def test_every_product_speaks_both_languages() -> None:
    for product in data.load().products:
        assert re.search(r"[\u4e00-\u9fff]", product.name_zh), product.sku
        assert re.search(r"[\u4e00-\u9fff]", product.description_zh), product.sku
        assert product.name_en.isascii(), product.sku
        for language in ("en", "zh"):
            assert set(product.attributes[language]) == {"material", "colour", "size", "feature"}, product.sku


def test_names_are_distinct_and_short_enough_for_every_channel() -> None:
    shop = data.load()
    for language in ("name_en", "name_zh"):
        names = [getattr(product, language) for product in shop.products]
        assert len(set(names)) == len(names)
        assert not [name for name in names if violations("email", {"headline": name})]


@pytest.mark.parametrize("word", ["best", "finest", "perfect", "最", "第一", "极致", "完美"])
def test_no_product_text_boasts(word: str) -> None:
    pattern = rf"\b{word}\b" if word.isascii() else word
    for product in data.load().products:
        text = f"{product.name_en} {product.description_en} {product.name_zh} {product.description_zh}"
        assert not re.search(pattern, text, re.IGNORECASE), product.sku


def test_every_rule_can_be_evaluated() -> None:
    for audience in data.load().audiences:
        rules.validate_rule(audience.rule)


# --- bad data ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("file", "before", "after", "sentence"),
    [
        (
            "products/bags.toml",
            'price = "89.00"',
            'price = "89,00"',
            "products/bags.toml, product 1 (WM-BAG-001): price",
        ),
        ("products/bags.toml", 'price = "89.00"', "price = 89.0", "must be an amount in quotes"),
        ("products/bags.toml", 'list_price = "105.00"', 'list_price = "80.00"', "list_price: must be above the price"),
        ("products/bags.toml", 'name_zh = "渡轮卷口双肩包"', "", "product 1 (WM-BAG-001): name_zh: is missing"),
        ("products/bags.toml", "stock = 142", "stock = -1", "stock: must be a whole number from 0"),
        ("products/bags.toml", "stock = 142", "stock = 142\ncolor = 1", "(WM-BAG-001): color: is not a known field"),
        ("products/bags.toml", 'sku = "WM-BAG-002"', 'sku = "WM-BAG-001"', "products: WM-BAG-001 stands twice"),
        ("campaigns.toml", '"WM-DRK-001"', '"WM-NO-1"', "(warm-hands): products: names 'WM-NO-1', which is not there"),
        ("campaigns.toml", '"new_customers", "loyal', '"nobody", "loyal', "audiences: names 'nobody'"),
        ("campaigns.toml", 'channel = "email"', 'channel = "pigeon"', "channel: must be one of banner, email"),
        ("campaigns.toml", "per_audience = 4", "per_audience = 0", "demo: per_audience: must be 1 or more"),
        ("shop.toml", 'role = "analyst"', 'role = "king"', "member 4 (analyst@demo.shop): role: must be one of"),
        ("shop.toml", "[brand]", "[brand", "shop.toml: is not TOML"),
    ],
)
def test_bad_data_is_named_by_file_entry_and_field(
    tmp_path: Path, file: str, before: str, after: str, sentence: str
) -> None:
    shutil.copytree(data.FOLDER, tmp_path / "demo")
    path = tmp_path / "demo" / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(errors.InvalidInput) as caught:
        data.load(tmp_path / "demo")
    assert sentence in caught.value.message


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    shutil.copytree(data.FOLDER, tmp_path / "demo")
    (tmp_path / "demo" / "shop.toml").write_bytes("[brand]\nname = '柳'".encode("gb18030"))
    with pytest.raises(errors.InvalidInput, match=r"shop\.toml: is not UTF-8 at byte"):
        data.load(tmp_path / "demo")


# --- loading ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_everything_is_there_after_the_first_run_and_the_second_adds_nothing() -> None:
    printed = load()
    assert "60 made, 0 there already" in printed
    first = counts()
    assert first == {
        "User": 5, "ApiKey": 1, "Brand": 1, "Product": 60, "PriceRecord": 120, "Audience": 6, "Campaign": 3,
    }  # fmt: skip
    assert "0 made, 60 there already" in load()
    assert counts() == first
    assert set(Campaign.objects.values_list("status", flat=True)) == {"draft"}


@pytest.mark.django_db
def test_a_run_that_was_cut_short_is_completed() -> None:
    load()
    Campaign.objects.get(key="warm-hands").delete()
    Product.objects.get(sku="WM-STA-007").delete()
    load()
    assert (counts()["Product"], counts()["Campaign"]) == (60, 3)


@pytest.mark.django_db
def test_what_people_changed_stays() -> None:
    load()
    Product.objects.filter(sku="WM-BAG-001").update(price=99)
    User.objects.filter(email="analyst@demo.shop").update(name="Nina")
    load()
    assert Product.objects.get(sku="WM-BAG-001").price == 99
    assert User.objects.get(email="analyst@demo.shop").name == "Nina"


@pytest.mark.django_db
def test_members_have_their_roles_and_the_written_password(var: Path) -> None:
    load()
    written = json.loads((var / "demo.json").read_text())
    assert stat.S_IMODE((var / "demo.json").stat().st_mode) == 0o600
    assert [login["email"] for login in written["logins"]][:2] == ["marketer@demo.shop", "approver@demo.shop"]
    for login in written["logins"]:
        user = User.objects.get(email=login["email"])
        assert user.has_role(login["role"])
        assert user.check_password(written["password"])
    assert User.objects.get(email="approver@demo.shop").is_staff
    assert not User.objects.get(email="marketer@demo.shop").is_staff


@pytest.mark.django_db
def test_the_key_decides_sends_and_reads_and_nothing_else(var: Path) -> None:
    load()
    key = json.loads((var / "demo.json").read_text())["api_key"]
    assert sorted(api_keys.authenticate(key, scope="decide").scopes) == ["decide", "events", "read"]
    with pytest.raises(errors.Forbidden):
        api_keys.authenticate(key, scope="write")


@pytest.mark.django_db
def test_a_lost_file_means_a_new_password_and_a_new_key_and_the_old_ones_end(var: Path) -> None:
    load()
    before = json.loads((var / "demo.json").read_text())
    (var / "demo.json").unlink()
    load()
    after = json.loads((var / "demo.json").read_text())
    assert before["password"] != after["password"]
    assert User.objects.get(email="admin@demo.shop").check_password(after["password"])
    with pytest.raises(errors.Unauthenticated, match="revoked"):
        api_keys.authenticate(before["api_key"], scope="decide")
    assert User.objects.count() == 5


@pytest.mark.django_db
def test_a_new_database_keeps_the_written_password(var: Path) -> None:
    (var / "demo.json").write_text('{"password": "kept-from-before", "logins": [], "api_key": "cl_gone_gone"}')
    load()
    assert people.Credentials(var).password == "kept-from-before"
    assert User.objects.get(email="marketer@demo.shop").check_password("kept-from-before")
    assert people.Credentials(var).api_key != "cl_gone_gone"


@pytest.mark.django_db
def test_what_the_shop_shows_today_passes_its_own_checks() -> None:
    load()
    for campaign in Campaign.objects.select_related("brand"):
        for audience in queries.ordered_audiences(campaign):
            context = queries.check_context(campaign, queries.brief_of(campaign, audience))
            control = {part: getattr(campaign, f"control_{part}") for part in data.PARTS}
            found = compliance.check(compliance.CopyParts.of(control, context.facts), context)
            blocking = [one for one in found if one.severity == "block"]
            assert not blocking, (campaign.key, blocking)


@pytest.mark.django_db
def test_a_member_before_loading_is_a_sentence() -> None:
    with pytest.raises(errors.NotFound, match="run load_demo first"):
        people.member_of(data.load().members, Role.MARKETER)
