"""What was stored in English, in the language of whoever reads it now.

Jobs are asked for by one member, done by a worker and read by others, so their titles, progress and refusals are stored
once, in English, and put into the reader's language at the page. The catalogue itself is the table: English that was
made from `Write copy for %(name)s` is recognised by that template, and its values are set into the translation. What no
template fits is shown as it was stored.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from re import Pattern

from django.utils import translation
from django.utils.translation import trans_real

_PLACE = re.compile(r"%\((\w+)\)[sd]")
# A template of fewer letters, such as “%(name)s: %(text)s”, would recognise nearly anything.
LEAST_LETTERS = 5
# Values that are words of the platform's own; every other one is a name or a number and stays as it is.
_OWN_WORDS = frozenset({"channel", "control", "label", "metric", "seen", "stage", "state", "status", "what"})
_COUNTED = re.compile(r"([\d,]+) shoppers?")
_FIELD = re.compile(r"([a-z][\w.]*): (.+)", re.DOTALL)


def localised(stored: str) -> str:
    """The text in the active language. `field: sentence` keeps the field's name, as the platform's errors are kept."""
    language = translation.get_language() or "en"
    return _localised(stored, language) if stored and not language.startswith("en") else stored


@lru_cache(maxsize=2048)
def _localised(stored: str, language: str) -> str:
    if (found := _recognised(stored, language)) is not None:
        return found
    named = _FIELD.fullmatch(stored)
    if named is None:
        return stored
    told = _recognised(named[2], language)
    return stored if told is None else f"{named[1]}: {told}"


def _recognised(stored: str, language: str) -> str | None:
    plain = translation.gettext(stored)
    if plain != stored:
        return plain
    for template, pattern in _templates(language):
        if (match := pattern.fullmatch(stored)) is not None:
            values = {name: _value(name, text) for name, text in match.groupdict().items()}
            # A number was recognised as it was written, so it is set in as text too.
            return re.sub(r"(%\(\w+\))d", r"\1s", translation.gettext(template)) % values
    return None


def _value(name: str, text: str) -> str:
    """A value as it is set in: a metric's name inside a sentence begins small, shoppers come in numbers."""
    if name not in _OWN_WORDS:
        return text
    for said in (text, text[:1].upper() + text[1:]):
        if (known := translation.gettext(said)) != said:
            return known
    counted = _COUNTED.fullmatch(text)
    number = 1 if counted and counted[1] == "1" else 2
    shoppers = translation.ngettext("%(count)s shopper", "%(count)s shoppers", number)
    return shoppers % {"count": counted[1]} if counted else text


@cache
def _templates(language: str) -> list[tuple[str, Pattern[str]]]:
    """Each sentence of the catalogue that takes named texts, the longest first: it says most about what it fits."""
    catalogue = trans_real.translation(language)._catalog  # type: ignore[attr-defined]  # noqa: SLF001 - listed nowhere else
    known = (key for key, _said in catalogue.items() if isinstance(key, str))
    taking = [one for one in known if _PLACE.search(one) and len(_PLACE.sub("", one)) >= LEAST_LETTERS]
    return [(one, _pattern(one)) for one in sorted(taking, key=lambda one: -len(_PLACE.sub("", one)))]


def _pattern(template: str) -> Pattern[str]:
    pieces, seen = _PLACE.split(template), set()
    made = [re.escape(pieces[0].replace("%%", "%"))]
    for name, text in zip(pieces[1::2], pieces[2::2], strict=True):
        made.append(f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
        made.append(re.escape(text.replace("%%", "%")))
        seen.add(name)
    return re.compile("".join(made), re.DOTALL)
