"""Pages of policies, what one can get, deliveries and the sandbox."""
