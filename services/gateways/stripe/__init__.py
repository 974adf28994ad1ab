"""Stripe: the only files that import its SDK. Typed plain data in and out; refusals in `refusals.py`."""
