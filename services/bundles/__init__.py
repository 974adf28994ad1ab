"""Bundles: the part of a log that a customer takes along, written, read back and checked without us.

Reading and checking need no database and no network; only `exports` and `contents` meet a session.
"""
