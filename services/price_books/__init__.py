"""Price books: files that are read and checked, and the immutable plan versions they become."""
