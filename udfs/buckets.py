"""Pairs out of buckets, in one pass over sorted rows and in bounded memory, however large a bucket is.

Rows come sorted by bucket and node. First `shared` drops buckets of one node and cuts those of many into clumps. Then `pairs` compares the
nodes of a clump: each with the first of it, its least node; one that is unlike becomes a leader itself, to which those that come
later and are unlike the first are compared, up to `MOST_LEADERS`. So every pair is a member and a leader, and what is found depends on
nothing but the set of nodes in the bucket.

Nodes are compared by the low bytes of their signatures' coordinates (b-bit minwise hashing, Li and König 2010): coordinates that differ
agree in their byte once in 256, which `similarity` takes out.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from udfs.compiled import compiled
from udfs.packets import Records
from udfs.shingles import mix

CLUMP_NODES = 100_000  # so that one bucket of everything is many tasks' work
MOST_LEADERS = 16
MOST_CHECKS = 2  # pairs near the threshold that a node may ask for in one clump
_CHANCE = 1 / 256  # of equal bytes

IN_BUCKET = np.dtype([("bucket", "<i8"), ("node", "<i8")])
IN_CLUMP = np.dtype([("clump", "<i8"), ("node", "<i8")])
PAIR = np.dtype([("a", "<i8"), ("b", "<i8"), ("agreeing", "<i8")])


def sketched_nodes(hashes: int) -> np.dtype:
    """Records of a node and its sketch."""
    return np.dtype([("node", "<i8"), ("sketch", "u1", (hashes,))])


def sketched(hashes: int) -> np.dtype:
    """Records of IN_CLUMP with the node's sketch."""
    return np.dtype([("clump", "<i8"), *sketched_nodes(hashes).descr])


def sketches(signatures: np.ndarray) -> np.ndarray:
    """The low byte of every coordinate: uint8, n x hashes."""
    return signatures.astype(np.uint8)


def similarity(agreeing: np.ndarray, hashes: int) -> np.ndarray:
    """Estimated Jaccard similarity of nodes of whose bytes so many agree; below 0 where fewer do than chance would have it."""
    found: np.ndarray = (np.asarray(agreeing) / hashes - _CHANCE) / (1 - _CHANCE)
    return found


def estimated(agreeing: np.ndarray, hashes: int) -> np.ndarray:
    """`similarity` of nodes that agree in so many bytes, and no less than 0: as annotate/duplicate_pairs has it, to the last bit."""
    chance = float(similarity(np.array([0]), hashes)[0])
    return np.maximum(0.0, chance + agreeing * ((1 - chance) / hashes))


def least_agreeing(jaccard: float, hashes: int) -> int:
    """How many bytes must agree for an estimate of at least `jaccard`."""
    return int(np.ceil(hashes * (jaccard * (1 - _CHANCE) + _CHANCE) - 1e-9))


@compiled
def _share(bucket: Any, node: Any, clump_nodes: Any, state: Any, out: Any) -> Any:
    """state: bucket, first node, last node, distinct nodes seen, all int64. Writes (clump, node) to `out`; returns how many."""
    count = 0
    for i in range(len(bucket)):
        if state[3] == 0 or bucket[i] != state[0]:
            state[0], state[1], state[2], state[3] = bucket[i], node[i], node[i], 1
            continue
        if node[i] == state[2]:
            continue
        clump = state[3] // clump_nodes
        name = bucket[i] if clump == 0 else np.int64(mix(mix(np.uint64(bucket[i])) + np.uint64(clump)))
        if state[3] == 1 or (clump > 0 and state[3] % clump_nodes == 0):
            out[count, 0], out[count, 1] = name, state[1]
            count += 1
        out[count, 0], out[count, 1] = name, node[i]
        count += 1
        state[2] = node[i]
        state[3] += 1
    return count


