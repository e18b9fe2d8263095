"""A local model as a provider. Nothing here imports torch until a model is asked for.

Tables may call this from a task body; the web process must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models_ml.nn.generation import LocalModel

# By place and known hash: a folder whose files were exchanged is loaded anew. One at a time: the shelf keeps a base
# that two adapters share.
_loaded: dict[tuple[str, str], LocalModel] = {}


def local_model(location: str | Path, *, known_hash: str = "", threads: int | None = None) -> LocalModel:
    """The model of a folder or hub id, loaded once a process. Raises ModelFolderError with a sentence."""
    from models_ml.nn.generation import LocalModel  # noqa: PLC0415
    from models_ml.nn.loading import load, set_threads  # noqa: PLC0415

    key = (str(location), known_hash)
    if key not in _loaded:
        set_threads(threads)
        made = LocalModel(load(location))  # before the one in use is let go: an adapter finds their base in memory
        _loaded.clear()
        _loaded[key] = made
    return _loaded[key]
