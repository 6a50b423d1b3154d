"""The pages of people, organisations, members and tokens."""
