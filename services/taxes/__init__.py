"""Sales taxes: the rates in force, registrations and tax ids, and the taxes of a bill in words."""
