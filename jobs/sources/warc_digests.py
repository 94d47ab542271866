"""Whether a record's block is what its digest was made of.

Asked where nothing else guards the bytes: in an archive by record every gzip member has a checksum, so that there a wrong digest is a
crawler's mistake and no damage. Of the two digests only the block's is compared: it is of the bytes as they lie, while crawlers differ in
whether a payload is taken before or after its chunks are put together.
"""

import re

from fastwarc.warc import WarcRecord

_KNOWN = re.compile(r"(?i:sha1):[A-Z2-7]{32}")


def is_wrong(record: WarcRecord, most_bytes: int) -> bool:
    """Before anything of the record was read; it is as it was afterwards. A block that is larger, or whose digest is of an unknown form, is
    taken as right."""
    said = (record.headers.get("WARC-Block-Digest") or "").strip()
    return bool(_KNOWN.fullmatch(said)) and record.content_length <= most_bytes and not record.verify_block_digest(consume=False)
