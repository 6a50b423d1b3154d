"""What only the templates of this context say."""
