"""The sources of a command and of its manifest: which they are, and which of them are not in the lake as they are now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jobs import sources
from jobs.runtime.errors import UsageError
from jobs.runtime.job import short_hash
from jobs.sources.source import Reject, Source, SourceError, default_name


@dataclass(frozen=True)
class Named:
    """`rejects` are lines of the manifest that name no source; the manifest is the source that they come from."""

    sources: Sequence[Source]
    rejects: Sequence[Reject]
    manifest: str = ""

    @property
    def manifest_label(self) -> str:
        return sources.manifest_label(self.manifest)

    def locations(self) -> dict[str, str]:
        """By label."""
        return {source.label: source.location for source in self.sources} | ({self.manifest_label: self.manifest} if self.manifest else {})

    def fingerprints(self, rules: str) -> Iterator[tuple[str, str]]:
        """(label, fingerprint) of one source after the other. `rules` changes when the same bytes would become other rows."""
        if self.manifest:
            yield self.manifest_label, short_hash(*(text for r in self.rejects for text in (r.locator, r.reason, r.detail)))
        for source in self.sources:
            yield source.label, short_hash(rules, source.to_json(), _fingerprint(source))


def named_sources(texts: Sequence[str], manifest: str, allow_none: bool) -> Named:
    """Raises `UsageError` where two sources have one name or there is none, `SourceError` where one is not there."""
    found = [sources.parse_source(text) for text in texts]
    rejects: list[Reject] = []
    for item in sources.read_manifest(manifest) if manifest else ():
        if isinstance(item, Reject):
            rejects.append(item)
        else:
            found.append(item)
    if not found and not rejects and not allow_none:
        raise UsageError(
            "there is nothing to ingest: name a source with --source PATH, a manifest with --manifest FILE, or "
            "a web archive with --archive PATH"
        )
    labels: dict[str, Source] = {}
    for source in found:
        if labels.setdefault(source.label, source) != source:
            raise UsageError(
                f"two sources are both called {source.label}: {labels[source.label].location} and {source.location}.\n"
                "Give one of them a name: --source NAME=PATH"
            )
    return Named(list(labels.values()), rejects, manifest)


def called_after_their_place(named: Named) -> list[tuple[str, str, str]]:
    """As `refuse_moved` takes them."""
    found = (source for source in named.sources if source.label == default_name(source.kind, source.location))
    return [(source.label, source.label, source.location) for source in found]


def _fingerprint(source: Source) -> str:
    """Of a source that cannot be read it is empty; the listing then says why, in a row."""
    try:
        return sources.fingerprint(source)
    except SourceError:
        return ""
