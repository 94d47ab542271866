"""Near-duplicates for a lake that is made without Spark: every pair is looked at, and judged as the jobs would."""

from typing import Any

import networkx
import numpy as np
import pyarrow as pa

from jobs.annotate import duplicates, signatures
from jobs.annotate.duplicates import DuplicatesParams
from udfs import buckets, minhash
from udfs.shingles import jaccard, shingle_sets

PARAMS = DuplicatesParams()
MOST_SHINGLES = 16_384


def add_duplicates(rows: dict[str, list[dict[str, Any]]], texts: dict[str, str]) -> None:
    """Adds annotate/signatures, duplicate_pairs and duplicates of texts by key."""
    keys = sorted(texts)
    column = pa.array([texts[key] for key in keys], pa.large_string())
    signed = minhash.signatures(column, PARAMS.signatures).to_pylist()
    nodes = {}
    for key, found in zip(keys, signed, strict=True):
        rows["annotate/signatures"].append({"content_sha256": key, "version": signatures.version(PARAMS.signatures), **found})
        nodes[key] = found["node"] if found["node"] is not None else -(1 << 62) + int(key[:8], 16)
    first = {nodes[key]: place for place, key in reversed(list(enumerate(keys))) if signed[place]["signature"]}
    sketches = {node: np.frombuffer(signed[place]["signature"], "<u4").astype(np.uint8) for node, place in first.items()}
    sets = shingle_sets(column, PARAMS.shingle_tokens, MOST_SHINGLES)
    pairs = _pairs(sketches, {node: np.asarray(sets[place].values) for node, place in first.items()})
    graph = networkx.Graph((pair["a"], pair["b"]) for pair in pairs if pair["is_duplicate"])
    graph.add_nodes_from(nodes.values())
    centre_of = {node: min(group) for group in networkx.connected_components(graph) for node in group}
    version = duplicates.version(PARAMS)
    rows["annotate/duplicate_pairs"] += [{**pair, "version": version, "component_id": centre_of[pair["a"]]} for pair in pairs]
    sizes: dict[int, int] = {}
    for node in nodes.values():
        sizes[centre_of[node]] = sizes.get(centre_of[node], 0) + 1
    for key, node in nodes.items():
        centre = centre_of[node]
        alike = 1.0 if node == centre else max(0.0, _similarity(sketches[node], sketches[centre]))
        group = {"component_id": centre, "group_id": centre, "group_size": sizes[centre], "centre_similarity": alike}
        rows["annotate/duplicates"].append({"content_sha256": key, "version": version, "node": node, **group})


def _similarity(one: np.ndarray, other: np.ndarray) -> float:
    return float(buckets.similarity(np.array([(one == other).sum()]), PARAMS.hashes)[0])


def _pairs(sketches: dict[int, np.ndarray], sets: dict[int, np.ndarray]) -> list[dict[str, Any]]:
    target, nodes = PARAMS.target, sorted(sketches)
    every = np.array([sketches[node] for node in nodes]).reshape(len(nodes), PARAMS.hashes)
    found = []
    for place, a in enumerate(nodes):
        agreeing = (every[place + 1 :] == every[place]).sum(axis=1)
        for at in np.flatnonzero(agreeing >= target.low).tolist():
            b, is_true = nodes[place + 1 + at], bool(agreeing[at] < target.high)
            alike = jaccard(sets[a], sets[b], MOST_SHINGLES) if is_true else _similarity(sketches[a], sketches[b])
            is_duplicate = not is_true or alike >= target.threshold
            found.append({"a": a, "b": b, "similarity": float(alike), "is_true": is_true, "is_duplicate": is_duplicate})
    return found
