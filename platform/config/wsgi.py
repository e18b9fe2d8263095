"""What gunicorn serves."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# An image sets PYTHONPATH; started by hand from the repository root, platform/ still has to be found.
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()
# Loads the code of every page, so that the first visitor does not wait for it. Its 170,000 objects live as long as the
# process; frozen, they are left out of the garbage collector's full passes, which took 100 ms in the middle of a page.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
