"""What an effect is with each engine: calls, logins, and statements."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from rotation.engines import mysql, postgresql
from rotation.engines.documentdb import connection as documentdb
from rotation.engines.documentdb.login import Login
from rotation.engines.mysql import connection as of_mysql
from rotation.engines.postgresql import connection as of_postgresql
from rotation.engines.redshift import connection as redshift
from tests.support.crashes.cuts import cutting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.crashes.cuts import Scissors


def _cutting(*effects: tuple[type, str]) -> Callable[[Scissors], contextlib.AbstractContextManager[object]]:
    return lambda scissors: cutting(scissors, *effects)


@contextlib.contextmanager
def _cutting_changes(scissors: Scissors) -> Iterator[None]:
    """Put the scissors around calls, logins, and statements that are no queries."""
    run, log_in = redshift.Connection.run, redshift.log_in

    def cut_login(*arguments: Any) -> Any:  # noqa: ANN401 passed on
        with scissors.around("log_in"):
            return log_in(*arguments)

    def cut(connection: redshift.Connection, statement: str, *values: object) -> Any:  # noqa: ANN401 rows
        if statement.lstrip().startswith("SELECT"):
            return run(connection, statement, *values)
        with scissors.around(statement.split(maxsplit=1)[0]):
            return run(connection, statement, *values)

    patches = (
        mock.patch.object(redshift.Connection, "run", cut),
        mock.patch("rotation.engines.redshift.engine.log_in", cut_login),
    )
    with cutting(scissors), patches[0], patches[1]:
        yield


_MYSQL: Final = _cutting((mysql.MySQL, "_log_in"), (of_mysql.Connection, "run"))

CUTTING: Final[dict[str, Callable[[Scissors], contextlib.AbstractContextManager[object]]]] = {
    "postgresql": _cutting((postgresql.PostgreSQL, "_log_in"), (of_postgresql.Connection, "run")),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "documentdb": _cutting((Login, "_log_in"), (documentdb.Connection, "run")),
    "redshift": _cutting_changes,
}
"""How the scissors are put around each engine's effects."""