def shared(rows: Iterable[Records], clump_nodes: int = CLUMP_NODES) -> Iterator[Records]:
    """Records of IN_CLUMP of the buckets that hold several nodes. `rows` are records of IN_BUCKET, sorted."""
    state = np.zeros(4, np.int64)
    for found in rows:
        out = np.empty((2 * len(found), 2), np.int64)
        count = _share(np.ascontiguousarray(found["bucket"]), np.ascontiguousarray(found["node"]), clump_nodes, state, out)
        yield out[:count].view(IN_CLUMP)[:, 0]


@compiled
def _lead(clump: Any, node: Any, sketch: Any, nodes: Any, state: Any, leaders: Any, low: Any, high: Any, out: Any) -> Any:
    """state: clump, last node, leaders held. `nodes` and `leaders` are theirs. Writes (leader, node, agreeing) to `out`."""
    count = 0
    for i in range(len(clump)):
        if state[2] == 0 or clump[i] != state[0]:
            state[0], state[1], state[2] = clump[i], node[i], 1
            nodes[0] = node[i]
            leaders[0] = sketch[i]
            continue
        if node[i] == state[1]:
            continue
        state[1] = node[i]
        checks = 0
        is_placed = False
        for j in range(state[2]):
            agreeing: Any = 0
            for h in range(sketch.shape[1]):
                agreeing += np.int64(sketch[i, h] == leaders[j, h])
            if agreeing >= low:
                out[count, 0], out[count, 1], out[count, 2] = nodes[j], node[i], agreeing
                count += 1
                checks += 1
                is_placed = agreeing >= high or checks == MOST_CHECKS
                if is_placed:
                    break
        if not is_placed and state[2] < MOST_LEADERS:
            nodes[state[2]] = node[i]
            leaders[state[2]] = sketch[i]
            state[2] += 1
    return count


def pairs(rows: Iterable[Records], low: int, high: int) -> Iterator[Records]:
    """Records of PAIR: a leader and a node that agree in at least `low` bytes. `rows` are records of `sketched`, sorted by clump and node.

    A node is done where it agrees with a leader in `high` bytes; below that it is a pair to be checked, and the next leaders are tried too.
    """
    state = np.zeros(3, np.int64)
    nodes = np.empty(MOST_LEADERS, np.int64)
    leaders = np.empty((0, 0), np.uint8)
    for found in rows:
        sketch = np.ascontiguousarray(found["sketch"])
        if not leaders.size:
            leaders = np.empty((MOST_LEADERS, sketch.shape[1]), np.uint8)
        out = np.empty((MOST_CHECKS * len(found), 3), np.int64)
        clump, node = (np.ascontiguousarray(found[name]) for name in ("clump", "node"))
        count = _lead(clump, node, sketch, nodes, state, leaders, low, high, out)
        yield out[:count].view(PAIR)[:, 0]


def with_sketches(rows: Iterable[Records], nodes: Records) -> Iterator[Records]:
    """Records of `sketched`: records of IN_CLUMP, each with the sketch of its node; a row whose node has none is left out.

    `nodes` are records of `sketched_nodes`, in any order, and may be several of a node.
    """
    nodes = nodes[np.argsort(nodes["node"], kind="stable")]
    names = np.ascontiguousarray(nodes["node"])
    kind = sketched(nodes.dtype["sketch"].shape[0])
    for found in rows:
        place = np.searchsorted(names, found["node"])
        is_there = place < len(names)
        is_there[is_there] = names[place[is_there]] == found["node"][is_there]
        out = np.empty(int(is_there.sum()), kind)
        out["clump"], out["node"] = found["clump"][is_there], found["node"][is_there]
        out["sketch"] = nodes["sketch"][place[is_there]]
        yield out


def most_agreeing(rows: Iterable[Records]) -> Records:
    """Of records of PAIR each pair once, with the most bytes in which it was seen to agree, by a and b."""
    found = np.concatenate([np.empty(0, PAIR), *rows])
    found = found[np.lexsort((found["agreeing"], found["b"], found["a"]))]
    is_last = np.ones(len(found), bool)
    is_last[:-1] = (found["a"][1:] != found["a"][:-1]) | (found["b"][1:] != found["b"][:-1])
    return found[is_last]
