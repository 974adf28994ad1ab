"""Gain-share: what both sides agree to measure against, what was measured, and the runs that both sign."""
