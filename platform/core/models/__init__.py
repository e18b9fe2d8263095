"""Tables of the ground."""

from core.models.access import ApiKey, Scope
from core.models.audit import AuditEntry
from core.models.job import Job
from core.models.notices import Notice, NoticeChoice, NoticeKind, ShopSettings
from core.models.outbound import DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from core.models.user import User

__all__ = [
    "ApiKey",
    "AuditEntry",
    "DeliveryState",
    "Job",
    "Notice",
    "NoticeChoice",
    "NoticeKind",
    "Scope",
    "ShopSettings",
    "User",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
]
