"""Forms of the model factory: handing in data, mapping its columns, planning a training run."""

from models_ml.forms.datasets import DatasetForm, SourceForm, UploadForm
from models_ml.forms.runs import RunForm

__all__ = ["DatasetForm", "RunForm", "SourceForm", "UploadForm"]
