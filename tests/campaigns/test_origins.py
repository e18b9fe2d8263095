"""Origins are kept as browsers send them, and nothing that is no origin gets in."""

from __future__ import annotations

import pytest

from campaigns.origins import OriginError, origin_of, origins_of


@pytest.mark.parametrize(
    ("entered", "kept"),
    [
        ("https://shop.example", "https://shop.example"),
        (" https://Shop.Example/bags?x=1#y ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("https://商店.example", "https://xn--czrs0t.example"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_address_becomes_its_origin(entered: str, kept: str) -> None:
    assert origin_of(entered) == kept


@pytest.mark.parametrize(
    "entered",
    ["*", "https://*.shop.example", "shop.example", "null", "javascript:alert(1)", "ftp://shop.example", "https://",
     "https://shop.example:99999", "https://me:secret@shop.example", "https://shop .example", "https://a..b", "https://[x"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(entered: str) -> None:
    with pytest.raises(OriginError):
        origin_of(entered)


def test_each_stands_once_in_the_order_entered() -> None:
    assert origins_of(["https://b.example/x", "", "https://a.example", "https://b.example"]) == [
        "https://b.example",
        "https://a.example",
    ]
