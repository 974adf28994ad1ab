"""What the business does: one file per family of use cases, each named by what it does."""
