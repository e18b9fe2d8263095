"""Approved copy as responsive search ads, in the columns that Google Ads Editor reads. Pure.

One ad for each audience, which is its ad group. Such an ad is a set of headlines and descriptions from which Google
puts ads together, so every text stands for itself; it asks for 3 to 15 headlines and 2 to 4 descriptions.
Source: Google Ads Editor Help, "CSV file columns"; limits: Google Ads Help, "About responsive search ads".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.files import formula_safe
from models_ml.channels import width

MOST_HEADLINES, LEAST_HEADLINES, HEADLINE_WIDTH = 15, 3, 30
MOST_DESCRIPTIONS, LEAST_DESCRIPTIONS, DESCRIPTION_WIDTH = 4, 2, 90
AD_TYPE = "Responsive search ad"
# Nothing goes live by an import: a person looks at it in the editor first.
STATUS = "Paused"
COLUMNS = (
    "Campaign",
    "Ad group",
    "Ad type",
    *(f"Headline {number}" for number in range(1, MOST_HEADLINES + 1)),
    *(f"Description {number}" for number in range(1, MOST_DESCRIPTIONS + 1)),
    "Final URL",
    "Ad status",
)


@dataclass(frozen=True, slots=True)
class SearchAd:
    """The texts of one ad group, each once, in the order of the copies; what is too long for the place is left out."""

    group: str
    headlines: tuple[str, ...]
    descriptions: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        """Whether Google takes it."""
        return len(self.headlines) >= LEAST_HEADLINES and len(self.descriptions) >= LEAST_DESCRIPTIONS


def search_ad(group: str, copies: Iterable[Mapping[str, str]]) -> SearchAd:
    """The ad from copies as shown. Calls to action are headlines too, behind the others and where there is room."""
    parts = list(copies)
    headlines = [one.get("headline", "") for one in parts] + [one.get("call_to_action", "") for one in parts]
    return SearchAd(
        group,
        _fitting(headlines, HEADLINE_WIDTH, MOST_HEADLINES),
        _fitting([one.get("body", "") for one in parts], DESCRIPTION_WIDTH, MOST_DESCRIPTIONS),
    )


def row(campaign: str, ad: SearchAd, url: str) -> list[str]:
    """One line of the file, in the order of `COLUMNS`; no cell is taken for a formula."""
    cells = [
        campaign,
        ad.group,
        AD_TYPE,
        *_filled(ad.headlines, MOST_HEADLINES),
        *_filled(ad.descriptions, MOST_DESCRIPTIONS),
        url,
        STATUS,
    ]
    return [formula_safe(cell) for cell in cells]


def _fitting(texts: Iterable[str], widest: int, most: int) -> tuple[str, ...]:
    plain = (" ".join(text.split()) for text in texts)
    return tuple(dict.fromkeys(text for text in plain if text and width(text) <= widest))[:most]


def _filled(texts: Sequence[str], places: int) -> list[str]:
    return [*texts, *([""] * (places - len(texts)))]
