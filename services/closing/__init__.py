"""Closing a period: what it leaves to bill, one invoice, and the period that follows."""
