"""Addresses of this app's pages. Home bears no namespace: the frame and signing in point to it."""

from __future__ import annotations

from django.urls import include, path

from campaigns import delivery_urls, people_urls
from campaigns.views import (
    breaker,
    campaigns,
    changes,
    drafts,
    home,
    learning,
    placements,
    planning,
    product_imports,
    products,
    results,
    review,
    snippet,
    studio,
)

pages = [
    path("campaigns/", campaigns.campaign_list, name="list"),
    path("campaigns/new/", drafts.campaign_new, name="new"),
    path("campaigns/new/quick/", campaigns.campaign_quick, name="new_quick"),
    path("campaigns/drafts/<int:pk>/make/", drafts.draft_make, name="draft_make"),
    path("campaigns/drafts/<int:pk>/delete/", drafts.draft_delete, name="draft_delete"),
    path("campaigns/drafts/<int:pk>/<slug:step>/", drafts.draft_step, name="draft"),
    path("campaigns/<slug:key>/", campaigns.campaign_detail, name="detail"),
    path("campaigns/<slug:key>/studio/", studio.studio, name="studio"),
    path("campaigns/<slug:key>/studio/check/", studio.studio_check, name="studio_check"),
    path("campaigns/<slug:key>/studio/write/", studio.studio_write, name="studio_write"),
    path("campaigns/<slug:key>/studio/discard/", studio.studio_discard, name="studio_discard"),
    path("campaigns/<slug:key>/studio/<int:pk>/edit/", studio.studio_edit, name="studio_edit"),
    path("campaigns/<slug:key>/studio/<int:pk>/more/", studio.studio_more, name="studio_more"),
    path("campaigns/<slug:key>/submit/", studio.submit, name="submit"),
    path("campaigns/<slug:key>/result/", results.campaign_result, name="result"),
    path("campaigns/<slug:key>/plan/", planning.campaign_plan, name="plan"),
    path("campaigns/<slug:key>/duplicate/", changes.campaign_duplicate, name="duplicate"),
    path("campaigns/<slug:key>/control/", changes.campaign_control, name="control"),
    path("campaigns/<slug:key>/generate/", campaigns.campaign_generate, name="generate"),
    path("campaigns/<slug:key>/launch/", campaigns.campaign_launch, name="launch"),
    path("campaigns/<slug:key>/schedule/", campaigns.campaign_schedule, name="schedule"),
    path("campaigns/<slug:key>/unschedule/", campaigns.campaign_unschedule, name="unschedule"),
    path("campaigns/<slug:key>/archive/", campaigns.campaign_archive, name="archive"),
    path("campaigns/<slug:key>/finish/", campaigns.campaign_finish, name="finish"),
    path("campaigns/<slug:key>/trip/", breaker.campaign_trip, name="trip"),
    path("campaigns/<slug:key>/reset/", breaker.campaign_reset, name="reset"),
    path("placements/", placements.placement_list, name="placements"),
    path("placements/new/", placements.placement_new, name="placement_new"),
    path("placements/<slug:key>/", placements.placement, name="placement"),
    path("models/learning/", learning.learning, name="learning"),
    path("models/learning/dataset/", learning.learning_dataset, name="learning_dataset"),
    path("models/learning/scorer/", learning.learning_scorer, name="learning_scorer"),
    path("review/", review.queue, name="review"),
    path("review/approve/", review.approve_many, name="review_many"),
    path("review/<int:pk>/", review.review_copy, name="review_copy"),
    path("review/<int:pk>/approve/", review.approve, name="review_approve"),
    path("review/<int:pk>/reject/", review.reject, name="review_reject"),
    path("review/<int:pk>/edit/", review.edit, name="review_edit"),
    path("products/", products.product_list, name="products"),
    path("products/import/", product_imports.product_import, name="product_import"),
    path("products/import/<int:pk>/", product_imports.product_import_one, name="product_import_one"),
    path("products/import/<int:pk>/problems/", product_imports.product_import_problems, name="product_problems"),
    path("products/<int:pk>/", products.product, name="product"),
    path("products/<int:pk>/image/", products.product_image, name="product_image"),
    *people_urls.pages,
    *delivery_urls.pages,
]

urlpatterns = [
    path("", home.home, name="home"),
    # The script of placements, for the shop's pages; its address never changes.
    path("snippet/v1.js", snippet.snippet, name="snippet"),
    path("notices/read/", home.notices_read, name="notices_read"),
    path("", include((pages, "campaigns"))),
]
