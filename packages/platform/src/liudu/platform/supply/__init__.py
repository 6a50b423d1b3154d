"""Vendors, solutions, offers and certificates."""
