"""Dataset versions: shop files read, cleaned, masked, split by product or test, checked for leaks, hashed, on disk.

Pure: no torch, no Django. `build` makes a version, `open_dataset` reads one, `preview` shows a file's first rows.
"""

from __future__ import annotations

from models_ml.data.building import build
from models_ml.data.errors import DataError
from models_ml.data.plan import DatasetPlan, Source
from models_ml.data.reading import preview
from models_ml.data.store import DatasetRecord, StoredDataset, open_dataset

__all__ = ["DataError", "DatasetPlan", "DatasetRecord", "Source", "StoredDataset", "build", "open_dataset", "preview"]
