"""What gunicorn serves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# An image sets PYTHONPATH; started by hand from the repository root, platform/ still has to be found.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
