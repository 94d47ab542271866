"""docs/languages.md says what the code does."""

from pathlib import Path

from udfs.languages import document

DOC = Path(__file__).parents[2] / "docs" / "languages.md"


def test_the_page_of_languages_is_generated_from_the_tables():
    assert DOC.read_text(encoding="utf-8") == document(), "run `python -m udfs.languages > docs/languages.md`"
