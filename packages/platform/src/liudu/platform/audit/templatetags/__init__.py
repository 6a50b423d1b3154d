"""What the audit tells, in the templates of every context."""
