"""Where profiles lie: those that ship with edgebench, and the user's own, which come first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgebench.errors import ConfigError, UnknownName
from edgebench.profiles.profile import Profile
from edgebench.profiles.reading import EXTENDS, merge, read_tables, to_profile

PACKAGE = Path(__file__).parent


def shipped_folder(package: Path = PACKAGE) -> Path:
    """The folder of shipped profiles: `data/` of an installed package, `device_profiles/` of a source tree."""
    installed = package / "data"
    return installed if installed.is_dir() else package.parents[1] / "device_profiles"


def list_profiles(own: Path | None = None) -> list[str]:
    """Names of all profiles, sorted; `own` is the folder of the user's."""
    folders = [shipped_folder(), *([own] if own else [])]
    return sorted({file.stem for folder in folders for file in folder.glob("*.toml")})


def load_profile(name: str, own: Path | None = None) -> Profile:
    """The profile of that name: the user's from the folder `own` if it is there, else the shipped one.

    A file `jetson-nano.toml` of the user's may say `extends = "jetson-nano"`: then it changes the shipped one.
    Raises `UnknownName`, and `ConfigError` for a file that is not a profile.
    """
    data, file = _tables(name, own, ())
    data.setdefault("name", name)
    if data["name"] != name:
        raise ConfigError(f"{file}: name must be {name!r}, as the file is called, not {data['name']!r}")
    return to_profile(data, file)


def _tables(name: str, own: Path | None, before: tuple[Path, ...]) -> tuple[dict[str, Any], Path]:
    """The merged tables of a profile, `extends` taken out, and its file; `before` are files being extended."""
    candidates = [folder / f"{name}.toml" for folder in (own, shipped_folder()) if folder]
    file = next((file for file in candidates if file.is_file() and file not in before), None)
    if file is None or name != Path(name).name:
        if any(file in before for file in candidates):
            raise ConfigError(f"{before[-1]}: extends goes in a circle", hint="let it end at a shipped profile")
        raise UnknownName("profile", name, list_profiles(own))
    data = read_tables(file)
    base_name = data.pop(EXTENDS, None)
    if base_name is None:
        return data, file
    base, _ = _tables(base_name, own, (*before, file))
    base.pop("name", None)
    return merge(base, data), file
