from __future__ import annotations

from collections import Counter
from pathlib import Path

from examples.partners import make_partners as generator
from partner_sdk.sources.texts import Encoding
from rongan_share.cli.partner_file import read_partners
from rongan_share.v1 import operator_service_pb2 as pb


def test_same_seed_same_partners() -> None:
    """A seed decides every character, and another one makes others."""
    assert generator.make_partners() == generator.make_partners()
    assert generator.make_partners(1) != generator.make_partners(2)


def test_file_is_what_import_takes(tmp_path: Path) -> None:
    """1,478 partners, 138 of them banks, every code valid and in Hebei, nothing there twice."""
    path = tmp_path / generator.FILE
    generator.write_partners(path, generator.make_partners())
    read = read_partners(path, Encoding.UTF_8)
    assert read.problems == []
    requests = [row.request for row in read.rows]
    assert Counter(each.kind for each in requests) == {
        pb.PARTNER_KIND_BANK: 138,
        pb.PARTNER_KIND_ENTERPRISE: 1_340,
    }
    assert len({each.display_name for each in requests}) == generator.COUNT == 1_478
    assert all(each.credit_code[2:8] == each.region for each in requests)
    assert all(each.region.startswith("13") for each in requests)
