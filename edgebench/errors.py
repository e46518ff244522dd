"""Every error a user can meet, as one tree; each knows its exit code, its hint and whether a retry may help.

EdgebenchError                     70  a bug of edgebench, unless a subclass says otherwise
|- UsageError                       2  the command, a file it names, or the configuration
|  |- UnknownName                      a device, backend, option or key that does not exist; names the nearest
|  |- ModelError                       the model file: missing, not a model, truncated, wrong kind
|  |- ConfigError                      devices.toml or a profile
|  |- StoreError                       the results store: read-only, full, newer schema, damaged
|- DeviceError                      3  the device cannot be used; message begins with the device's name
|  |- DeviceUnreachable                host down, refused port, unknown name          (transient)
|  |- DeviceLost                       the link broke or stalled in the middle         (transient)
|  |- HostKeyError                     unknown or changed SSH host key
|  |- AuthRefused                      no key was accepted
|  |- DeviceLocked                     another session holds the lease
|  |- DeviceUnfit                      no usable Python, no writable folder, disk full
|- RowFailure                       4  one variant cannot be measured: outcome code + message; the next row runs
|- Interrupted                    130  Ctrl-C or SIGTERM

`code` is from the closed list of outcome codes where the error ends a row.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class EdgebenchError(Exception):
    """Something went wrong inside edgebench."""

    exit_code = 70
    transient = False
    code = "internal"

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.hint = hint

    @property
    def message(self) -> str:
        """The one line shown to the user."""
        return str(self.args[0])


class UsageError(EdgebenchError):
    """The command line or a file it names cannot be used."""

    exit_code = 2
    code = "bad-input"


class UnknownName(UsageError):
    """There is nothing of that name."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str | None = None) -> None:
        names = sorted(known)
        super().__init__(f"unknown {kind} {name!r}", hint=hint or nearest_hint(name, names))
        self.name = name


class ModelError(UsageError):
    """The model file cannot be read."""


class ConfigError(UsageError):
    """The configuration cannot be used."""


class StoreError(UsageError):
    """The results store cannot be used."""

    code = "internal"


class DeviceError(EdgebenchError):
    """The device cannot be used."""

    exit_code = 3
    code = "device-lost"

    def __init__(self, device: str, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(f"{device}: {message or (self.__doc__ or '').strip()}", hint=hint)
        self.device = device


class DeviceUnreachable(DeviceError):
    """The device does not answer."""

    transient = True


class DeviceLost(DeviceError):
    """The link to the device broke."""

    transient = True


class HostKeyError(DeviceError):
    """The SSH host key is not the one that is known."""


class AuthRefused(DeviceError):
    """The device accepted none of the offered keys."""

    code = "permission"


class DeviceLocked(DeviceError):
    """Another session holds the device."""

    code = "device-locked"


class DeviceUnfit(DeviceError):
    """The device lacks something that edgebench needs."""

    def __init__(
        self,
        device: str,
        message: str | None = None,
        *,
        code: str = "runtime-missing",
        hint: str | None = None,
    ) -> None:
        super().__init__(device, message, hint=hint)
        self.code = code


class RowFailure(EdgebenchError):
    """One variant cannot be measured."""

    exit_code = 4

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Interrupted(EdgebenchError):
    """Interrupted; what was finished is stored."""

    exit_code = 130
    code = "interrupted"


def nearest_hint(name: str, known: Iterable[str]) -> str | None:
    """Name the closest known spelling, else list what there is.

    >>> nearest_hint("jetson-nan", ["jetson-nano", "localhost"])
    'did you mean `jetson-nano`?'
    """
    names = sorted(known)
    if not names:
        return None
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    shown = ", ".join(names[:12])
    return f"known: {shown}" + (", ..." if len(names) > 12 else "")
