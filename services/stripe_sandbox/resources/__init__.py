"""Stripe's resources, one module each. A module lists its operations in `OPERATIONS`; it is found by being here."""
