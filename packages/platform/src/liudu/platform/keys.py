"""Names of rows that nobody can guess."""

import secrets
from typing import Final

# Crockford's alphabet without vowels: nothing to mistake, no words by chance.
ALPHABET: Final = "0123456789bcdfghjkmnpqrstvwxz"
KEY_LENGTH: Final = 12


def new_key() -> str:
    """Return a fresh key of 12 letters and digits, about 58 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(KEY_LENGTH))
