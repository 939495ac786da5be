"""Reads other people's model files without executing anything in them."""
