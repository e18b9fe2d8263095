"""Addresses of delivery: a campaign's waves and messages, and the two open ones that links in messages lead to."""

from __future__ import annotations

from django.urls import path

from campaigns.views import delivery, shopper_links

pages = [
    path("campaigns/<slug:key>/delivery/", delivery.delivery, name="delivery"),
    path("campaigns/<slug:key>/delivery/start/", delivery.wave_start, name="wave_start"),
    path("campaigns/<slug:key>/delivery/test/", delivery.wave_test, name="wave_test"),
    path("campaigns/<slug:key>/delivery/messages/", delivery.delivery_messages, name="delivery_messages"),
    path("campaigns/<slug:key>/delivery/<int:pk>/cancel/", delivery.wave_cancel, name="wave_cancel"),
    path("campaigns/<slug:key>/delivery/ads.csv", delivery.ads_csv, name="ads_csv"),
    path("u/<str:token>/", shopper_links.unsubscribe, name="unsubscribe"),
    path("c/<str:token>/", shopper_links.click, name="click"),
]
