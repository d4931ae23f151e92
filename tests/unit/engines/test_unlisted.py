"""An error that no table lists says where its text is to be found, since it is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg2
import pymysql
import pytest
from pymongo.errors import OperationFailure

from rotation.engines.documentdb import faults as documentdb
from rotation.engines.mysql import faults as mysql
from rotation.engines.postgresql import faults as postgresql
from rotation.engines.postgresql import refusals
from rotation.engines.redshift import faults as redshift
from rotation.engines.redshift.driver import error as redshifts

if TYPE_CHECKING:
    from rotation.errors import EngineError

CANARY = "canary-7f3a"
FIELDS = {"C": "42P99", "M": CANARY}


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (postgresql.translate(psycopg2.ProgrammingError(CANARY), "db"), "error/postgresql.log"),
        (refusals.refusal(f"connection failed: FATAL:  {CANARY}", "db"), "error/postgresql.log"),
        (mysql.translate(pymysql.ProgrammingError(1999, CANARY), "db"), "perror NUMBER"),
        (mysql.refusal(pymysql.OperationalError(1999, CANARY), "db"), "error/mysql-error.log"),
        (documentdb.translate(OperationFailure(CANARY, 99999), "db"), "/aws/docdb/CLUSTER/audit"),
        (redshift.translate(redshifts.ProgrammingError(FIELDS), "db"), "SYS_QUERY_HISTORY"),
        (redshift.refusal(redshifts.ProgrammingError(FIELDS), "db"), "STL_CONNECTION_LOG"),
    ],
    ids=lambda it: it if isinstance(it, str) else f"{it.engine} {type(it).__name__}",
)
def test_the_place_of_a_text_is_named(error: EngineError, place: str) -> None:
    """On servers of one's own, and where AWS shows it."""
    assert place in error.remedy
    assert CANARY not in str(error)
