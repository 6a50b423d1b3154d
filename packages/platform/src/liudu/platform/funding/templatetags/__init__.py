"""Tags of this context's templates."""
