"""Tables of what a marketer does: the shop, the campaign, its copy and reviews, shoppers, and how copy reaches them."""

from campaigns.models.campaign import Campaign, CampaignDraft, CampaignExperiment
from campaigns.models.copies import Copy, CopyScore, Finding, Review
from campaigns.models.delivery import Digest, Message, Placement, Wave
from campaigns.models.people import Channel, Consent, Shopper, Suppression
from campaigns.models.shop import Audience, Brand, PriceRecord, Product, ProductImport

__all__ = [
    "Audience",
    "Brand",
    "Campaign",
    "CampaignDraft",
    "CampaignExperiment",
    "Channel",
    "Consent",
    "Copy",
    "CopyScore",
    "Digest",
    "Finding",
    "Message",
    "Placement",
    "PriceRecord",
    "Product",
    "ProductImport",
    "Review",
    "Shopper",
    "Suppression",
    "Wave",
]
