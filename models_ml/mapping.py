"""Which column of a file plays which role: the roles of a task, and a first guess by the columns' names. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from models_ml.data.plan import OPTIONAL, ROLES

# Names under which shops keep what a role means, in lower case; the first that a file has is taken.
NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "content", "description", "review", "review_text", "comment", "query", "title", "name"),
    "label": ("label", "category", "class", "sentiment", "rating"),
    "messages": ("messages", "conversation", "chat"),
    "prompt": ("prompt", "instruction", "input", "question", "attributes", "summary", "description", "title", "name"),
    "answer": ("answer", "output", "response", "completion", "copy", "advert", "ad", "adtext", "ad_text", "slogan"),
    "brief": ("brief",),
    "theme": ("theme",),
    "headline": ("headline", "title", "subject"),
    "body": ("body", "text", "description"),
    "call_to_action": ("call_to_action", "cta"),
    "chosen": ("chosen", "winner", "better", "preferred"),
    "rejected": ("rejected", "loser", "worse"),
    "group": ("group", "product_id", "productid", "sku", "spu", "test_id", "pid", "item_id", "id"),
    "weight": ("weight", "evidence"),
}


def roles_of(task: str) -> tuple[str, ...]:
    """All roles that a task knows, the needed ones first, each once."""
    needed = dict.fromkeys(role for roles in ROLES[task] for role in roles)
    extra = OPTIONAL if task == "pairs" else tuple(role for role in OPTIONAL if role != "weight")
    return tuple(dict.fromkeys((*needed, *extra)))


def guess(task: str, columns: Sequence[str]) -> dict[str, str]:
    """The columns that probably play the roles: the first set of roles that a file fills, and the group.

    A file that fills none gives what it has of the set of which it fills most.
    """
    by_name = {column.strip().lower(): column for column in reversed(columns)}
    sets = [(roles, _filled(roles, by_name)) for roles in ROLES[task]]
    whole = next((found for roles, found in sets if len(found) == len(roles)), None)
    best = whole if whole is not None else max((found for _, found in sets), key=len)
    rest = {name: column for name, column in by_name.items() if column not in best.values()}
    return best | _filled(("group",), rest)


def _filled(roles: Sequence[str], by_name: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for role in roles:
        free = (by_name[name] for name in NAMES[role] if name in by_name and by_name[name] not in found.values())
        column = next(free, None)
        if column is not None:
            found[role] = column
    return found
