"""Two marks of an event: a bot's, and a page fetched ahead. A mark deletes nothing: what is marked counts apart.

A user agent is read word by word. Crawlers that hide are not found here: nobody finds them from one event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

WORD = re.compile(r"[a-z]+")
# A word that ends so is a crawler's (Googlebot, Baiduspider), but for the phones sold as Cubot.
ENDINGS = ("bot", "bots", "crawler", "spider")
PHONES = frozenset({"cubot"})
WORDS = frozenset(
    {
        *("crawl", "crawling", "slurp", "scrapy", "curl", "wget", "libwww", "urllib", "aiohttp"),
        *("headlesschrome", "headless", "phantomjs", "puppeteer", "playwright", "selenium"),
        *("facebookexternalhit", "externalagent", "mediapartners", "feedfetcher", "inspectiontool", "bingpreview"),
        *("lighthouse", "pingdom", "gtmetrix", "statuscake", "monitor", "monitoring", "synthetics"),
    }
)
# What these say in two words: python-requests, go-http-client, Google Web Preview, ChatGPT-User.
PHRASES = ("python-requests", "go-http-client", "web preview", "chatgpt-user")
# Crawlers leave an address to complain to in this form; browsers never do.
CONTACT = "+http"
AHEAD = ("prefetch", "preview", "prerender")


@lru_cache(maxsize=4096)
def is_crawler(agent: str) -> bool:
    """Whether a user agent says of itself that it is no shopper's browser."""
    text = agent.lower()
    if CONTACT in text or any(phrase in text for phrase in PHRASES):
        return True
    return any(word in WORDS or (word.endswith(ENDINGS) and word not in PHONES) for word in WORD.findall(text))


def is_ahead(purpose: Any) -> bool:
    """Whether a purpose (of a request's header or an event's properties) says that the page was fetched ahead."""
    if not isinstance(purpose, str):
        return False
    text = purpose.lower()
    return any(word in text for word in AHEAD)


def is_fetched_ahead(headers: Mapping[str, str]) -> bool:
    """Whether the whole request was made ahead: `Sec-Purpose`, or the older `Purpose`."""
    return is_ahead(headers.get("Sec-Purpose")) or is_ahead(headers.get("Purpose"))
