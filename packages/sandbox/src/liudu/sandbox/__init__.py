"""Runs an untrusted command: isolated at a named level, limited, and measured from outside."""
