"""The results store: every run a row, committed before the next begins.

Importing this package is cheap; SQLAlchemy is imported by `open_store`, Alembic only to create or upgrade a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebench.store.answers import Filters, Merged, Problem, Pruned, RunRow, SampleKey

if TYPE_CHECKING:
    from edgebench.store.store import Store

__all__ = ["Filters", "Merged", "Problem", "Pruned", "RunRow", "SampleKey", "open_store"]


def open_store(url: str | None = None, *, create: bool = True) -> Store:
    """Open the store at `url`: a path or `sqlite:///PATH`; default `EDGEBENCH_STORE`, else the user's data folder.

    A missing store is created if `create`, one of an older schema is upgraded (a copy is kept beside it). A store
    that may not be written is opened for reading. Raises StoreError: not a store, newer schema, a network file
    system, another kind of URL, missing and not `create`.
    """
    from edgebench.store.store import Store

    return Store.open(url, create=create)
