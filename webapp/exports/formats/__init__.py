"""One module a format. Each writes an `Export` in memory that does not grow with its rows."""
