"""A lesson in a few short clips: what to show, chosen from an analysis, and how it is drawn."""
