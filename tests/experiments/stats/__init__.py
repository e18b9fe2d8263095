"""Tests of the statistics: known answers, coherence, degenerate input."""
