"""What training, building and checking say of how far they are: sentences of pure parts, which know no catalogue.

They write English; `core.localised` recognises it by these templates and puts it into the reader's language.
"""

from django.utils.translation import gettext_noop

STAGES = (
    gettext_noop("prepare"),
    gettext_noop("train"),
    gettext_noop("search"),
    gettext_noop("reference"),
    gettext_noop("evaluate"),
    gettext_noop("save"),
    gettext_noop("read"),
    gettext_noop("sort"),
    gettext_noop("near"),
    gettext_noop("split"),
    gettext_noop("write"),
    gettext_noop("check"),
    gettext_noop("scorer"),
)
SAID = (
    gettext_noop("reading the %(split)s split"),
    gettext_noop("reading the %(split)s split with the base"),
    gettext_noop("measuring the distance from the base"),
    gettext_noop("writing the model"),
    gettext_noop("%(steps)s steps, %(tokens)s tokens"),
    gettext_noop("step %(step)s of %(steps)s, loss %(loss)s"),
    gettext_noop("step %(step)s of %(steps)s, loss %(loss)s, about %(left)s left"),
    gettext_noop("trial %(number)s of %(count)s"),
    gettext_noop("training on all tests"),
    gettext_noop("measuring on fold %(fold)s of %(folds)s"),
    gettext_noop("%(kept)s rows"),
    gettext_noop("%(read)s rows read, %(dropped)s dropped"),
    gettext_noop("looking for texts that are nearly equal"),
    gettext_noop("splitting %(rows)s rows by group"),
    gettext_noop("writing %(rows)s rows"),
    gettext_noop("checking that no group and no text lies in two splits"),
)
