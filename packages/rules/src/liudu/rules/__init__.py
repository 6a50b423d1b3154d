"""Policies as data, over a whole city at once."""
