"""Everything that is known of one shopper, as one object for JSON: the answer to somebody who asks what is stored."""

from __future__ import annotations

from typing import Any

from campaigns.models import Message, Shopper
from campaigns.queries.shoppers import consents_of, suppressions_of
from experiments.queries.units import events_of_unit, names_of_unit, tests_of_unit

SHOPPER_FIELDS = (
    *("unit", "email", "phone", "push_token", "language", "country", "time_zone"),
    *("channels", "attributes", "created_at", "changed_at"),
)
MESSAGE_FIELDS = ("campaign__key", "experiment_key", "arm_key", "address", "state", "created_at", "sent_at")
TOTAL_FIELDS = ("first_exposed_at", "last_event_at", "impressions", "clicks", "orders", "revenue", "rating_sum")


def shopper_record(shopper: Shopper) -> dict[str, Any]:
    """The shopper, consents, suppressions, messages, tests and raw events."""
    return {
        "shopper": {name: getattr(shopper, name) for name in SHOPPER_FIELDS},
        "names": names_of_unit(shopper.unit),
        "consents": [
            {"channel": one.channel, "given": one.given, "source": one.source, "at": one.at}
            for one in consents_of(shopper)
        ],
        "suppressions": list(suppressions_of(shopper).values("channel", "value", "reason", "created_at")),
        "messages": list(Message.objects.filter(shopper=shopper).values(*MESSAGE_FIELDS)),
        "tests": [
            {"test": one.experiment.key, "arm": one.arm.key, **{name: getattr(one, name) for name in TOTAL_FIELDS}}
            for one in tests_of_unit(shopper.unit)
        ],
        "events": events_of_unit(shopper.unit),
    }
