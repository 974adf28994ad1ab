"""A local look-alike of Stripe for development, demonstrations and tests. README.md says what it does."""

from services.stripe_sandbox.app import Sandbox, create_sandbox, open_sandbox

__all__ = ["Sandbox", "create_sandbox", "open_sandbox"]
