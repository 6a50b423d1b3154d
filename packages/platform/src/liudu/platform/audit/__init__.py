"""Every write, one line each, chained by hashes."""
