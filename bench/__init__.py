"""Measurements a person can repeat; each prints the machine, the numbers and where its own cost lies."""
