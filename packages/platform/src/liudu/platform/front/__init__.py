"""What a visitor sees first: the home page and the proven cases."""
