"""Terms agreed with one customer: negotiated prices and reserved capacity, from draft to start."""
