"""What became of a message, in words. A row keeps a code, so that each reader gets the sentence in their language."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_stubs_ext import StrPromise

INTERRUPTED = "interrupted"
UNREACHABLE = "unreachable"
REFUSED = "refused"
LATER = "later"
LOST = "lost"
NO_LISTENER = "no_listener"
GIVEN_UP = "given_up"
WEBHOOK_GONE = "webhook_gone"
NO_TEXT = "no_text"
BOUNCED = "bounced"
COMPLAINED = "complained"

_SENTENCES: dict[str, StrPromise] = {
    INTERRUPTED: gettext_lazy(
        "The worker stopped while it was being handed over. It is not tried again, since it may have gone out."
    ),
    UNREACHABLE: gettext_lazy("The mail server does not answer; it is tried again by itself."),
    LOST: gettext_lazy(
        "The connection to the mail server was lost while sending. It is not tried again, since it may have gone out."
    ),
    NO_LISTENER: gettext_lazy("No webhook is told of messages of this channel, so nobody sends them."),
    GIVEN_UP: gettext_lazy("The other system did not take it."),
    WEBHOOK_GONE: gettext_lazy("The webhook it was meant for was removed."),
    NO_TEXT: gettext_lazy("The test holds no text for this shopper."),
    BOUNCED: gettext_lazy("It came back: the address does not exist."),
    COMPLAINED: gettext_lazy("The shopper complained about it."),
}


def explain(code: str) -> str:
    """The sentence for a message's code, such as `refused:550`; empty where there is none."""
    kind, _colon, detail = code.partition(":")
    if kind == REFUSED:
        return _("The mail server refused it (%(code)s).") % {"code": detail}
    if kind == LATER:
        return _("The mail server asks to try again later (%(code)s).") % {"code": detail}
    return str(_SENTENCES.get(kind, code))
