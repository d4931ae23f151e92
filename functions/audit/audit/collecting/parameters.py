"""Parameters of Parameter Store that look like credentials of databases, by what DescribeParameters tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, Sight
from audit.collecting.mirrors import secret_in
from audit.model import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATABASE: Final = frozenset(
    {
        "aurora",
        "database",
        "databases",
        "db",
        "dbs",
        "docdb",
        "documentdb",
        "mariadb",
        "mongo",
        "mongodb",
        "mssql",
        "mysql",
        "oracle",
        "pg",
        "postgres",
        "postgresql",
        "psql",
        "rds",
        "redshift",
        "sql",
        "sqlserver",
    }
)
_CREDENTIAL: Final = frozenset(
    {
        "connection",
        "cred",
        "credential",
        "credentials",
        "creds",
        "dsn",
        "pass",
        "passwd",
        "password",
        "passwords",
        "pw",
        "pwd",
        "secret",
        "uri",
        "url",
    }
)
_NEITHER: Final = frozenset(
    {
        "arn",
        "backup",
        "bucket",
        "class",
        "count",
        "days",
        "dbname",
        "endpoint",
        "engine",
        "host",
        "hostname",
        "id",
        "identifier",
        "instance",
        "length",
        "masterarn",
        "max",
        "min",
        "name",
        "policy",
        "port",
        "region",
        "rotation",
        "size",
        "source",
        "ssl",
        "ttl",
        "user",
        "username",
        "version",
    }
)
"""
What a name ends with that holds no password, whatever stands before it; beside the password of a tree that this suite
rotates stand such parameters, and may be Strings (docs/parameter-store.md, Layouts).
"""
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def looks_like_a_credential(name: str, description: str = "") -> bool:
    """Return whether name and description speak of a database and of a credential, and the name ends with neither."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _NEITHER:
        return False
    every = {*words, *(word.lower() for word in _WORDS.findall(description))}
    return bool(every & _DATABASE) and bool(set(words) & _CREDENTIAL)


class Parameters:
    """The parameters of one Region."""

    def __init__(self, client: Any, sight: Sight) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, and note there what cannot be read."""
        self._client, self._sight = client, sight

    def pages(self) -> Iterator[list[Parameter]]:
        """Yield those that look like credentials, or name a secret, page by page; a page may be empty in between."""
        request: dict[str, Any] = {"MaxResults": 50}
        while True:
            try:
                answer = self._client.describe_parameters(**request)
            except FAILURES as error:
                self._sight.failed("parameters", error)
                return
            yield [self._read(it) for it in answer["Parameters"] if _is_meant(it)]
            if not answer.get("NextToken"):
                return
            request["NextToken"] = answer["NextToken"]

    def _read(self, entry: dict[str, Any]) -> Parameter:
        name = str(entry["Name"])
        partition = "aws"
        plain = f"arn:{partition}:ssm:{self._sight.region}:{self._sight.account}:parameter/{name.lstrip('/')}"
        return Parameter(
            arn=str(entry.get("ARN") or plain),
            name=name,
            region=self._sight.region,
            account=self._sight.account,
            secure=entry.get("Type") == "SecureString",
            modified=entry.get("LastModifiedDate"),
            description=str(entry.get("Description") or ""),
            key=str(entry.get("KeyId") or ""),
            expires=any(it.get("PolicyType") == "Expiration" for it in entry.get("Policies") or ()),
        )


def _is_meant(entry: dict[str, Any]) -> bool:
    description = str(entry.get("Description") or "")
    return looks_like_a_credential(str(entry["Name"]), description) or secret_in(description) is not None
