"""REST of experiments: which arm a unit gets, events in, results out. docs/events.md is the guide to it."""

from __future__ import annotations

from ninja import Router

from experiments.api import deciding, events, identities, results

router = Router(tags=["experiments"])
router.add_router("", deciding.router)
router.add_router("", events.router)
router.add_router("", identities.router)
router.add_router("", results.router)
