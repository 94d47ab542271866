"""datatrove's WARC reader and its default extractor over one archive, in an environment of their own (`make .venv-peers/.stamp`).

    .venv-peers/bin/python benchmarks/peers/datatrove_warc.py ARCHIVE.warc.gz

Prints how many pages had text.
"""

import sys
from pathlib import Path

from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.readers import WarcReader

path = Path(sys.argv[1])
reader = WarcReader(str(path.parent), glob_pattern=path.name)
print(sum(bool(document.text) for document in Trafilatura().run(reader.run())))
