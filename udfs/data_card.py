"""A data card in Markdown, made of facts alone: where a fact is not there, the card says so or leaves its line out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Facts = dict[str, Any]
MOST_ROWS = 40
COUNTS = {
    "document_count": "documents", "distinct_document_count": "of them different", "token_count": "tokens", "text_bytes": "bytes of text",
}  # fmt: skip


def markdown(facts: Facts) -> str:
    """The same facts give the same text."""
    lines = [f"# Data card: mixture {facts['mixture']}", ""]
    if facts["differences"]:
        lines += [
            "**This card and these shards do not belong together in all:**",
            "",
            *(f"- {cell(one)}" for one in facts["differences"]),
            "",
        ]
    lines += [PURPOSE, ""]
    for heading, section in SECTIONS.items():
        lines += [f"## {heading}", "", *section(facts), ""]
    return "\n".join(lines)


PURPOSE = (
    "Token sequences for training language models of code. The texts are other people's: files, repositories, commits and web pages, as "
    "their sources had them when they were read."
)


def publication(facts: Facts) -> Iterator[str]:
    """What the publisher says of it."""
    said = {name: value for name, value in facts.get("publication", {}).items() if value}
    yield from (f"- {name}: {cell(value)}" for name, value in said.items()) if said else ("Its publisher has said nothing of it.",)


def inside(facts: Facts) -> Iterator[str]:
    counts = ("documents", "rows", "tokens", "text_bytes", "shards")
    totals = [(name, *(row[count] for count in counts)) for name, row in facts["splits"].items()]
    yield "A document counts as often as it is repeated."
    yield ""
    yield from table(("split", "documents", "sequences", "tokens", "bytes of text", "shards"), totals)
    names = ("split", *(("kind",) if any("kind" in row for row in facts["mixed"]) else ()), "language")
    yield ""
    told = {name: heading for name, heading in COUNTS.items() if all(name in row for row in facts["mixed"])}
    yield from table((*names, *told.values()), [tuple(row[name] for name in (*names, *told)) for row in facts["mixed"]])


def recipe(facts: Facts) -> Iterator[str]:
    found = facts["recipe"]
    yield f"Recipe `{found['name'] or 'unknown'}`, packing {found['packing'] or 'unknown'}."
    if found["fim_rate"] is not None:
        yield f"{found['fim_rate']:.0%} of the training documents were drawn to be filled in the middle."
    mixed = [row for row in facts["mixed"] if "cut_document_count" in row]
    if mixed:
        total, cut = (sum(row[name] for row in mixed) for name in ("document_count", "cut_document_count"))
        yield f"{number(cut)} of {number(total)} documents lie in more than one sequence."
    yield ""
    if not found["shares"]:
        yield "Each document was taken once: no share was asked for."
        return
    total = sum(row["taken_token_count"] for row in found["shares"]) or 1
    rows = [
        (row["lot"], row["document_count"], row["token_count"], f"{row['share']:.2%}", f"{row['taken_token_count'] / total:.2%}",
         row["taken_token_count"], f"{row['epochs']:.3f}", f"{row['max_epochs']:g}", row["note"])
        for row in found["shares"]
    ]  # fmt: skip
    yield "Shares are of training tokens. A document may be taken several times, at most as often as its limit says."
    yield ""
    yield from table(
        ("share", "documents there", "tokens there", "asked", "taken", "tokens taken", "epochs", "limit", "why it is missed"), rows
    )


def kept(facts: Facts) -> Iterator[str]:
    yield "The mixture is taken from these. A licence is that of the occurrence that was picked, as its source gives it."
    yield "Bytes of a commit are those of its message and patch, of a repository those of its files: documents have others."
    yield ""
    yield from table(("kind", "split", "candidates", "bytes"), summed(facts["kept"], ("kind", "split")))
    yield ""
    yield from table(("kind", "licence", "candidates", "bytes"), summed(facts["kept"], ("kind", "licence")))
    if facts["without_documents"]:
        yield ""
        yield "Of these there is no document, so that no mixture takes them:"
        yield ""
        rows = [tuple(row[name] for name in ("kind", "reason", "candidates")) for row in facts["without_documents"]]
        yield from table(("kind", "reason", "candidates"), rows)


def sources(facts: Facts) -> Iterator[str]:
    names = ("repository", "source_kind", "commit", "licence", "candidates")
    rows = [tuple(row[name] or "unknown" for name in names) for row in facts["repositories"]]
    yield f"{number(facts['repository_count'])} sources brought what was kept; those of most candidates:"
    yield ""
    yield from table(("source", "kind", "commit", "licence", "candidates kept"), rows, facts["repository_count"])


def rules(facts: Facts) -> Iterator[str]:
    yield f"Policy `{facts['policy']}`, hash `{facts['policy_hash']}`."
    yield ""
    if facts["policy_values"] is None:
        yield "Its values are not known to the version of codemill that wrote this card."
    else:
        by_language = {name: value for name, value in facts["policy_values"].items() if name.endswith("_by_language")}
        rows = [(f"`{name}`", shown(value)) for name, value in facts["policy_values"].items() if name not in by_language and name != "name"]
        rows += [(f"`{name}`", ", ".join(f"{one} {limit}" for one, limit in value)) for name, value in by_language.items()]
        yield from table(("value", "is"), rows)
    yield ""
    dropped = [(row["kind"], f"`{row['reason']}`", row["meaning"], row["candidates"], row["size_bytes"]) for row in facts["dropped"]]
    if not dropped:
        yield "No candidate was dropped."
    else:
        yield "A candidate counts once for each of its reasons."
        yield ""
        yield from table(("kind", "reason", "meaning", "candidates", "bytes"), dropped)


def duplicates(facts: Facts) -> Iterator[str]:
    yield "Texts are stored under their SHA-256: an exact copy is the same text."
    values = facts["policy_values"]
    if values is not None:
        yield f"The policy {'keeps one of each group of' if values['deduplicate'] else 'does not drop'} near-duplicates."
    yield from job_lines(facts, "annotate.signatures", "annotate.duplicates", "annotate.repository_duplicates")


def contamination(facts: Facts) -> Iterator[str]:
    if not facts["benchmarks"]:
        yield "Nothing was compared with a benchmark."
        return
    count = sum(row["candidates"] for row in facts["dropped"] if row["reason"] == "contaminated")
    yield f"{number(count)} candidates were dropped because they share ten words in a row with one of these benchmarks:"
    yield ""
    names = ("benchmark", "item_count", "ignored_count", "ngram_count", "sha256")
    yield from table(names, [tuple(row[name] for name in names) for row in facts["benchmarks"]])
    yield ""
    yield "Texts of files and pages were compared."
    if facts["checked"]:
        yield "Of documents with a text of their own these were compared as they are:"
    yield from checked(facts, "contaminated")


def checked(facts: Facts, reason: str) -> Iterator[str]:
    """Documents that the policy keeps and the mixture leaves out."""
    if facts["checked"]:
        yield ""
        rows = [(row["kind"], row["documents"], row["left_out"].get(reason, 0)) for row in facts["checked"]]
        yield from table(("kind", "documents compared", "left out"), rows)


def quality(facts: Facts) -> Iterator[str]:
    if not facts["scorers"]:
        yield "Quality was not judged by a model."
        return
    for scorer in facts["scorers"]:
        yield f"Judged by the scorer `{scorer}`, {oracle_told(facts['oracles'].get(scorer, {}))}."
    yield "Cuts:"
    yield ""
    names = ("scorer", "language", "drop_worst", "min_score_percent", "file_count", "below_count", "population")
    yield from table(names, [tuple(row[name] for name in names) for row in facts["cuts"]])


def oracle_told(found: Facts) -> str:
    if not found.get("oracle"):
        return "whose oracle is not known to this lake"
    counts = " (which counts and does not judge)" if found["oracle"] == "rubric" else ""
    asked = found["asked_with"] or "of a version that was not kept when it was asked"
    return f"which learned the ratings of the oracle `{cell(found['oracle'])}`{counts}, asked with {asked} (labels `{found['labels']}`)"


def tokens(facts: Facts) -> Iterator[str]:
    found = facts["tokenizer"]
    origin = f", {found['origin']}" if found["origin"] else ""
    yield f"`{found['name'] or 'tokenizer'}`{origin}, {number(found['vocabulary_size'])} ids, SHA-256 `{found['sha256']}`."
    if found["sample_bytes"]:
        yield f"It was trained on {number(found['sample_documents'])} documents, {number(found['sample_bytes'])} bytes."
    yield f"A sequence has at most {number(facts['window'])} tokens. A document ends with `{facts['end_token']}`."
    yield from job_lines(facts, "mix.tokenizer", "mix.sequences")


def held_out(facts: Facts) -> Iterator[str]:
    found = facts["splits"].get("held_out")
    yield f"{number(found['documents'])} documents, {number(found['tokens'])} tokens." if found else "Nothing is held out."
    asked = {name: value for job in facts["jobs"] for name, value in job["parameters"].items() if name.startswith("held_out")}
    if asked:
        yield f"Whole repositories are held out, by these parameters: {values_told(asked)}."
    count = sum(row["candidates"] for row in facts["dropped"] if row["reason"] == "near_duplicate_of_held_out")
    yield f"{number(count)} candidates were dropped because they are near-duplicates of what is held out."
    if facts["checked"]:
        yield "Of documents with a text of their own these were compared with it, part by part. Files and pages were compared with held-out"
        yield "commits and notebooks as well; of them the table counts notebooks and what is left out."
    yield from checked(facts, "near_duplicate_of_held_out")


def reproduction(facts: Facts) -> Iterator[str]:
    yield "The jobs in the order in which they last ran, with their parameters; of a path only the end is told:"
    yield from job_lines(facts, *(job["job"] for job in facts["jobs"]))
    yield ""
    yield from table(("library", "version"), sorted((facts["versions"] or facts["libraries"]).items()))


def limits(facts: Facts) -> Iterator[str]:
    for kind, licence, count, _ in summed(facts["kept"], ("kind", "licence")):
        if licence == "unknown":
            yield f"- Of {number(count)} candidates of kind {kind} that were kept the licence is not known."
    for row in facts["rejects"]:
        count = "1 entry" if row["entries"] == 1 else f"{number(row['entries'])} entries"
        yield f"- Of the sources {count} could not be read or refused: {row['reason']}."
    if not facts["scorers"]:
        yield "- Quality was not judged by a model."
    if facts["policy_values"] is None:
        yield "- The values of the policy are known by their hash alone."
    yield "- Licences are those that the sources name; codemill does not check them."
    yield "- Nothing looks for personal data. Keys and passwords are looked for in commits alone."


def job_lines(facts: Facts, *names: str) -> Iterator[str]:
    """The parameters of the jobs that ran, in a list that stands apart."""
    ran = [job for job in facts["jobs"] if job["job"] in names]
    yield from ("",) * bool(ran)
    for job in ran:
        yield f"- `{job['job']}`: {values_told(job['parameters']) or 'no parameters'}"


def values_told(values: Facts) -> str:
    return ", ".join(f"{name} {shown(value)}" for name, value in values.items())


def shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "(empty)" if value == "" else str(value).lower() if isinstance(value, bool) else str(value)


def summed(rows: Iterable[Facts], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Candidates and bytes by some of the columns, most bytes first."""
    counts: Counter[tuple[str, ...]] = Counter()
    sizes: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        key = tuple(row[name] for name in names)
        counts[key] += row["candidates"]
        sizes[key] += row["size_bytes"]
    order = sorted(counts, key=lambda key: (-sizes[key], key))
    return [(*key, counts[key], sizes[key]) for key in order]


