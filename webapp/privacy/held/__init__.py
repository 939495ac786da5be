"""What the site holds about a person; importing this registers it."""

from webapp.privacy.held import account, recordings, teaching

__all__ = ["account", "recordings", "teaching"]
