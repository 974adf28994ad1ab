"""Webhooks out: the endpoints customers register, the line each is served in, and what was sent."""
