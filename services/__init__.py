"""What the business does: a folder for each family of use cases, a file for each one; on top, what all of them need."""
