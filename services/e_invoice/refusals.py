"""Why a bill cannot be written as EN 16931."""


class NotExpressible(ValueError):
    """The standard has no place for something on this bill, or asks for what is not known; the message says what."""
