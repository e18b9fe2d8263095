"""Writes of campaigns: making one, asking for copy, storing it, reviewing it, launching. Import the names from here."""

from campaigns.people_records import ConsentInput, ShopperInput
from campaigns.services.answering import unsubscribe
from campaigns.services.breaker import reset_campaign, trip_breached, trip_campaign
from campaigns.services.campaigns import archive_campaign, create_campaign, free_key, set_control
from campaigns.services.copies import finding_row, store_candidate, submit_copy
from campaigns.services.erasure import erase_shopper
from campaigns.services.generation import (
    Writer,
    request_generation,
    write_copy,
)
from campaigns.services.launching import finish_campaign, launch_campaign
from campaigns.services.learning import (
    COPY,
    PAIRS,
    SCORER_TASK,
    Material,
    make_dataset,
    material,
    request_scorer,
    train_scorer,
)
from campaigns.services.prices import record_price
from campaigns.services.reviews import (
    OPEN_FINDINGS,
    approve_copy,
    edit_copy,
    refill_copy,
    reject_copy,
    verify_frozen,
)
from campaigns.services.scheduling import launch_due_campaigns, schedule_campaign, unschedule_campaign
from campaigns.services.scoring import due_for, score_waiting
from campaigns.services.settling import settle_campaign, settle_generating
from campaigns.services.shoppers import give_consent, upsert_shoppers, withdraw_consent
from campaigns.services.studio import discard, edit_draft, hand_in
from campaigns.services.suppression import lift_suppression, suppress, suppress_many
from campaigns.services.trying import send_test
from campaigns.services.waves import cancel_wave, run_wave, send_waiting, settle_wave, start_wave

__all__ = [
    "COPY",
    "OPEN_FINDINGS",
    "PAIRS",
    "SCORER_TASK",
    "ConsentInput",
    "Material",
    "ShopperInput",
    "Writer",
    "approve_copy",
    "archive_campaign",
    "cancel_wave",
    "create_campaign",
    "discard",
    "due_for",
    "edit_copy",
    "edit_draft",
    "erase_shopper",
    "finding_row",
    "finish_campaign",
    "free_key",
    "give_consent",
    "hand_in",
    "launch_campaign",
    "launch_due_campaigns",
    "lift_suppression",
    "make_dataset",
    "material",
    "record_price",
    "refill_copy",
    "reject_copy",
    "request_generation",
    "request_scorer",
    "reset_campaign",
    "run_wave",
    "schedule_campaign",
    "score_waiting",
    "send_test",
    "send_waiting",
    "set_control",
    "settle_campaign",
    "settle_generating",
    "settle_wave",
    "start_wave",
    "store_candidate",
    "submit_copy",
    "suppress",
    "suppress_many",
    "train_scorer",
    "trip_breached",
    "trip_campaign",
    "unschedule_campaign",
    "unsubscribe",
    "upsert_shoppers",
    "verify_frozen",
    "withdraw_consent",
    "write_copy",
]
