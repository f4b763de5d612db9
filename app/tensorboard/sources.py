"""Where the runs lie that a mirror shows beside those of an experiment's own folder, asked of the database."""

import logging
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from app.config import Settings
from app.db import Database
from app.tensorboard import queries
from app.tensorboard.places import Elsewhere

log = logging.getLogger(__name__)
Places = Mapping[str, Elsewhere]


class Sources:
    """Looks where runs lie; while the database does not answer, they lie where they lay.

    Args:
        settings: for the home folder.
        db: read in short sessions; None: nothing lies elsewhere.
    """

    def __init__(self, settings: Settings, db: Database | None) -> None:
        self._settings = settings
        self._db = db
        self._last: dict[str, Places] = {}

    def of_experiment(self, slug: str) -> Places:
        """An experiment's imported runs: run slug → where it lies."""
        return self._asked(slug, lambda session: queries.imported_places(session, slug))

    def of_runs(self, key: str, ids: Sequence[int]) -> Places:
        """A collection's runs, of whichever experiments: `experiment/run` → where it lies. Those that are gone are left out."""
        root = self._settings.experiments_dir
        return self._asked(key, lambda session: queries.places(session, ids, root))

    def forget(self, key: str) -> None:
        """An experiment or a collection is gone."""
        self._last.pop(key, None)

    def _asked(self, key: str, ask: "queries.Ask[Places]") -> Places:
        if self._db is None:
            return {}
        try:
            with self._db.read() as session:
                self._last[key] = ask(session)
        except SQLAlchemyError as error:
            log.warning("where the runs of %s lie cannot be asked now: %s", key, error)
        return self._last.get(key, {})
