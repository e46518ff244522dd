from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from edgebench.errors import StoreError
from edgebench.store.place import ENVIRONMENT, Place, find_place, network_kind, store_path


def test_default_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert store_path() == Path(platformdirs.user_data_dir("edgebench")) / "store.db"


def test_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(ENVIRONMENT, f"sqlite:///{tmp_path}/lab.db")
    assert store_path() == tmp_path / "lab.db"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a/b.db", Path.cwd() / "a/b.db"),
        ("~/b.db", Path.home() / "b.db"),
        ("sqlite:///a/b.db", Path.cwd() / "a/b.db"),
        ("sqlite:////a/b%20c.db", Path("/a/b c.db")),
        ("C:odd.db", Path.cwd() / "C:odd.db"),
        ("odd:name.db", Path.cwd() / "odd:name.db"),
    ],
)
def test_urls_and_paths(url: str, expected: Path) -> None:
    assert store_path(url) == expected


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://lab/edgebench", "PostgreSQL stores are not supported yet"),
        ("postgresql+psycopg://lab/edgebench", "PostgreSQL stores are not supported yet"),
        ("mysql://x", "no store of kind 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_other_urls_are_refused(url: str, text: str) -> None:
    with pytest.raises(StoreError, match=text) as caught:
        store_path(url)
    assert caught.value.hint


def test_missing_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        find_place(str(tmp_path / "none/s.db"), create=False)
    assert not (tmp_path / "none").exists()


def test_folders_are_made(tmp_path: Path) -> None:
    assert find_place(str(tmp_path / "a/b/s.db")) == Place(tmp_path / "a/b/s.db")
    assert (tmp_path / "a/b").is_dir()


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        find_place(str(tmp_path))


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot make the store's folder"):
        find_place(str(tmp_path / "file/s.db"))


def table(tmp_path: Path, *lines: str) -> Path:
    mounts = tmp_path / "mounts"
    mounts.write_text("\n".join(["dev / ext4 rw 0 0", *lines]))
    return mounts


def test_network_file_systems_are_refused(tmp_path: Path) -> None:
    mounts = table(tmp_path, rf"server:/x {tmp_path}/my\040share nfs4 rw 0 0")
    with pytest.raises(StoreError, match="network file system"):
        find_place(str(tmp_path / "my share/s.db"), mounts=mounts)
    assert not (tmp_path / "my share").exists()


def test_the_innermost_mount_counts(tmp_path: Path) -> None:
    mounts = table(tmp_path, f"a {tmp_path}/net cifs rw 0 0", f"b {tmp_path}/net/disk ext4 rw 0 0", "odd")
    assert network_kind(tmp_path / "net/disk/s.db", mounts) is None
    assert network_kind(tmp_path / "net/s.db", mounts) == "cifs"
    assert network_kind(tmp_path / "network/s.db", mounts) is None


def test_a_later_mount_on_the_same_point_wins(tmp_path: Path) -> None:
    mounts = table(tmp_path, f"a {tmp_path} ext4 rw 0 0", f"b {tmp_path} nfs rw 0 0")
    assert network_kind(tmp_path / "s.db", mounts) == "nfs"


def test_no_table_of_mounts(tmp_path: Path) -> None:
    assert network_kind(tmp_path, tmp_path / "absent") is None
