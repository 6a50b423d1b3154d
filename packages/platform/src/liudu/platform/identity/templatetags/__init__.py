"""Template tags of this context."""
