"""Finds defects on printed boards by comparing with a template."""
