"""Which files, or texts of pages, are labelled and scored: those that pass the gates of a policy."""

import pyarrow.compute as pc

# Kinds of candidates that a scorer may be of. One that learned ratings of files says nothing of pages, nor the other way round.
KINDS = ("file", "page")


def passes(profile: str, kind: str = "file") -> pc.Expression:
    """The condition on rows of decide/gates."""
    is_asked = (pc.field("kind") == kind) & (pc.field("policy") == profile)
    return is_asked & (pc.list_value_length(pc.field("reasons")) == 0)
