"""Where the images come from, and who got how much of them."""

from __future__ import annotations

from fedreid.reports.numbers import count
from fedreid.reports.tables import Table, row


def data_tables(data: dict, *, trains_on_public: bool = False) -> list[Table]:
    """The sources part by part, and who got how much of them.

    Args:
        trains_on_public: after pre-training, too.
    """
    rows = [
        row(name, _part(part, facts), *(count(facts[part][key]) for key in ("identities", "images", "cameras")))
        for name, facts in data.get("sources", {}).items()
        for part in ("train", "query", "gallery")
        if facts.get(part, {}).get("images")
    ]
    sources = Table("Sources", ("Source", "Part", "Identities", "Images", "Cameras"), tuple(rows), text_columns=2)
    uses = {
        "public": "Public: pre-training and rounds" if trains_on_public else "Public: pre-training",
        "private": "Private: divided among clients",
        "unused": "Not used for training",
    }
    shares = [
        row(title, count(data[use]["identities"]), count(data[use]["images"]))
        for use, title in uses.items()
        if data.get(use, {}).get("images") or (use == "public" and use in data)
    ]
    return [
        table
        for table in (sources, Table("Training identities", ("Use", "Identities", "Images"), tuple(shares)))
        if table.rows
    ]


def _part(part: str, facts: dict) -> str:
    """What a source's images are for; of pairs and templates of faces none is more of a gallery than another."""
    return "Faces" if facts.get("faces") else part.capitalize()
