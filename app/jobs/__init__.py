"""What runs by the clock: which jobs there are (`table`), what each does in a step (`acts`), and the threads that run
them durably (`running`). A run is a workflow: killed anywhere, another process goes on where it stopped."""

from app.closings import Closings, close_due_periods

__all__ = ["Closings", "close_due_periods"]
