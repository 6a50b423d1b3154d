"""Who belongs to which organisation, and may do what."""
