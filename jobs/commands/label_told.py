"""What `codemill label` says: what it may cost, what was answered, and why it ended."""

import signal
from typing import Any

from rich.table import Table as RichTable

from gpu_scoring.judge import Judge
from gpu_scoring.label import RATED, RUBRIC, Summary
from gpu_scoring.page_questions import PAGES_ASKED
from gpu_scoring.subject import Subject
from jobs.commands.options import console, plain

AROUND_TOKENS = 600  # of a question, around the text


def plan(subject: Subject, texts: int, shown_bytes: int, judge: Judge) -> str:
    """What it may cost, before it starts. A token is about 3.5 bytes of code; the budget is what holds."""
    budget, endpoint = judge.budget, judge.endpoint
    limits = [] if budget.tokens is None else [f"{budget.tokens:,} tokens"]
    limits += [] if budget.money is None else [f"{budget.money:,.2f} in money"]
    questions = round(shown_bytes / 3.5) + texts * AROUND_TOKENS
    answers = texts * endpoint.answer_tokens
    money = f" ({endpoint.money(questions, answers):,.2f} in money)" if endpoint.money(1, 1) else ""
    return (
        f"asks {endpoint.model} about {texts:,} {subject.kind}s, {judge.threads} at a time: about {questions:,} tokens of questions and at"
        f" most {answers:,} of answers{money}. Spends at most {' and '.join(limits)}; what is answered already is not asked again."
    )


def as_json(found: Summary, judge: Judge | None) -> dict[str, Any]:
    spent = {"tokens": judge.budget.spent_tokens, "money": judge.budget.spent_money} if judge else None
    return {
        "version": found.version,
        "oracle": judge.endpoint.model if judge else RUBRIC,
        "sample": found.sample.rows.num_rows,
        "wanted": found.sample.wanted,
        "found": found.sample.found,
        "answers": dict(sorted(found.answers.items())),
        "scores": {str(score): count for score, count in sorted(found.scores.items())},
        "asked": found.asked,
        "left": found.left,
        "spent": spent,
        "stopped": found.stopped,
    }


def show(found: Summary, subject: Subject, judge: Judge | None) -> None:
    out = console()
    languages = RichTable("language", "wanted", "in the sample")
    scores = RichTable("rating", f"{subject.kind}s", "")
    for column in (*languages.columns[1:], scores.columns[1]):
        column.justify = "right"
    for name, wanted in sorted(found.sample.wanted.items(), key=lambda item: (-item[1], item[0])):
        if found.sample.found.get(name) or wanted:
            languages.add_row(name, f"{wanted:,}", f"{found.sample.found.get(name, 0):,}")
    languages.add_section()
    languages.add_row("all", f"{sum(found.sample.wanted.values()):,}", f"{found.sample.rows.num_rows:,}")
    most = max(found.scores.values(), default=1)
    for score in range(11):
        count = found.scores[score]
        scores.add_row(str(score), f"{count:,}", "█" * round(40 * count / most))
    out.print(languages)
    out.print(scores)
    told = "; ".join(f"{count:,} {plain(name)}" for name, count in sorted(found.answers.items()))
    oracle = judge.endpoint.model if judge else "the rubric"
    out.print(f"{found.asked:,} {subject.kind}s rated now by {oracle} in {found.seconds:.0f} s: {told or 'none'}.", markup=False)
    if judge:
        budget = judge.budget
        out.print(
            f"Spent at most {budget.spent_tokens:,} tokens"
            + (f", {budget.spent_money:,.2f} in money." if judge.endpoint.prompt_price or judge.endpoint.answer_price else ".")
        )
    else:
        out.print("The rubric counts; it does not judge. A scorer that learns it proves that the way works, and nothing about quality.")
    if subject is PAGES_ASKED:
        out.print(
            f"`codemill annotate.page_models --labels {found.version}` learns from these labels, `codemill train-scorer --kind page` too."
        )
    unrated = sum(count for name, count in found.answers.items() if name != RATED)
    if unrated and judge:
        out.print(f"{unrated:,} {subject.kind}s have no rating: `--again` asks about them again.", markup=False)
    if found.left:
        why = found.stopped or "the run ended early"
        out.print(f"{found.left:,} {subject.kind}s are left: {why}. The same command continues with them.")


def ended(found: Summary, subject: Subject) -> str:
    """Why, after a signal."""
    hung = f" {found.under_way:,} questions were under way, and their answers were not waited for." if found.under_way else ""
    return (
        f"ended by {signal.Signals(found.signal or 0).name}: {found.asked:,} answers came now and are in the lake,"
        f" {found.left:,} {subject.kind}s are left.{hung} The same command continues with them."
    )
