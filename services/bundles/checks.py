"""Following a bundle's receipts: canonical bytes, links, hops, and the way to the checkpoint's root."""

from hashlib import sha256

from services.bundles.members import Header
from services.bundles.signatures import KeyRing
from services.errors import BundleRefused, InvalidBundle, Unverifiable
from services.rules.log_ranges import RangeRoot
from services.rules.log_steps import Step, read_step
from services.rules.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion
from services.rules.notes import Checkpoint, Note, read_checkpoint, read_note
from services.rules.violations import InvalidNote, InvalidProof, InvalidReceipt

LEAVES_BATCH = 4_096
TRACES_MAX = 100_000
"""Traces whose last step is remembered; where there are more, those idle longest are forgotten."""


class Walk:
    """The receipts of a bundle, one after the other.

    `remembered_size` is the size of an older log whose root is worked out on the way, as `root_then`.
    """

    def __init__(self, header: Header, remembered_size: int | None) -> None:
        self.last_ts = ""
        self.first: Step | None = None
        self.last: Step | None = None
        self.root_then: bytes | None = None
        self._header = header
        self._index = 0
        self._previous = ""
        self._leaves: list[bytes] = []
        self._seqs: list[int] = []
        self._traces: dict[str, tuple[int, str]] = {}
        self._forgot = False
        self._then = remembered_size
        self._root = _start(header)
        if header.range is not None and self._root is not None and self._then == header.range.first_seq - 1:
            self.root_then = self._root.root()

    def take(self, data: bytes) -> tuple[Step, bytes]:
        """Check the next receipt and its links; what it is, and its hash. Raises InvalidBundle with its number."""
        expected = self._header.expected_seq(self._index)
        try:
            step = read_step(data)
        except InvalidReceipt as error:
            which = "A receipt" if expected is None else f"Receipt {expected}"
            raise InvalidBundle(f"{which} cannot be read: {error.message}", seq=expected) from error
        leaf = sha256(b"\x00" + data).digest()
        if step.tenant != self._header.tenant:
            raise InvalidBundle(
                f"Receipt {step.seq} belongs to another log than the bundle's.", seq=expected or step.seq
            )
        self._check_link(step, expected)
        name = f"sha256:{leaf.hex()}"
        if step.trace_id is not None or expected is None:
            self._check_hop(step, name)
        self._index += 1
        self._previous, self.last = name, step
        self.last_ts = max(self.last_ts, step.ts)
        if self.first is None:
            self.first = step
        self._leaves.append(leaf)
        if expected is None:
            self._seqs.append(step.seq)
        elif len(self._leaves) == LEAVES_BATCH or step.seq == self._then:
            self._add_leaves(step.seq)
        return step, leaf

    def check_root(self) -> None:
        """Check that the receipts lead to the checkpoint's root. Raises InvalidBundle."""
        checkpoint = self._header.checkpoint
        if self._root is None:
            self._check_inclusions(checkpoint)
            return
        assert self._header.range is not None
        if self._header.range.last_seq > checkpoint.size:
            raise InvalidBundle(f"The range goes on beyond the checkpoint, which covers {checkpoint.size} receipts.")
        try:
            self._root.extend(self._leaves)
            root = self._root.close(self._header.range.after, checkpoint.size)
        except InvalidProof as error:
            raise InvalidBundle(f"The range cannot be proven: {error.message}") from error
        if root != checkpoint.root:
            raise InvalidBundle("The receipts and the hashes around them do not lead to the checkpoint's root.")

    def _check_inclusions(self, checkpoint: Checkpoint) -> None:
        for seq, leaf, proof in zip(self._seqs, self._leaves, self._header.proofs, strict=True):
            try:
                verify_inclusion(seq - 1, checkpoint.size, leaf, proof, checkpoint.root)
            except InvalidProof as error:
                raise InvalidBundle(f"The proof of receipt {seq} does not hold: {error.message}", seq=seq) from error

    def _check_link(self, step: Step, expected: int | None) -> None:
        seq, last = step.seq, self.last
        if expected is not None and seq != expected:
            raise InvalidBundle(f"Receipt {expected} must come next; {seq} does.", seq=expected)
        if last is None:
            return
        if seq <= last.seq:
            raise InvalidBundle(f"Receipt {seq} comes after receipt {last.seq}: they are not in order.", seq=seq)
        if seq == last.seq + 1 and step.prev != self._previous:
            raise InvalidBundle(f"Receipt {seq} does not carry the hash of the one before it.", seq=seq)

    def _check_hop(self, step: Step, name: str) -> None:
        header, seq = self._header, step.seq
        if step.trace_id is None or (header.kind == "trace" and step.trace_id != header.trace_id):
            raise InvalidBundle(f"Receipt {seq} is no step of the bundle's trace.", seq=seq)
        hop, link = self._traces.pop(step.trace_id, (None, None))
        all_known = header.expected_seq(0) in {1, None} and not self._forgot
        if hop is None and step.hop != 1 and all_known:
            raise InvalidBundle(f"The trace must begin with hop 1; receipt {seq} is hop {step.hop}.", seq=seq)
        if hop is not None and step.hop != hop + 1:
            raise InvalidBundle(f"Hop {hop + 1} must come next; receipt {seq} is hop {step.hop}.", seq=seq)
        if hop is not None and step.trace_prev != link:
            raise InvalidBundle(f"Receipt {seq} does not carry the hash of the hop before it.", seq=seq)
        self._traces[step.trace_id] = (step.hop, name)
        if len(self._traces) > TRACES_MAX:
            del self._traces[next(iter(self._traces))]
            self._forgot = True

    def _add_leaves(self, seq: int) -> None:
        assert self._root is not None
        self._root.extend(self._leaves)
        self._leaves = []
        if seq == self._then:
            self.root_then = self._root.root()


