"""Errors of the libraries below as sentences on the job: what a person can act on never ends as a traceback.

What is not listed here is a bug and keeps its traceback (core.jobs).
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

from core import errors
from core.jobs import JobContext
from models_ml.data.errors import DataError
from models_ml.nn.artifacts import ModelFolderError
from models_ml.nn.progress import Cancelled, OnProgress
from models_ml.nn.tuning.plan import TuningError
from models_ml.services.guards import sentence

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def sentences(job: JobContext) -> Iterator[None]:
    """Turn what the work raises into the error tree; a stop that was asked for becomes the job's own."""
    try:
        yield
    except Cancelled:
        job.check()
        raise
    except (TuningError, DataError) as problem:
        raise errors.InvalidInput.field(problem.field, sentence(problem.message)) from problem
    except ModelFolderError as problem:
        raise errors.Conflict(
            sentence(_("The model cannot be used: %(problem)s") % {"problem": problem}), code="model_unusable"
        ) from problem
    except OSError as problem:
        if problem.errno not in NO_SPACE:
            raise
        full = _("The disk is full. What was saved before is kept: make room, then resume.")
        raise errors.Unavailable(full, code="disk_full") from problem


def reporter(job: JobContext) -> OnProgress:
    """Progress of the libraries, a share from 0 to 1, as the job's percent."""

    def report(fraction: float, stage: str, message: str, metrics: object) -> None:
        del metrics
        job.progress(100 * fraction, stage, message)

    return report
