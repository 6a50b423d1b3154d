"""The city platform: one Django app for each context."""
