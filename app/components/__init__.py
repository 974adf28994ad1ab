"""Functions that return a component. They take worded text (a Var or a plain value) and never fetch anything."""
