"""Decides by statistics whether a trial kept its promise."""
