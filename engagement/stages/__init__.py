"""The parts of an analysis that run beside each other, and what one keeps while it runs."""
