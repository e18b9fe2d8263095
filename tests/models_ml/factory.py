"""A small model factory for tests: files, datasets, runs, versions in every stage.

A model here is a folder in name only: enough to be hashed, registered and moved, not to be loaded.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.models import Job
from models_ml import gate, services
from models_ml.models import DatasetVersion, ModelVersion, SourceFile, TrainingRun
from models_ml.nn.artifacts import file_hashes, model_hash
from models_ml.services.datasets import Built, keep_built
from models_ml.services.stages import keep_check

GOOD = {
    "follows_brief": 0.97,
    "fact_check": 0.99,
    "forgetting": 0.02,
    "robustness_drop": 0.03,
    "unsafe": 0.0,
    "parity": True,
    "hashes_verified": True,
    "loss_over_production": -0.2,
}
CATALOGUE = [
    ("product_id", "name", "description", "advert"),
    *(
        (
            f"P{number}",
            f"{colour} {thing}",
            f"A {colour.lower()} {thing.lower()} of {matter}, made for every day and light to carry around town.",
            f"Carry the {thing.lower()} of {matter} in {colour.lower()}: it goes with all you own, number {number}.",
        )
        for number, (colour, thing, matter) in enumerate(
            (colour, thing, matter)
            for colour in ("Olive", "Crimson", "Slate", "Amber")
            for thing, matter in (("Tote", "canvas"), ("Flask", "steel"), ("Lamp", "oak"), ("Scarf", "merino wool"))
        )
    ),
]


def csv_bytes(rows: Sequence[Sequence[str]] = CATALOGUE) -> bytes:
    """Rows as a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def source_file(name: str = "catalogue.csv", content: bytes | None = None) -> SourceFile:
    """A kept file."""
    return services.store_file(name=name, chunks=[csv_bytes() if content is None else content], actor="test")


def asked(name: str = "Spring", **options: Any) -> DatasetVersion:
    """A dataset version that waits to be built."""
    chosen = services.ChosenSource(source_file(), "copy", {"prompt": "description", "answer": "advert"})
    return services.create_dataset(name=name, task="copy", sources=[chosen], actor="test", **options)


def dataset(name: str = "Spring", content_hash: str = "d" * 64, **options: Any) -> DatasetVersion:
    """A ready version, its rows in name only."""
    sample = [
        {
            "split": "train",
            "language": "en",
            "group": "P1",
            "messages": [{"role": "user", "content": "An olive tote."}, {"role": "assistant", "content": "Carry it."}],
        }
    ]
    report = {
        "read": 16,
        "kept": 14,
        "dropped": [
            {
                "reason": "nearly equal to another row",
                "count": 2,
                "examples": [{"source": "catalogue.csv", "line": 4, "text": "Carry <b>it</b>"}],
            }
        ],
        "masked": {"e-mail": 1},
        "warnings": [],
        "leak_check": {
            "rows": 14,
            "texts": 14,
            "groups_across": 0,
            "equal_across": 0,
            "near_across": 0,
            "threshold": 0.8,
            "miss_chance": 0.0001,
        },
        "labels": [],
    }
    counts = {
        split: {"rows": rows, "languages": {"en": rows}}
        for split, rows in (("train", 12), ("validation", 1), ("test", 1))
    }
    version = asked(name, **options)
    return keep_built(version, Built(content_hash=content_hash, counts=counts, report=report, sample=sample))


def model_folder(path: Path, weights: bytes = b"weights") -> Path:
    """A folder with weights, configuration, tokenizer and a record of their hashes."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "model.safetensors").write_bytes(weights)
    (path / "config.json").write_text("{}")
    (path / "tokenizer.json").write_text("{}")
    (path / "training.json").write_text(json.dumps({"files": file_hashes(path)}))
    return path


def version(path: Path, name: str = "Learned", weights: bytes = b"weights", **fields: Any) -> ModelVersion:
    """A candidate whose files lie at `path`."""
    folder = model_folder(path, weights)
    made = services.register_model_version(
        name=name, location=str(folder), content_hash=model_hash(file_hashes(folder)), base="models_ml/starter"
    )
    ModelVersion.objects.filter(pk=made.pk).update(**fields) if fields else None
    return ModelVersion.objects.get(pk=made.pk)


def checked(one: ModelVersion, production: ModelVersion | None = None, **figures: gate.Value) -> ModelVersion:
    """The version after a check with good figures, but for those given."""
    found: Mapping[str, gate.Value] = {**GOOD, **figures}
    details = {"forgetting": {"perplexity before": 8.0, "perplexity after": 8.1}, "brief": {"follows": 0.97}}
    return keep_check(one, figures=found, details=details, compared_with=production)


def in_production(path: Path, name: str = "Old") -> ModelVersion:
    """A version that writes today."""
    return services.put_in_production(version(path, name, b"old weights"), actor="test")


def staged(
    path: Path, name: str = "New", production: ModelVersion | None = None, **figures: gate.Value
) -> ModelVersion:
    """A checked version that waits for a promotion."""
    one = checked(version(path, name, name.encode()), production, **figures)
    ModelVersion.objects.filter(pk=one.pk).update(stage="staged")
    return ModelVersion.objects.get(pk=one.pk)


def run(name: str = "First run", on: DatasetVersion | None = None, **settings: Any) -> TrainingRun:
    """A run that waits for its worker."""
    return services.start_training(
        name=name, dataset=on or dataset(), base="org/base", actor="test", settings_of_plan=settings
    )


def job_of(made: DatasetVersion | TrainingRun) -> Job:
    """Its job as it stands now."""
    assert made.job_id is not None
    return Job.objects.get(pk=made.job_id)
