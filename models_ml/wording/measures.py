"""What a model's measures are called. They are written by pure parts, in English, into the files of a model; here they
enter the catalogue, and `called` puts one into the reader's language.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

from core.localised import localised
from models_ml.channels import CHANNELS

LANGUAGES = {"en": gettext_noop("English"), "zh": gettext_noop("Chinese")}
KNOWN = (
    gettext_noop("of single draws"),
    gettext_noop("of briefs, best of 8"),
    gettext_noop("single draws pass all"),
    gettext_noop("best of 8 passes all"),
    gettext_noop("also in the training text"),
    gettext_noop("draws equal to another of their brief"),
    gettext_noop("mean similarity of two draws of a brief"),
    gettext_noop("greedy is stable"),
    gettext_noop("parses"),
    gettext_noop("fits the channel"),
    gettext_noop("names the product"),
    gettext_noop("carries offer and facts"),
    gettext_noop("passes the fact check"),
    gettext_noop("reads clean"),
    gettext_noop("passes all"),
    gettext_noop("8-grams"),
    gettext_noop("12-grams"),
    gettext_noop("sentences"),
)


def called(name: str) -> str:
    """One part of a measure's name; a key of a channel or a language by what it stands for."""
    if name in CHANNELS:
        return localised(CHANNELS[name].name)
    return localised(LANGUAGES.get(name, name))
