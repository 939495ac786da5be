"""Recordings of students and the analyses of them."""
