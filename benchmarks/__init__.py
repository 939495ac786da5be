"""Measurements. Run one with `make bench` or `python -m benchmarks.NAME`."""
