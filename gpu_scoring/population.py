"""Which files are labelled and scored: those that pass the gates of a policy."""

import pyarrow.compute as pc


def passes(profile: str) -> pc.Expression:
    """The condition on rows of decide/gates."""
    is_file = (pc.field("kind") == "file") & (pc.field("policy") == profile)
    return is_file & (pc.list_value_length(pc.field("reasons")) == 0)
