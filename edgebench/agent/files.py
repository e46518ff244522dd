"""Small files of the agent: written whole or not at all, read with patience."""

import errno
import hashlib
import json
import os

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error):
    """Tell whether an OSError says that there is no room left to write."""
    return isinstance(error, OSError) and error.errno in FULL


def code_of(error):
    """Return the closed code that an exception of the file system stands for."""
    if is_full(error):
        return "disk-full"
    return "permission" if isinstance(error, PermissionError) else "internal"


def write_all(fd, data):
    """Write all of `data` to a blocking descriptor. Raises OSError, part of it may then have been written."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(folder):
    """Make the names in a folder survive a power cut."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_json(path, value):
    """Write `value` as JSON so that readers see the old file or the new one, never half of one."""
    part = "%s.part.%d" % (path, os.getpid())
    with open(part, "w") as out:
        json.dump(value, out, sort_keys=True)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, path)


def read_json(path):
    """Return the JSON object of a file, or None where there is none or it is damaged."""
    try:
        with open(path, "rb") as source:
            value = json.loads(source.read().decode("utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_text(path, limit=65536):
    """Return a small file's text without surrounding blanks and NULs, or None where it cannot be read."""
    try:
        with open(path, "rb") as source:
            return source.read(limit).decode("utf-8", "replace").strip(" \t\r\n\x00")
    except OSError:
        return None


def sha256_of(path):
    """Return the SHA-256 of a file, hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        for piece in iter(lambda: source.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def under(root, path):
    """Return an absolute path of the device as seen below `root` ("/" or the root of a fake tree)."""
    return os.path.join(root, path.lstrip("/"))
