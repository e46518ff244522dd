"""The page on profiles names every key that there is, and no other table."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edgebench.profiles import profile

PAGE = Path(__file__).resolve().parents[2] / "docs" / "profiles.md"
TABLES = {
    "[match]": profile.Match,
    "[cpu]": profile.Cpu,
    "[memory]": profile.Memory,
    "[power]": profile.Power,
    "[thermal]": profile.Thermal,
    "[gpu]": profile.Gpu,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_on_the_page(table):
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{table}`")]
    missing = [name for name in msgspec.structs.fields(TABLES[table]) if f"`{name.name}`" not in row]
    assert [name.name for name in missing] == []
