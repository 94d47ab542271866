"""Reads exports with the readers of their own packages. Runs in `.venv-readers`, without anything of ours.

    python reader.py megatron|mds|croissant

Takes one path a line, answers with one line of JSON: what is there, or {"error": ...}.
"""

import importlib
import itertools
import json
import sys


def megatron(prefix):
    """Documents of a pair of files, by their name without ending."""
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    dataset = IndexedDataset(prefix, multimodal=False, mmap=True)
    starts = dataset.document_indices.tolist()
    documents = [[token for item in range(*pair) for token in dataset[item].tolist()] for pair in itertools.pairwise(starts)]
    return {"documents": documents, "dtype": dataset.index.dtype.__name__, "items": len(dataset)}


def mds(folder):
    """Samples of a split, and the types of their arrays."""
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory

    clean_stale_shared_memory()
    dataset = StreamingDataset(local=folder, shuffle=False, batch_size=1)
    samples = [dataset[place] for place in range(len(dataset))]
    dtypes = sorted({str(sample["tokens"].dtype) for sample in samples})
    told = [{name: value.tolist() if hasattr(value, "tolist") else value for name, value in sample.items()} for sample in samples]
    return {"samples": told, "dtypes": dtypes}


def croissant(card):
    """What mlcroissant has to say of a card, and the rows that it reads by it."""
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=card)
    issues = dataset.metadata.issues
    records = {found.uuid: [dict(row) for row in dataset.records(found.uuid)] for found in dataset.metadata.record_sets}
    return {"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": records}


def as_json(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.tolist()


FORMATS = {"megatron": megatron, "mds": mds, "croissant": croissant}
PACKAGES = {"megatron": "megatron.core.datasets.indexed_dataset", "mds": "streaming", "croissant": "mlcroissant"}

if __name__ == "__main__":
    read, answers = FORMATS[sys.argv[1]], sys.stdout
    sys.stdout = sys.stderr  # whatever the packages print, an answer is a line
    importlib.import_module(PACKAGES[sys.argv[1]])
    for line in sys.stdin:
        try:
            answer = read(line.strip())
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=as_json), file=answers, flush=True)
