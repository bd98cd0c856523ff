"""A page may not point at what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import tree

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


def headings(text: str) -> set[str]:
    """Returns the anchors of a page, made of its headings as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", tree.pages(), ids=str)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page names a file of the tree and, if it has one, a heading in it."""
    text = CODE_BLOCK.sub("", tree.read(page))
    links = [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]
    assert [link for link in links if not _leads_somewhere(page, link)] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (tree.ROOT / page.parent / name) if name else tree.ROOT / page
    if not target.exists():
        return False
    return not anchor or anchor in headings(target.read_text(encoding="utf-8"))
