"""Consent, withdrawal and the audit log."""
