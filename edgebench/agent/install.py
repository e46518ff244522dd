"""Runtimes brought by the host: wheels unpacked into the home folder, tried in a process of their own, then named.

No pip and no network are needed here. A runtime is either there whole under ``HOME/runtimes/NAME`` or not at all:
what is unfinished lies in ``HOME/runtimes/.NAME.part``, which nobody looks into.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib

MARK = "EBIMPORT "
IMPORT_TIMEOUT_S = 120
MERGED = ("purelib", "platlib")
TRY = (
    "import sys, json, importlib\n"
    "if sys.argv[2]: sys.path.insert(0, sys.argv[2])\n"
    "m = importlib.import_module(sys.argv[1])\n"
    "p = m.get_available_providers() if hasattr(m, 'get_available_providers') else []\n"
    "v = getattr(m, '__version__', None) or getattr(sys.modules[sys.argv[1].split('.')[0]], '__version__', None)\n"
    "found = {'version': v, 'file': getattr(m, '__file__', None), 'providers': list(p)}\n"
    "print(); print('%s' + json.dumps(found)); sys.stdout.flush()\n" % MARK
)


class NotImportable(Exception):
    """The module cannot be imported, or its wheel not be unpacked; the message is the last word about it."""


def staging_of(home, name):
    """Return the folder in which a runtime is put together. Raises ValueError for a name that is no folder's."""
    if not name or name.startswith(".") or os.path.basename(name) != name:
        raise ValueError("%r is no name of a runtime" % name)
    return os.path.join(home, "runtimes", ".%s.part" % name)


def try_import(module, folder=None):
    """Import a module in a process of its own; return {version, file, providers}. Raises NotImportable."""
    argv = [sys.executable, "-c", TRY, module, folder or ""]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=IMPORT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise NotImportable("importing %s took longer than %d s" % (module, IMPORT_TIMEOUT_S))
    marked = [line for line in out.decode("utf-8", "replace").splitlines() if line.startswith(MARK)]
    if process.returncode == 0 and marked:
        return json.loads(marked[-1][len(MARK) :])
    raise NotImportable(last_word(process.returncode, err.decode("utf-8", "replace")))


def last_word(returncode, stderr):
    """Return one line that says why a process ended as it did."""
    said = [line.strip() for line in stderr.splitlines() if line.strip()]
    if returncode < 0:
        return "ended by %s" % signal.Signals(-returncode).name + (": %s" % said[-1] if said else "")
    return said[-1] if said else "exit status %d" % returncode


def unpack(wheel, folder):
    """Unpack one wheel as an installer would lay it out; its scripts and data files are not needed to import it.

    Raises OSError, and NotImportable for a damaged wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if placed(member):
                    archive.extract(member, folder)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise NotImportable("%s is damaged: %s" % (os.path.basename(wheel), error))


def placed(member):
    """Give a member the name under which it is imported; return whether it is wanted at all."""
    head, _, rest = member.filename.partition("/")
    if head.endswith(".data"):
        kind, _, rest = rest.partition("/")
        if kind not in MERGED or not rest:
            return False
        member.filename = rest
    return True


def install(home, name, module):
    """Make the runtime `name` from the wheels in its staging folder; return what `try_import` says of it.

    Raises NotImportable and OSError; nothing of it is left then.
    """
    staging = staging_of(home, name)
    target = os.path.join(home, "runtimes", name)
    site = os.path.join(staging, "site")
    try:
        shutil.rmtree(site, ignore_errors=True)
        os.makedirs(site)
        for wheel in sorted(glob.glob(os.path.join(glob.escape(staging), "*.whl"))):
            unpack(wheel, site)
        found = try_import(module, site)
        if not os.path.isdir(target):
            os.rename(site, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return found