def _start(header: Header) -> RangeRoot | None:
    """The root before the range. Raises InvalidBundle where the hashes before it cannot be."""
    if header.range is None:
        return None
    try:
        return RangeRoot(header.range.first_seq - 1, header.range.before)
    except InvalidProof as error:
        raise InvalidBundle(f"The range cannot be proven: {error.message}") from error


def read_remembered(text: str) -> tuple[Note, Checkpoint]:
    """A checkpoint its reader kept. Raises Unverifiable where it cannot be read."""
    try:
        note = read_note(text)
        return note, read_checkpoint(note.body)
    except InvalidNote as error:
        raise Unverifiable(f"The remembered checkpoint cannot be read: {error.message}") from error


def check_remembered(header: Header, ring: KeyRing, remembered: tuple[Note, Checkpoint], walk: Walk) -> None:
    """Check that the bundle's log is the remembered one, as it is or grown.

    Raises InvalidBundle where it is another, and Unverifiable where that cannot be told.
    """
    note, then = remembered
    now = header.checkpoint
    if then.origin != header.origin:
        raise InvalidBundle(f"The remembered checkpoint is that of another log: {then.origin}.")
    try:
        ring.check_note(note, header.origin, "The remembered checkpoint", until=None)
    except BundleRefused as error:
        raise Unverifiable(error.detail) from error
    if then.size > now.size:
        raise Unverifiable(
            f"The bundle is older than the remembered checkpoint: its log has {now.size} receipts, the remembered one "
            f"{then.size}. Ask for the bundle again."
        )
    roots = {0: EMPTY_ROOT, now.size: now.root}
    if walk.root_then is not None:
        roots.setdefault(then.size, walk.root_then)
    root = roots.get(then.size)
    if root is not None:
        if root != then.root:
            raise InvalidBundle(f"The first {then.size} receipts are not those of the remembered checkpoint.")
        return
    if header.consistency is None or header.consistency.size != then.size:
        raise Unverifiable(
            f"A consistency proof is missing, from the {then.size} receipts of the remembered checkpoint to the "
            f"{now.size} of the bundle's. Ask for the bundle with one."
        )
    try:
        verify_consistency(then.size, now.size, header.consistency.hashes, then.root, now.root)
    except InvalidProof as error:
        raise InvalidBundle(f"The log does not continue the remembered checkpoint: {error.message}") from error
