"""Names of rows that nobody can guess."""

import secrets
from typing import Final

# Crockford's alphabet without vowels: nothing to mistake, no words by chance.
ALPHABET: Final = "0123456789bcdfghjkmnpqrstvwxz"
KEY_LENGTH: Final = 12


def new_key() -> str:
    """Return a fresh key of 12 letters and digits, about 58 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(KEY_LENGTH))


def is_key(text: str) -> bool:
    """Return whether a text could be a key."""
    return len(text) == KEY_LENGTH and set(text) <= set(ALPHABET)
