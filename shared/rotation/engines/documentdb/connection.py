"""A connection to the primary whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.errors import BSONError
from pymongo.errors import PyMongoError

from rotation.engines.documentdb.faults import LATE, NotPrimary, by_code, translate
from rotation.engines.documentdb.login import close

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.engines.documentdb.login import Login
    from rotation.model import Password

_ANY_DATE: Final[CodecOptions[dict[str, Any]]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)
"""customData may hold dates that Python's calendar has not. Commands do not go by what the client was made with."""

_Result = TypeVar("_Result")


class Connection:
    """One session with the server, as the user that logged in."""

    def __init__(self, login: Login) -> None:
        """Log in."""
        self._login = login
        self._client = login.open()
        self.where = login.where
        self.database = login.users_database
        """The database that holds the users, this session's and those that it changes."""

    @property
    def user(self) -> str:
        """The user that logged in."""
        return self._login.credential.username

    def know(self, password: Password) -> None:
        """Remember the user's new password, should the primary have to be found again."""
        self._login = replace(self._login, credential=replace(self._login.credential, password=password))

    def run(self, command: str, value: object = 1, *, database: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 a command's
        """Run a command on the users' database, and give its answer."""
        left = self._login.deadline.remaining()
        if not left:
            raise LATE.at(self.where)
        try:
            with pymongo.timeout(left):
                target = self._client[database or self.database]
                answer = target.command({command: value, **fields}, codec_options=_ANY_DATE)
        except (PyMongoError, BSONError, OSError) as error:
            raise translate(error, self.where) from None
        if failed := answer.get("writeConcernError"):
            raise by_code(failed.get("code"), self.where)
        return answer

    def on_primary(self, work: Callable[[], _Result]) -> _Result:
        """
        Do what may be done twice; when another node became primary, find it and do the whole of it there.

        A node that answers so has refused the change, or will roll it back. A connection that ends without an
        answer is another matter: whether the change took effect is not known then, and Unreachable is raised.
        """
        while True:
            try:
                return work()
            except NotPrimary:
                close(self._client)
                self._client = self._login.open(again=True)

    def close(self) -> None:
        """End the session."""
        close(self._client)
