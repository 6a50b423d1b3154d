"""The pages of this context, a module for each kind."""
