"""Property tests of the statistics are repeatable: the gate must not turn red by the luck of a draw or a busy
machine.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
