"""What tells commits worth learning from others."""

import pytest

from udfs.commits import FLAGS, MOST_LINES, MOST_PATHS, ChangedPath, flags_of_facts, has_poor_message, has_secret, is_bot

MESSAGE = "Read the parser's options from the environment"


def change(path: str = "src/a.py", **values: object) -> ChangedPath:
    known = {
        "status": "modified",
        "old_mode": "100644",
        "new_mode": "100644",
        "old_blob": "1",
        "new_blob": "2",
        "added_lines": 1,
        "deleted_lines": 1,
    }
    return ChangedPath(path=path, **(known | values))  # type: ignore[arg-type]


def flags(message: str = MESSAGE, parents: int = 1, is_by_bot: bool = False, *changes: ChangedPath) -> list[str]:
    given = changes or (change(),)
    return flags_of_facts(parents, is_by_bot, message, given, len(given))


def test_an_honest_commit_has_no_flag() -> None:
    assert flags() == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (flags(parents=2), ["merge"]),
        (flags(is_by_bot=True), ["bot"]),
        (flags('Revert "Read the options"'), ["revert"]),
        (flags("Revert the order of the columns in the report"), []),
        (flags(MESSAGE, 1, False, *(change(status=one, added_lines=0, deleted_lines=0) for one in ("renamed", "mode"))), ["renames_only"]),
        (flags(MESSAGE, 1, False, change(status="renamed")), []),
        (flags(MESSAGE, 1, False, change(added_lines=None, deleted_lines=None)), ["binary_only"]),
        (flags(MESSAGE, 1, False, change("vendor/x/a.go"), change("web/app.min.js")), ["vendored_only"]),
        (flags(MESSAGE, 1, False, change("vendor/x/a.go"), change("src/a.go")), []),
        (flags(MESSAGE, 1, False, change("yarn.lock"), change("data/table.csv")), ["data_only"]),
        (flags(MESSAGE, 1, False, *(change(f"{n}.py") for n in range(MOST_PATHS + 1))), ["oversized"]),
        (flags(MESSAGE, 1, False, change(added_lines=MOST_LINES + 1)), ["oversized"]),
        (flags(MESSAGE, 1, False, change(new_mode="160000", added_lines=1)), ["submodules_only"]),
        (flags_of_facts(1, False, MESSAGE, (), 0), ["no_changes"]),
    ],
)  # fmt: skip
def test_each_fact_has_its_flag(found: list[str], expected: list[str]) -> None:
    assert found == expected and set(found) <= set(FLAGS)


@pytest.mark.parametrize(
    "message",
    ["", ".", "wip", "fix", "Update README", "Merge branch 'main'", "minor fixes", "v1.2.3", "x\n\nSigned-off-by: A Name <a@b.c>"],
)
def test_messages_that_say_nothing(message: str) -> None:
    assert has_poor_message(message) == (message != "Update README")


@pytest.mark.parametrize(
    "message",
    [
        "Fix crash on empty input",
        "Use less memory",
        "Fehler im Parser behoben",
        "\u4fee\u6b63\u89e3\u6790\u9519\u8bef",
        "\u4fee\u6b63 parser",
    ],
)
def test_messages_that_say_something(message: str) -> None:
    assert not has_poor_message(message)


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [("dependabot[bot]", "", True), ("renovate", "bot@renovateapp.com", True), ("Abbot Botham", "abbot@x.org", False)],
)
def test_bots_are_known_by_name_or_address(name: str, email: str, expected: bool) -> None:
    assert is_bot(name, email) is expected


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (b"+key = 'AKIA" + b"A1" * 8 + b"'\n", True),
        (b"-key = 'AKIA" + b"A1" * 8 + b"'\n", True),
        *((b"+-----BEGIN %b-----\n" % kind, True) for kind in (b"RSA PRIVATE KEY", b"PRIVATE KEY", b"PGP PRIVATE KEY BLOCK")),
        *(
            (b"+token = '%b'\n" % text, True)
            for text in (
                b"ASIA" + b"A1" * 8,
                b"github_pat_" + b"a1" * 20,
                b"glpat-" + b"a1" * 10,
                b"npm_" + b"a1" * 18,
                b"pypi-AgEI" + b"a1" * 30,
                b"hf_" + b"ab" * 17,
                b"SG." + b"a1" * 11 + b"." + b"a1" * 21 + b"a",
                b"rk_live_" + b"a1" * 12,
                b"sk-proj-" + b"a1" * 24,
            )
        ),
        *((b"+token: gh%c_%b\n" % (letter, b"a1" * 18), True) for letter in b"pousr"),
        (b"+slack = 'xoxb-0123456789'\n", True),
        (b"+maps = 'AIza%b'\n" % (b"Xy-0_" * 7), True),
        (b"+pay('sk_live_%b')\n" % (b"a1" * 12), True),
        (b"+jwt = eyJ%b.eyJ%b.%b\n" % ((b"abc12" * 3,) * 3), True),
        (b"+key = os.environ['API_KEY']\n", False),
        (b"+-----BEGIN PUBLIC KEY-----\n+hf_hub = sk-learn, npm_config, SG. 1, risk-%b\n" % (b"a-b" * 20), False),
    ],
)
def test_keys_that_are_added_or_removed_are_seen(patch: bytes, expected: bool) -> None:
    assert has_secret(b"diff --git a/x b/x\n@@ -1 +1 @@\n" + patch) is expected
