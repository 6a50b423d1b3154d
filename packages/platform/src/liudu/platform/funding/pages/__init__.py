"""Pages of policies, of what one can get, of deliveries and of the sandbox."""
