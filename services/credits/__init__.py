"""Credits: the lots a customer has, what is burned, held, given, moved and expires, and the ledger that explains it."""
