"""Labelled data on disk."""
