"""Measurements: figures come from here, never from a timed assertion in a test."""
