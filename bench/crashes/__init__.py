"""Servers and databases killed at random moments under load, and what is left of the books afterwards."""
