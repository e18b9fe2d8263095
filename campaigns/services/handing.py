"""Handing reserved messages over: e-mail to the mail server one by one, push and text messages to webhooks.

What the mail server refuses for good fails; what it asks to try later is put off, longer each time. Where the
connection is lost in the middle nobody knows whether the message went, so it is not tried again.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Sequence
from datetime import timedelta

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from campaigns import message_words as words
from campaigns.models import Campaign, Channel, Message
from campaigns.services import sending
from campaigns.services.gateways import ASK_AGAIN, hand_to_gateway, key_of
from campaigns.services.mailing import Addressed, email_of
from campaigns.services.sending import Ready

logger = logging.getLogger(__name__)
State = Message.State
MOST_ATTEMPTS = 5
FIRST_WAIT = timedelta(minutes=5)
GROWTH = 3
SERVER_AWAY = timedelta(minutes=1)
NO_SUCH_MAILBOX = 553


def hand_over(campaign: Campaign, ready: Sequence[Ready]) -> bool:
    """Hand these over; False where the mail server does not answer, and all of them wait for the next time."""
    if campaign.channel != Channel.EMAIL:
        for one in ready:
            _to_gateway(campaign, one)
        return True
    return not ready or _all_by_mail(campaign, ready)


def _all_by_mail(campaign: Campaign, ready: Sequence[Ready]) -> bool:
    connection = get_connection()
    waiting = list(ready)
    try:
        while waiting:
            # After a lost connection a new one: else each further message would fail on the dead one.
            connection.close()
            connection.open()
            while waiting and _mail(campaign, waiting.pop(0), connection):
                pass
    except (OSError, smtplib.SMTPException) as problem:
        logger.warning("the mail server does not answer (%s)", type(problem).__name__)
        _put_all_off(waiting)
        return False
    finally:
        connection.close()
    return True


@transaction.atomic
def _to_gateway(campaign: Campaign, ready: Ready) -> None:
    message = ready.message
    if not sending.claim(message):
        return
    if hand_to_gateway(campaign, ready.content, _addressed(message), key=key_of(message.pk)):
        sending.note(message, State.WAITING, not_before=timezone.now() + ASK_AGAIN)
    else:
        sending.note(message, State.FAILED, error=words.NO_LISTENER)


def _mail(campaign: Campaign, ready: Ready, connection: BaseEmailBackend) -> bool:
    """One message; False where the connection is of no use any more."""
    message = ready.message
    mail = email_of(campaign, ready.content, _addressed(message), connection)
    if not sending.claim(message):
        return True
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as problem:
        _refused(message, max((code for code, _answer in problem.recipients.values()), default=NO_SUCH_MAILBOX))
    except smtplib.SMTPResponseException as problem:
        _refused(message, problem.smtp_code)
    except ValueError:
        # An address that cannot be written into a header.
        _refused(message, NO_SUCH_MAILBOX)
    except (OSError, smtplib.SMTPException) as problem:
        # Never the text of the error: it may hold the address.
        logger.warning("a message was not taken (%s)", type(problem).__name__, extra={"sent": message.pk})
        sending.note(message, State.FAILED, error=words.LOST)
        return False
    else:
        sending.note(message, State.SENT)
    return True


def _refused(message: Message, code: int) -> None:
    """For good from 500 on; below that it is tried again until it was tried often enough."""
    if code >= 500 or message.attempts >= MOST_ATTEMPTS:
        sending.note(message, State.FAILED, error=f"{words.REFUSED}:{code}")
        return
    again = timezone.now() + FIRST_WAIT * GROWTH ** (message.attempts - 1)
    sending.note(message, State.WAITING, error=f"{words.LATER}:{code}", not_before=again)


def _put_all_off(ready: Sequence[Ready]) -> None:
    for one in ready:
        held = Message.objects.filter(pk=one.message.pk, state=State.WAITING, not_before=one.message.not_before)
        held.update(not_before=timezone.now() + SERVER_AWAY, error=words.UNREACHABLE)


def _addressed(message: Message) -> Addressed:
    return Addressed(message.pk, message.shopper_id, message.address)
