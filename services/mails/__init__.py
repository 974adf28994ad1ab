"""Letters to people: what each says, who gets it, and that it is handed over once."""
