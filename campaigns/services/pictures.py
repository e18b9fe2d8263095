"""Pictures of products: fetched once by the server under its guard against inner addresses, then kept in the media.

Peculiar: what a shop's server calls an image is not believed: the first bytes must be those of a picture that no
browser runs as a document. SVG is none of these.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from campaigns.models import Product
from core import errors, outgoing

MOST_BYTES = 5 * 1024**2
TIMEOUT = 5.0
MISSING_SECONDS = 600
TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")


class Picture(NamedTuple):
    """The bytes of a picture and what they are."""

    body: bytes
    content_type: str


def picture_of(product: Product) -> Picture:
    """The picture, from the media or else from its address. Raises NotFound where there is none to be had."""
    if not product.image_url:
        raise errors.NotFound
    name = f"product-images/{hashlib.sha256(product.image_url.encode()).hexdigest()}"
    if default_storage.exists(name):
        with default_storage.open(name) as file:
            body = file.read()
        return Picture(body, kind_of(body))
    if cache.get(name):
        raise errors.NotFound
    try:
        body = outgoing.fetch(product.image_url, max_bytes=MOST_BYTES, timeout=TIMEOUT, content_types=TYPES).body
        found = Picture(body, kind_of(body))
    except errors.CopyliftError:
        # A list of products asks for many pictures: a server that does not answer is not asked again at once.
        cache.set(name, 1, MISSING_SECONDS)
        raise errors.NotFound from None
    default_storage.save(name, ContentFile(body))
    return found


def kind_of(body: bytes) -> str:
    """The type by the first bytes. Raises NotFound for anything else."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    raise errors.NotFound
