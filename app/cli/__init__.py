"""The `tallystick` command. One file a group of commands; what they refuse is worded in `app.cli.output`.

Exit codes: 0 done, 1 refused (with one sentence on stderr), 2 not a command or an option of ours. `verify` answers with
2 where something cannot be verified, too.
"""

import sys


def main() -> None:
    """Run the command line of this process.

    `verify` runs alone: an auditor's machine needs no database for it, and no second of loading what it does not use.
    """
    if sys.argv[1:2] == ["verify"]:
        from app.cli.verify import run  # noqa: PLC0415 — see above

        sys.exit(run(sys.argv[2:]))
    from app.cli.commands import cli  # noqa: PLC0415 — see above

    cli()
