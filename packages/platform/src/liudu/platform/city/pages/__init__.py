"""The pages of the city."""
