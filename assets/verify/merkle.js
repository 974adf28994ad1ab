"use strict";

/**
 * The Merkle tree of RFC 9162: roots, and the verification of proofs. Leaves count from 0; sizes and places are BigInt.
 * Verifying throws Broken with the reason, or the proof holds.
 */
Tallystick.merkle = (() => {
  const { Broken } = Tallystick.failures;
  const { equal } = Tallystick.bytes;
  const { HASH_BYTES, nodeHash, sha256 } = Tallystick.hashes;
  const SIZE_MAX = (1n << 63n) - 1n;
  const EMPTY_ROOT = sha256(new Uint8Array());

  /** A tree as its complete subtrees, largest first: what it takes to grow, and to know the root. */
  class Frontier {
    size = 0n;
    hashes = [];

    /** Add a complete subtree of 2^level leaves; the tree's size must be a multiple of that. */
    push(hash, level = 0n) {
      let place = this.size >> level;
      while (place & 1n) {
        hash = nodeHash(this.hashes.pop(), hash);
        place >>= 1n;
      }
      this.hashes.push(hash);
      this.size += 1n << level;
    }

    root() {
      return this.hashes.length ? this.hashes.reduceRight((right, left) => nodeHash(left, right)) : EMPTY_ROOT;
    }
  }

  function rootOf(leaves) {
    const frontier = new Frontier();
    for (const leaf of leaves) frontier.push(leaf);
    return frontier.root();
  }

  /** The tree of the `size` leaves before a range, from its complete subtrees, largest first. */
  function frontierBefore(size, hashes) {
    const frontier = new Frontier();
    checkHashes(hashes);
    const levels = [];
    for (let level = bitLength(size) - 1n; level >= 0n; level--) if ((size >> level) & 1n) levels.push(level);
    if (hashes.length !== levels.length) {
      throw new Broken(`${levels.length} subtrees come before the range; there are ${hashes.length}.`);
    }
    hashes.forEach((hash, place) => frontier.push(hash, levels[place]));
    return frontier;
  }

  /** Grow a tree to `size` leaves by the largest complete subtrees that fit, in order. */
  function pushAfter(frontier, size, hashes) {
    checkHashes(hashes);
    let place = 0;
    while (frontier.size < size && place < hashes.length) {
      let level = bitLength(size - frontier.size) - 1n;
      while (frontier.size % (1n << level)) level--;
      frontier.push(hashes[place++], level);
    }
    if (frontier.size !== size || place !== hashes.length) {
      throw new Broken("Not as many hashes follow the range as lead up to the checkpoint's size.");
    }
  }

  /** The root that an inclusion proof leads to (RFC 9162, 2.1.3.2). */
  function rootFromInclusion(index, size, leaf, proof) {
    checkSize(size);
    if (index < 0n || index >= size)
      throw new Broken(`A tree of ${size} leaves has no leaf ${index}; they count from 0.`);
    checkHashes([leaf, ...proof]);
    const inner = bitLength(index ^ (size - 1n));
    checkLength(proof, Number(inner) + bitCount(index >> inner));
    return climbEdge(climb(leaf, proof.slice(0, Number(inner)), index), proof.slice(Number(inner)));
  }

  function verifyInclusion(index, size, leaf, proof, root) {
    checkHashes([root]);
    if (!equal(rootFromInclusion(index, size, leaf, proof), root)) {
      throw new Broken(`The proof for leaf ${index} of ${size} does not lead to the root.`);
    }
  }

  /** Check that the tree under `root2` begins with the tree under `root1` (RFC 9162, 2.1.4.2). */
  function verifyConsistency(size1, size2, proof, root1, root2) {
    checkSize(size1);
    checkSize(size2);
    if (size1 > size2) throw new Broken(`A tree of ${size1} leaves cannot have grown into one of ${size2}.`);
    if (size1 === size2) {
      // Before any length is looked at: an empty proof would otherwise pass for two different roots.
      if (!equal(root1, root2)) throw new Broken(`Two different roots are given for the same ${size1} leaves.`);
      checkLength(proof, 0);
      return;
    }
    checkHashes([root1, root2, ...proof]);
    const level = trailingZeros(size1);
    const index = (size1 - 1n) >> level;
    const steps = index === 0n ? [root1, ...proof] : proof;
    const inner = bitLength(index ^ ((size2 - 1n) >> level));
    checkLength(steps, 1 + Number(inner) + bitCount(index >> inner));
    const path = steps.slice(1, Number(inner) + 1);
    const edge = steps.slice(Number(inner) + 1);
    const lefts = path.filter((_, height) => (index >> BigInt(height)) & 1n);
    if (!equal(climbEdge(steps[0], [...lefts, ...edge]), root1)) {
      throw new Broken(`The proof does not lead to the root of the first ${size1} leaves.`);
    }
    if (!equal(climbEdge(climb(steps[0], path, index), edge), root2)) {
      throw new Broken(`The proof does not lead to the root of all ${size2} leaves.`);
    }
  }

  function climb(hash, siblings, index) {
    return siblings.reduce(
      (below, sibling, height) =>
        (index >> BigInt(height)) & 1n ? nodeHash(sibling, below) : nodeHash(below, sibling),
      hash,
    );
  }

  function climbEdge(hash, siblings) {
    return siblings.reduce((below, sibling) => nodeHash(sibling, below), hash);
  }

  function bitLength(value) {
    return value === 0n ? 0n : BigInt(value.toString(2).length);
  }

  function bitCount(value) {
    return value.toString(2).replaceAll("0", "").length;
  }

  function trailingZeros(value) {
    return bitLength(value & -value) - 1n;
  }

  function checkSize(size) {
    if (size < 1n || size > SIZE_MAX) throw new Broken("A tree has between 1 and 2^63 - 1 leaves.");
  }

  function checkLength(proof, length) {
    if (proof.length !== length) throw new Broken(`The proof must have ${length} hashes; it has ${proof.length}.`);
  }

  function checkHashes(hashes) {
    if (hashes.some((hash) => hash.length !== HASH_BYTES)) throw new Broken("Every hash must be 32 bytes.");
  }

  return {
    SIZE_MAX,
    EMPTY_ROOT,
    Frontier,
    rootOf,
    frontierBefore,
    pushAfter,
    rootFromInclusion,
    verifyInclusion,
    verifyConsistency,
  };
})();
