"""The store: one object over the database file; every method is one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from edgebench.errors import StoreError
from edgebench.records import Run, Session
from edgebench.store import care, reading, writing
from edgebench.store import engine as sqlite
from edgebench.store.answers import Filters, Merged, Problem, Pruned, RunRow, SampleKey
from edgebench.store.files import blob_path, copy_database, keep_content
from edgebench.store.merging import merge
from edgebench.store.migrate import prepare
from edgebench.store.place import Place, find_place, read_only_error
from edgebench.store.rows import utc_text

NO_SAMPLES: Mapping[SampleKey, NDArray[np.int64]] = {}
_NO_FILTERS = Filters()


class Store:
    """A results store; safe to share between threads, and its file between processes. Close it, or use `with`.

    What is added is on the disk when the method returns. Methods raise StoreError where the file cannot be used
    (read-only, full, damaged, locked for 30 s), and UnknownName for ids that are not there.
    """

    def __init__(self, place: Place, engine: sa.Engine) -> None:
        self.path = place.path
        self.read_only = place.read_only
        self._place = place
        self._engine = engine

    @classmethod
    def open(cls, url: str | None = None, *, create: bool = True) -> Self:
        """See `edgebench.store.open_store`."""
        place = find_place(url, create=create)
        engine = sqlite.make_engine(place)
        try:
            prepare(engine, place)
        except BaseException:
            engine.dispose()
            raise
        return cls(place, engine)

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What a session writes

    def add_session(self, session: Session) -> None:
        """Store a session, its device and its plan. Raises StoreError if it is stored."""
        with self.transaction() as connection:
            writing.insert_session(connection, session)

    def update_session(self, session: Session) -> None:
        """Store a session's later state. Raises UnknownName if it is not stored."""
        with self.transaction() as connection:
            writing.update_session(connection, session)

    def add_run(self, run: Run, samples: Mapping[SampleKey, NDArray[np.int64]] = NO_SAMPLES) -> None:
        """Store a run of a stored session and its raw samples: int64, shape (n,), ns.

        `latency_ns` that the run's invocations carry is stored as samples too. Raises StoreError if it is stored.
        """
        with self.transaction() as connection:
            writing.insert_run(connection, run, samples)

    def replace_run(self, run: Run, samples: Mapping[SampleKey, NDArray[np.int64]] = NO_SAMPLES) -> None:
        """Put a run collected later in the place of the one that was lost or interrupted.

        Raises UnknownName if it is not stored, StoreError if the stored one ended otherwise.
        """
        with self.transaction() as connection:
            writing.replace_run(connection, run, samples)

    def update_run(self, run: Run) -> None:
        """Store a finished run's later figures; its raw samples stay. Raises UnknownName if it is not stored."""
        with self.transaction() as connection:
            writing.update_run(connection, run)

    def put_artifact(self, path: Path, sha256: str) -> Path:
        """Keep an artifact's content beside the store; returns where. Raises StoreError if its hash is another."""
        self._check_writable()
        size = keep_content(self.path, path, sha256)
        with self.transaction() as connection:
            writing.mark_stored(connection, sha256, size, path.suffix.removeprefix(".") or "unknown")
        return blob_path(self.path, sha256)

    def set_noise_floor(self, device_id: str, share: float, measured_at: str | None = None) -> None:
        """Keep a device's noise floor (a share; .018 is 1.8 %), measured now unless told. Raises UnknownName."""
        with self.transaction() as connection:
            writing.set_noise_floor(connection, device_id, share, measured_at or _now())

    def pin_baseline(self, run_id: str) -> None:
        """Make a run the baseline of its series. Raises UnknownName, StoreError for a run without figures."""
        with self.transaction() as connection:
            writing.pin_baseline(connection, run_id, _now())

    # What is asked

    def run(self, name: str) -> Run:
        """The run of that id, unique prefix of at least 6 characters, or `last`. Raises UnknownName."""
        with self.view() as connection:
            return reading.run(connection, name)

    def session(self, name: str) -> Session:
        """The session of that id, unique prefix of at least 6 characters, or `last`. Raises UnknownName."""
        with self.view() as connection:
            return reading.session(connection, name)

    def samples(self, run_id: str, invocation: int = 0, *, key: SampleKey | None = None) -> NDArray[np.int64]:
        """Latency in ns of an invocation's iterations, or what `key` names: int64, shape (n,). Raises UnknownName."""
        with self.view() as connection:
            return reading.samples(connection, run_id, key or SampleKey(invocation))

    def sample_keys(self, run_id: str) -> list[SampleKey]:
        """Which samples a run has."""
        with self.view() as connection:
            return reading.sample_keys(connection, run_id)

    def history(self, filters: Filters = _NO_FILTERS) -> list[Run]:
        """The runs for which all filters hold, newest first."""
        with self.view() as connection:
            return reading.history(connection, filters)

    def latest(self, *, device: str | None = None, model: str | None = None) -> list[RunRow]:
        """The newest run of every series, however it ended; `device` is a name or an id."""
        with self.view() as connection:
            return reading.latest(connection, device=device, model=model)

    def session_runs(self, session_id: str) -> list[Run]:
        """The runs of a session, in the order they were started; none if it is not stored."""
        with self.view() as connection:
            return reading.session_runs(connection, session_id)

    def noise_floor(self, device_id: str) -> float | None:
        """The device's noise floor as a share, None if it was never measured."""
        with self.view() as connection:
            return reading.noise_floor(connection, device_id)

    def baseline(self, series: str) -> Run | None:
        """The pinned run of a series, None if none is pinned."""
        with self.view() as connection:
            return reading.baseline(connection, series)

    # Care

    def check(self) -> list[Problem]:
        """Everything wrong with the store; reads all of it."""
        try:
            with self.view() as connection:
                return care.check(connection, self.path)
        except StoreError as error:
            return [Problem("database", str(self.path), error.message)]

    def backup(self, target: Path) -> None:
        """Copy the database, while in use, to a path that does not exist yet; complete or not at all."""
        copy_database(self._engine, self.path, target)

    def prune(self, before: str | datetime, *, samples_only: bool = False, dry_run: bool = True) -> Pruned:
        """Remove runs started before a moment, or only their raw samples; a dry run only says what that would be.

        Runs that are a baseline, or part of a comparison or an alarm, stay.
        """
        moment = utc_text(before)
        if dry_run:
            with self.view() as connection:
                return care.prunable(connection, moment, samples_only=samples_only)
        with self.transaction() as connection:
            pruned = care.prunable(connection, moment, samples_only=samples_only)
            care.prune(connection, moment, samples_only=samples_only)
        with sqlite.driver(self._engine, self.path) as connection:
            connection.execute("VACUUM")
        return pruned

    def merge(self, other: Path) -> Merged:
        """Bring over what the store at `other` has and this one has not. Raises StoreError if it is this one."""
        self._check_writable()
        if other.exists() and other.samefile(self.path):
            raise StoreError(f"{other} is this store itself", hint="name another store")
        with Store.open(str(other), create=False) as theirs:
            return merge(self._engine, self.path, theirs._place)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A write transaction, on the disk when the block ends, undone when it raises."""
        self._check_writable()
        with sqlite.writing(self._engine, self.path) as connection:
            yield connection

    @contextmanager
    def view(self) -> Iterator[sa.Connection]:
        """A connection to read with, for queries of one's own."""
        with sqlite.reading(self._engine, self.path) as connection:
            yield connection

    def _check_writable(self) -> None:
        """Raise StoreError if this store may only be read."""
        if self.read_only:
            raise read_only_error(self.path)


def _now() -> str:
    """This moment, in UTC."""
    return utc_text(datetime.now(UTC))
