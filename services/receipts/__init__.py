"""The customer's log: a receipt of everything that counts, the tree over them, and the keys that sign its head."""
