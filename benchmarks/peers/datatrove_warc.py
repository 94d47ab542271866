"""datatrove's WARC reader and its default extractor, in an environment of its own.

    .venv-peers/bin/python benchmarks/peers/datatrove_warc.py ARCHIVE.warc.gz

Prints how many pages had text, and the processor seconds of this process and its children without their imports. A page on which the
extractor takes more than its second is left out by it.
"""

import json
import resource
import sys
from pathlib import Path

from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.readers import WarcReader


def spent_s() -> float:
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in found)


path = Path(sys.argv[1])
reader, extractor = WarcReader(str(path.parent), glob_pattern=path.name), Trafilatura()
extractor.extract("<p>one</p>")  # imported before the clock starts
start = spent_s()
texts = sum(bool(document.text) for document in extractor.run(reader.run()))
print(json.dumps({"texts": texts, "seconds": spent_s() - start}))
