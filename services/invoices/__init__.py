"""Invoices and credit notes: lines, numbers, taxes, receipts, what waits for the next one, and all of it in words."""
