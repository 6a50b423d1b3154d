"""Policies, determinations and grants."""
