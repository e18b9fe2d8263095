"""Tables of the ground: users, API keys, the audit trail, jobs."""

from core.models.access import ApiKey
from core.models.audit import AuditEntry
from core.models.job import Job
from core.models.user import User

__all__ = ["ApiKey", "AuditEntry", "Job", "User"]
