"""Sealed data, the queue, and what was measured."""
