"""A gain-share run as a report to file: what was measured, how each amount arose, charts, and who signed what."""
