"""Maintenance logs: files of any columns, read into failures, repairs and the figures of each month and site."""
