"""The city as its sources tell it."""
