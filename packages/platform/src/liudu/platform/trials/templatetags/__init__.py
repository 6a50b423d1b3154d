"""Tags of the pages of trials."""
