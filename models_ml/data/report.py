"""What a build counted: rows read, dropped and why (with a few examples), masked, and what is worth a warning."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from models_ml.data.personal import mask

EXAMPLES = 5
_SHOWN = 120  # characters of a dropped text


@dataclass
class Report:
    """Counts of one build. Examples name file and line and show the start of the text, personal data masked."""

    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)
    sources: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def drop(self, reason: str, *, source: str, line: int, text: str) -> None:
        """Count a dropped row, and keep it as an example while there is room."""
        self.dropped[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            start = mask(" ".join(text[: 4 * _SHOWN].split()))[0][:_SHOWN]
            shown.append({"source": source, "line": line, "text": start.encode("utf-8", "replace").decode()})

    def summary(self) -> str:
        """The reasons and their counts, the most frequent first."""
        return ", ".join(f"{count} {reason}" for reason, count in self.dropped.most_common()) or "none"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        return {
            "read": self.read,
            "kept": self.kept,
            "dropped": [
                {"reason": reason, "count": count, "examples": self.examples.get(reason, [])}
                for reason, count in sorted(self.dropped.items(), key=lambda item: (-item[1], item[0]))
            ],
            "masked": dict(sorted(self.masked.items())),
            "sources": self.sources,
            "warnings": self.warnings,
        }
