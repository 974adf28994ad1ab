"""`python -m app.cli` is `tallystick`."""

from app.cli import main

main()
