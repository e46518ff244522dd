"""What a device's refusal of a file means, in the words that every transport uses."""

from __future__ import annotations

import errno

from edgebench.errors import DeviceError, DeviceUnfit
from edgebench.transports.base import FileMissing


def missing(device: str, path: str) -> FileMissing:
    """There is no such file, or no folder to put it in."""
    return FileMissing(device, f"no such file or folder: {path!r}")


def disk_full(device: str, path: str) -> DeviceUnfit:
    """The file system is full."""
    hint = "free some space there, or use another folder"
    return DeviceUnfit(device, f"no space left for {path!r}", code="disk-full", hint=hint)


def not_allowed(device: str, path: str) -> DeviceUnfit:
    """The file or folder may not be read or written."""
    hint = "use a folder that this user may write to"
    return DeviceUnfit(device, f"permission denied or read-only: {path!r}", code="permission", hint=hint)


def meaning(device: str, path: str, error: OSError) -> DeviceError:
    """The error of our tree for an errno."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return missing(device, path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return disk_full(device, path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return not_allowed(device, path)
    return DeviceError(device, f"{path!r}: {error.strerror or error}")
