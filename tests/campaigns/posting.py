"""What tests of delivery share: a running campaign with shoppers who agreed, waves that are sent, and a webhook."""

from __future__ import annotations

from typing import Any

from campaigns import services
from campaigns.models import Brand, Campaign, Message, Shopper, Wave
from campaigns.tasks import send_wave
from core.models import Job, User, Webhook
from core.models.job import Status
from core.services import jobs
from tests import people
from tests.campaigns import shop

SENDER = {"sender_name": "Lumen", "sender_email": "hello@lumen.test", "postal_address": "1 Lamp Street, London"}


def brand(**fields: Any) -> Brand:
    """A brand that may send e-mail."""
    return shop.brand(**SENDER, **fields)


def campaign(alice: User | None = None, *, channel: str = "email", **fields: Any) -> Campaign:
    """A running campaign on a channel that sends, of a brand with a sender."""
    if not Brand.objects.filter(key="lumen").exists():
        brand()
    values = {"channel": channel, "landing_url": "https://shop.test/autumn", **fields}
    return shop.launched(alice or people.alice(), people.bob(), **values)


def shoppers(count: int, *, first: int = 0, **fields: Any) -> list[Shopper]:
    """Shoppers who agreed to everything and can be reached by everything."""
    return Shopper.objects.bulk_create(
        Shopper(
            unit=f"u-{number}",
            **{
                "email": f"u{number}@example.test",
                "phone": f"+4917012{number:05}",
                "push_token": f"token-{number}",
                "channels": ["email", "push", "sms"],
                "attributes": {"student": number % 2 == 0},
                **fields,
            },
        )
        for number in range(first, first + count)
    )


def wave(of: Campaign, actor: User | None = None) -> Wave:
    """A wave that waits for its worker."""
    return services.start_wave(of, actor=actor)


def sent(of: Campaign) -> Wave:
    """A wave after its worker was there."""
    started = wave(of)
    send_wave(str(started.job_id))
    return Wave.objects.get(pk=started.pk)


def states(of: Wave | Campaign) -> dict[str, int]:
    """Messages by state."""
    found: dict[str, int] = {}
    for state in of.messages.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def job_state(of: Wave) -> str:
    """Where the wave's job stands."""
    return Job.objects.get(pk=str(of.job_id)).status


def queued_again(of: Wave) -> None:
    """What the sweeper does with a job whose worker died."""
    Job.objects.filter(pk=str(of.job_id)).update(lease_expires_at="2026-01-01T00:00Z")
    jobs.requeue_lost_jobs()
    assert job_state(of) == Status.QUEUED


def webhook(*events: str) -> Webhook:
    """A gateway that takes messages."""
    return Webhook.objects.create(
        name="gateway", url="https://gateway.test/hook", secret="whsec_c2VjcmV0", events=list(events)
    )


def message_of(unit: str) -> Message:
    """The one message to a shopper."""
    return Message.objects.get(shopper__unit=unit)
