"""Who bills and who is billed: names, addresses and terms, with their history, and what an invoice copies of them."""
