"""Addresses of audiences, shoppers and suppressions."""

from __future__ import annotations

from django.urls import path

from campaigns.views import audiences, shoppers, suppressions

pages = [
    path("audiences/", audiences.audience_list, name="audiences"),
    path("audiences/new/", audiences.audience_new, name="audience_new"),
    path("audiences/count/", audiences.audience_count, name="audience_count"),
    path("audiences/<slug:key>/", audiences.audience, name="audience"),
    path("audiences/<slug:key>/archive/", audiences.audience_archive, name="audience_archive"),
    path("shoppers/", shoppers.shopper_list, name="shoppers"),
    path("shoppers/import/", shoppers.shopper_import, name="shopper_import"),
    path("shoppers/<int:pk>/", shoppers.shopper, name="shopper"),
    path("shoppers/<int:pk>/consent/", shoppers.shopper_consent, name="shopper_consent"),
    path("shoppers/<int:pk>/export/", shoppers.shopper_export, name="shopper_export"),
    path("shoppers/<int:pk>/erase/", shoppers.shopper_erase, name="shopper_erase"),
    path("suppressions/", suppressions.suppression_list, name="suppressions"),
    path("suppressions/add/", suppressions.suppression_add, name="suppression_add"),
    path("suppressions/import/", suppressions.suppression_import, name="suppression_import"),
    path("suppressions/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
]
