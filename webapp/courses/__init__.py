"""Courses, their lessons and who takes part in them."""
