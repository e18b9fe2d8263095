"""Tests of the plan before launch."""
