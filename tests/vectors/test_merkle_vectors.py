"""The tree against vectors from outside: those of transparency-dev/merkle, in the folder beside the project."""

import json
from base64 import b64decode

import pytest

from services.rules.merkle import (
    EMPTY_ROOT,
    Frontier,
    inclusion_proof,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from services.rules.violations import InvalidProof


def verdicts(folder, check):
    """How many vectors there are of each verdict, and the files whose verdict is not ours."""
    counts, wrong = {True: 0, False: 0}, []
    for path in sorted(folder.rglob("*.json")):
        vector = json.loads(path.read_text())
        counts[vector["wantErr"]] += 1
        try:
            check(vector)
        except InvalidProof:
            refused = True
        else:
            refused = False
        if refused != vector["wantErr"]:
            wrong.append(f"{path.relative_to(folder)}: {vector['desc']}")
    return counts, wrong


def proof_of(vector):
    return [b64decode(hashed) for hashed in vector["proof"] or []]


def check_inclusion(vector):
    leaf, root = b64decode(vector["leafHash"] or ""), b64decode(vector["root"] or "")
    verify_inclusion(vector["leafIdx"], vector["treeSize"], leaf, proof_of(vector), root)


def check_consistency(vector):
    root1, root2 = b64decode(vector["root1"] or ""), b64decode(vector["root2"] or "")
    verify_consistency(vector["size1"], vector["size2"], proof_of(vector), root1, root2)


@pytest.mark.parametrize(("name", "check"), [("inclusion", check_inclusion), ("consistency", check_consistency)])
def test_every_vector_gets_the_verdict_it_should(shared_folder, name, check):
    counts, wrong = verdicts(shared_folder / "vectors" / "merkle" / "testdata" / name, check)
    assert wrong == []
    assert counts == {True: 92, False: 6}


def test_the_reference_tree_has_its_roots_and_its_proofs_verify(shared_folder):
    reference = json.loads((shared_folder / "vectors" / "merkle" / "rfc6962_reference_tree.json").read_text())
    leaves = [leaf_hash(bytes.fromhex(text)) for text in reference["leaf_inputs_hex"]]
    roots = [bytes.fromhex(text) for text in reference["roots_hex"]]
    assert [Frontier().extend(leaves[:size])[0].root() for size in range(9)] == roots
    nodes = {(0, index): leaf for index, leaf in enumerate(leaves)}
    nodes |= {(level, index): hashed for level, index, hashed in Frontier().extend(leaves)[1]}
    for size in range(1, 9):
        for index in range(size):
            proof = inclusion_proof(index, size, lambda level, place: nodes[level, place])
            verify_inclusion(index, size, leaves[index], proof, roots[size])
    hasher = {name: bytes.fromhex(text) for name, text in reference["hasher"].items()}
    assert hasher["empty_root"] == EMPTY_ROOT
    assert hasher["empty_leaf"] == leaf_hash(b"")
    assert hasher["leaf_L123456"] == leaf_hash(b"L123456")
    assert hasher["node_N123_N456"] == node_hash(b"N123", b"N456")
