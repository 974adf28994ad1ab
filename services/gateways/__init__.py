"""The only files that import a vendor, cross the network or hold a key. They take and give plain data."""
