"""Why a call is not made: it is left to a person, who is told."""


class Held(Exception):
    """The call must not be made as things are. Its text says to an operator what is wrong and what to do."""
