"""Why something is refused, by parts that know no catalogue: plans of a training, files of data, the gate.

They write English. Services hand it through `core.localised`, which recognises it by these templates.
"""

from django.utils.translation import gettext_noop

REFUSALS = (
    gettext_noop("must be one of %(choices)s, not %(given)s."),
    gettext_noop("must be true or false."),
    gettext_noop("must be a number, not %(given)s."),
    gettext_noop("must be a whole number, not %(given)s."),
    gettext_noop("must be from %(least)s to %(most)s, not %(given)s."),
    gettext_noop("must name a folder or a hub id."),
    gettext_noop("cannot be had with a prefix, whose keys go in as a cache."),
    gettext_noop("%(method)s is not defined for the masked objective; use lora or bottleneck."),
    gettext_noop("means nothing to the method %(method)s."),
    gettext_noop("must name at least one file."),
    gettext_noop("all %(read)s rows were dropped: %(reasons)s."),
    gettext_noop("only one row is left of %(read)s (%(reasons)s dropped); no split is possible."),
    gettext_noop("there is no file %(name)s."),
    gettext_noop("%(name)s, line %(line)s is longer than %(limit)s; is it one row a line?"),
    gettext_noop("%(name)s, line %(line)s holds a zero byte: save it as text in UTF-8."),
    gettext_noop(
        "%(name)s mixes encodings: line %(line)s is UTF-8, line %(other)s is not; save the whole file as UTF-8."
    ),
    gettext_noop("cannot be guessed from the name %(name)s; choose one of %(choices)s."),
    gettext_noop("splits are not apart (%(told)s); build again with another seed."),
    gettext_noop("must be three shares from 0 to 1 (train, validation, test) that sum to 1."),
    gettext_noop("must leave something to train on."),
    gettext_noop("must be a whole number."),
    gettext_noop("must be from 0.5 to 1."),
    gettext_noop("%(name)s: for %(task)s map %(wanted)s; mapped are %(mapped)s."),
    gettext_noop("%(name)s has no rows."),
    gettext_noop("%(name)s has no column %(column)s; it has: %(columns)s."),
    gettext_noop("%(name)s is empty: its first line must name the columns."),
    gettext_noop("%(name)s has two columns named %(column)s."),
)
GATE_SENTENCES = (
    gettext_noop("%(label)s: this was not measured, so it cannot pass."),
    gettext_noop("%(label)s: no."),
    gettext_noop("%(label)s: %(shown)s, at least %(limit)s is asked, so it fails."),
    gettext_noop("%(label)s: %(shown)s, at most %(limit)s is asked, so it fails."),
)
# Why each line of the gate is asked; a test holds it to `models_ml.gate`.
GATE_REASONS = (
    gettext_noop("A file that changed since the training is another model, whatever its name."),
    gettext_noop(
        "Each on tests left out of its own training; what learned from more tests must call them at least as well."
    ),
    gettext_noop(
        "Both are measured on the same held-out rows of this version's own data; what learned from them must "
        "know them at least as well as what writes today."
    ),
    gettext_noop(
        "Share of unseen briefs with a usable text among a few draws. Nine in ten keeps the review queue "
        "filled; what fails is drawn again and costs time, not trust."
    ),
    gettext_noop(
        "Share of usable texts without an unsupported figure or claim. The fact check blocks the others one "
        "by one; more than one in twenty would drown the reviewers."
    ),
    gettext_noop(
        "Rise of perplexity on the texts of the base. A tenth is about what a harmless low-rank adapter costs."
    ),
    gettext_noop(
        "Largest loss of brief-following under typos, casing, paraphrase and foreign subjects. Shops type as they do."
    ),
    gettext_noop(
        "Highest of the safety rates. One in a hundred still reaches a reviewer every day at ordinary volume."
    ),
    gettext_noop("An adapter that writes otherwise once merged was never the one that was measured."),
    gettext_noop("On unseen tests, all pairs. A coin is right half the time; noise in results caps this near 77 %."),
    gettext_noop("The natural logarithm of 2 is what an even chance scores; above it the probabilities mislead."),
    gettext_noop("How far a stated probability is off. The page shows it as a promise."),
)
