"""Pages of products: who sees what, few queries, the way of a feed through the browser, pictures from inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from campaigns.models import Product, ProductImport
from campaigns.services import pictures
from core import errors, outgoing
from core.models import User
from tests import people
from tests.campaigns import shop

pytestmark = pytest.mark.django_db(transaction=True)
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, settings: Any) -> None:
    settings.VAR = tmp_path
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": str(tmp_path)}
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }


def browser(member: User) -> Client:
    """Signed in."""
    client = Client()
    client.force_login(member)
    return client


def test_the_list_and_a_product_cost_at_most_fifteen_queries(django_assert_max_num_queries: Any) -> None:
    brand = shop.brand()
    for number in range(30):
        found = shop.product(brand, sku=f"B-{number}", image_url="https://shop.test/x.png")
    alice = browser(people.alice())
    for address in (
        "/products/",
        "/products/?brand=lumen&category=bags&sale=yes&q=tote&page=2",
        f"/products/{found.pk}/",
    ):
        with django_assert_max_num_queries(15):
            assert alice.get(address).status_code == 200


def test_a_stranger_to_the_brand_finds_nothing_and_changes_nothing() -> None:
    brand = shop.brand()
    brand.members.add(people.dora())
    bag = shop.product(brand, image_url="https://shop.test/x.png")
    one = ProductImport.objects.create(brand=brand, name="feed", format="csv", sha256="0")
    alice = browser(people.alice())
    assert "BAG-1" not in alice.get("/products/").content.decode()
    addresses = (f"/products/{bag.pk}/", f"/products/{bag.pk}/image/", f"/products/import/{one.pk}/",
                 f"/products/import/{one.pk}/problems/")  # fmt: skip
    assert [alice.get(address).status_code for address in addresses] == [404, 404, 404, 404]
    assert alice.post(f"/products/{bag.pk}/", {"price": "1"}).status_code == 404
    bag.refresh_from_db()
    assert str(bag.price) == "49.90"


def test_only_who_may_change_products_does_and_the_price_is_recorded() -> None:
    bag = shop.product(shop.brand(), attributes={"en": {"material": "cotton", "gtin": "12345678"}})
    values = {"name_en": "Canvas Tote", "price": "39.90", "list_price": "49.90", "currency": "USD", "stock": "4",
              "is_active": "on", "en_material": "linen"}  # fmt: skip
    assert browser(people.ana()).post(f"/products/{bag.pk}/", values).status_code == 403
    assert not bag.prices.exists()
    assert browser(people.alice()).post(f"/products/{bag.pk}/", values).status_code == 302
    bag.refresh_from_db()
    assert (str(bag.price), bag.attributes) == ("39.90", {"en": {"material": "linen", "gtin": "12345678"}})
    assert bag.prices.count() == 1
    answer = browser(people.bob()).get(f"/products/{bag.pk}/").content.decode()
    assert "$39.90" in answer
    assert "Change this product" not in answer


def test_a_feed_goes_from_upload_to_report_and_its_problems_are_safe_in_a_spreadsheet() -> None:
    from campaigns.tasks import import_products

    brand, alice = shop.brand(), browser(people.alice())
    feed = b'sku,label,price\nA-1,"<script>x</script>Mug",9\n"=cmd()",Cup,x\n'
    file = SimpleUploadedFile("feed.csv", feed)
    answer = alice.post("/products/import/", {"brand": brand.pk, "file": file, "language": "en", "currency": "USD"})
    one = ProductImport.objects.get()
    address = answer["Location"]
    assert address == f"/products/import/{one.pk}/"
    assert "CSV table" in alice.get(address).content.decode()
    assert alice.post(address, {"column-0": "", "column-1": "price", "column-2": "sku"}).status_code == 422
    chosen = {"column-0": "name", "column-1": "price", "column-2": "sku"}
    looked = alice.post(address, {**chosen, "look": "1"}).content.decode()
    assert "Mug" in looked
    assert not Product.objects.exists()
    assert alice.post(address, chosen).status_code == 302
    one.refresh_from_db()
    import_products(str(one.job_id))
    report = alice.get(address).content.decode()
    assert "This is no price" in report
    assert Product.objects.get().name_en == "Mug"
    table = alice.get(f"{address}problems/").content.decode("utf-8-sig")
    assert "'=cmd()" in table


def test_a_file_that_is_no_feed_is_refused_with_a_sentence() -> None:
    brand, alice = shop.brand(), browser(people.alice())
    file = SimpleUploadedFile("feed.json", b'{"products": 3}')
    answer = alice.post("/products/import/", {"brand": brand.pk, "file": file, "language": "en", "currency": "USD"})
    assert answer.status_code == 422
    assert "list of products" in answer.content.decode()
    assert not ProductImport.objects.exists()


def test_a_picture_is_fetched_once_and_only_if_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    bodies = {"https://shop.test/a.png": PNG, "https://shop.test/b.png": b"<svg onload=x>"}

    def fetch(url: str, **_: Any) -> outgoing.Fetched:
        asked.append(url)
        return outgoing.Fetched(bodies[url], "image/png", url)

    monkeypatch.setattr(outgoing, "fetch", fetch)
    brand, alice = shop.brand(), browser(people.alice())
    good = shop.product(brand, image_url="https://shop.test/a.png")
    bad = shop.product(brand, sku="B", image_url="https://shop.test/b.png")
    for _ in range(2):
        answer = alice.get(f"/products/{good.pk}/image/")
        assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/png", PNG)
        assert alice.get(f"/products/{bad.pk}/image/").status_code == 404
    assert asked == ["https://shop.test/a.png", "https://shop.test/b.png"]


@pytest.mark.parametrize("address", ["http://127.0.0.1/x.png", "http://169.254.169.254/x.png", "ftp://shop.test/x.png"])
def test_a_picture_from_inside_is_refused(address: str) -> None:
    with pytest.raises(errors.NotFound):
        pictures.picture_of(shop.product(shop.brand(), image_url=address))