def table(names: Sequence[str], rows: Sequence[tuple[Any, ...]], count: int = 0) -> Iterator[str]:
    """A Markdown table; what a cell holds cannot break it. Of a long one the end is counted; `count` where `rows` are not all there are."""
    yield f"| {' | '.join(names)} |"
    yield "|---" * len(names) + "|"
    for row in rows[:MOST_ROWS]:
        yield f"| {' | '.join(map(cell, row))} |"
    left = max(count, len(rows)) - len(rows[:MOST_ROWS])
    if left:
        yield f"| and {number(left)} more {'|' * len(names)}"


def cell(value: Any) -> str:
    text = number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return "".join(" " if ord(letter) < 32 else letter for letter in text).replace("|", "\\|").replace("<", "&lt;")


def number(value: int) -> str:
    return f"{value:,}"


SECTIONS = {
    "Publication": publication,
    "What is inside": inside,
    "Recipe": recipe,
    "What the policy kept, by kind and licence": kept,
    "Sources": sources,
    "Policy, and what each rule dropped": rules,
    "Deduplication": duplicates,
    "Decontamination": contamination,
    "Quality": quality,
    "Tokenizer and window": tokens,
    "Held out of training": held_out,
    "Reproduction and versions": reproduction,
    "Known limits": limits,
}
