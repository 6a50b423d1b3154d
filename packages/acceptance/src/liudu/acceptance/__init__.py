"""Decides by statistics whether a trial kept its promise: plans, bounds, sequential tests, verdicts."""
