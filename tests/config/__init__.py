"""Tests of the wiring: the name `platform`, the floors, what a fresh process imports, what is documented."""
