"""Invoices and credit notes as documents to file: read from the books, worded, set on pages, with data for machines."""
