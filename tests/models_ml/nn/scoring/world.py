"""A made-up world of headlines in which each word has a known effect on clicks, and a bag-of-words encoder for it.

The words are colours, animals and sounds: no language model knows anything about their effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import BertConfig, BertModel, BertTokenizer

from models_ml.nn.scoring import Arm

WORDS = (
    "amber",
    "azure",
    "coral",
    "ivory",
    "olive",
    "umber",
    "badger",
    "falcon",
    "gecko",
    "heron",
    "ibex",
    "jackal",
    "lemur",
    "marten",
    "newt",
    "otter",
    "panda",
    "quail",
    "rattle",
    "hum",
    "buzz",
    "clang",
    "murmur",
    "rustle",
    "whistle",
    "thud",
    "chime",
    "drone",
)
EFFECTS = dict(zip(WORDS, np.random.default_rng(5).normal(0, 0.35, len(WORDS)), strict=True))
BASE = -3.0  # log-odds of a click, about 5 %


def truth(text: str) -> float:
    """The true log-odds that the words add."""
    return float(sum(EFFECTS[word] for word in text.lower().split()))


def headline(rng: np.random.Generator) -> str:
    """Four words in a random order."""
    return " ".join(rng.choice(WORDS, size=4, replace=False)).capitalize()


def experiments(count: int, *, seed: int, shown: Sequence[int] = (3000,), arms: int = 4, name: str = "t") -> list[Arm]:
    """`count` tests of `arms` headlines; test i shows each arm shown[i % len(shown)] times."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        level = BASE + rng.normal(0, 0.5)
        impressions = shown[number % len(shown)]
        for _ in range(arms):
            text = headline(rng)
            rate = 1 / (1 + np.exp(-(level + truth(text))))
            clicks = int(rng.binomial(impressions, rate))
            made.append(Arm(f"{name}{number}", "image", text, impressions, clicks))
    return made


class BagEncoder:
    """Counts the words of the world; stands in for a language model."""

    location, fingerprint, width = "bag", "bag-1", len(WORDS)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Counts, [texts, words]."""
        rows = [[text.lower().split().count(word) for word in WORDS] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.width)


def bert_folder(folder: Path, *, seed: int = 0) -> Path:
    """A tiny BERT with random weights and a vocabulary of this world's words, as a model folder."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *letters,
        *(f"##{letter}" for letter in letters),
    ]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(str(folder))
    shape = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(shape)
    model.save_pretrained(str(folder))
    return folder


def rewrite_json(path: Path, **changes: object) -> None:
    """Change some keys of a JSON file in place."""
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**data, **changes}), encoding="utf-8")


def sha256(path: Path) -> str:
    """The hash that a record would list."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
