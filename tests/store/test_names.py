"""Names from files as file names: nothing leaves the folder, whatever a name says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.store.names import file_stem, safe_name


@given(st.one_of(st.text(), st.text("./\\\\\0: ~é\udcff", max_size=300)))
def test_a_safe_name_is_one_plain_part_of_a_path(name: str) -> None:
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert safe == safe.strip(".")
    assert 0 < len(safe.encode()) <= 80
    assert not set(safe) & set('/\\\\:\0\n <>|"?*')


@pytest.mark.parametrize("name", ["ml-1m", "ml-latest-small", "my.data_2", "七人の侍"])
def test_plain_names_stay(name: str) -> None:
    assert safe_name(name) == name


def test_names_differ_where_origins_do() -> None:
    assert file_stem("data", "/a/data") != file_stem("data", "/b/data")
    assert file_stem("data", "/a/data") == file_stem("data", "/a/data")
    assert file_stem("data", "/a/\udcff") != file_stem("data", "/a/")
