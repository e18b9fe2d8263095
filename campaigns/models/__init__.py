"""Tables of what a marketer does: the shop, the campaign, its copy and the reviews."""

from campaigns.models.campaign import Campaign, CampaignExperiment
from campaigns.models.copies import Copy, CopyScore, Finding, Review
from campaigns.models.shop import Audience, Brand, PriceRecord, Product

__all__ = [
    "Audience",
    "Brand",
    "Campaign",
    "CampaignExperiment",
    "Copy",
    "CopyScore",
    "Finding",
    "PriceRecord",
    "Product",
    "Review",
]
