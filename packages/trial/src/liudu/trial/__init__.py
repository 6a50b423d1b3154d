"""One trial, from a folder of data to a certificate that anyone can check."""
