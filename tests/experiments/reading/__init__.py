"""Tests of readings: one experiment by each design, corrected, guarded, shrunk and in words."""
