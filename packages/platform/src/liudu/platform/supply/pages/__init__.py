"""The pages of this context: translate, one call, translate."""
