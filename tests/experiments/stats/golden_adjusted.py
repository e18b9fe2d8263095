"""Adapters of the golden methods of one family (adjusted); golden_base.py says what an adapter is."""

from __future__ import annotations

from collections.abc import Callable

from tests.experiments.stats.golden_base import Fields, Inputs

METHODS: dict[str, Callable[[Inputs], Fields]] = {}
