"""Why a failure has no repair in a log, and what to mend: a cell that names no component, or a row that is missing."""

from collections.abc import Sequence

from services.rules.maintenance_log import Repair, Unrepaired


class MissingRepairs:
    """What the log says of repairs. `by_component` is whether they are matched with failures of the same component."""

    def __init__(self, repairs: Sequence[Repair], *, by_component: bool) -> None:
        self._by_component = by_component
        self._unnamed = [repair for repair in repairs if by_component and repair.component == ""]

    def reason(self, unrepaired: Unrepaired) -> str:
        """One sentence on a failure that no repair follows, though the log tells of its machine again."""
        failure, again = unrepaired.failure, f"{unrepaired.again_at:%Y-%m-%d %H:%M} UTC"
        if self._by_component and failure.component == "":
            return "It names no component, and repairs are matched by their component; name the component."
        for repair in self._unnamed:
            if repair.machine == failure.machine and repair.repaired_at.at >= failure.failed_at:
                return (
                    f"No repair of {failure.component} follows, but line {repair.line} of the repairs names no "
                    "component; name the component there."
                )
        return f"No repair of it follows, though the log tells of the machine up to {again}; add the repair."
