"""Writes the data card: data_card.md for people, data_card.json with the same facts, croissant.json for programs."""

import json

from jobs.mix.card_facts import Facts
from udfs.data_card import markdown
from udfs.exports import CARD_NAMES, write_bytes


def write_card(folder: str, facts: Facts, croissant: str) -> list[str]:
    """Writes the three files and returns their names. `folder` is a path or an address that Arrow knows; where it is not, it is made."""
    facts_json = json.dumps(facts, indent=2, ensure_ascii=False, default=str) + "\n"
    for name, text in zip(CARD_NAMES, (markdown(facts), facts_json, croissant), strict=True):
        write_bytes(folder, name, text.encode())
    return list(CARD_NAMES)
