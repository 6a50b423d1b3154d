"""The looks of all pages, and their doors."""
