"""AWS's control plane asked: lists read page by page, and what each of its refusals means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from rotation.answers import NOT_UNDERSTOOD, error_code, text
from rotation.errors import GuardViolation, StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_ARN: Final = re.compile(r"arn:[A-Za-z0-9:/_.+=@-]{1,2048}")

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class Listing(NamedTuple):
    """How a paginated list is read: the call, what it gives, and how the next page is asked for."""

    service: str
    operation: str
    items: str
    asking: str
    answered: str

    @property
    def permission(self) -> str:
        """Name the permission that the call needs."""
        return f"{self.service}:{self.operation.title().replace('_', '').replace('Db', 'DB')}"

    def pages(self, client: Any, where: str, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 botocore's
        """Return each item, page by page. Raises as ``called`` does."""
        asked = dict(request)
        while True:
            page = called(lambda: getattr(client, self.operation)(**asked), self.permission, where)
            yield from page.get(self.items, ())
            if not page.get(self.answered):
                return
            asked[self.asking] = page[self.answered]


def arns(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Return the tags that hold an ARN, as those of the service do; anybody may have written the others."""
    return {key.lower(): value for key, value in tags.items() if _ARN.fullmatch(value)}


def at(engine: str, endpoint: object, where: str) -> Mapping[str, object]:
    """Read an endpoint as the API of each service writes it."""
    told = endpoint if isinstance(endpoint, dict) else {}
    named = {key.lower(): value for key, value in told.items()}
    return place(engine, text(named, "address"), named.get("port"), where)


def place(engine: str, host: str, port: object, where: str) -> Mapping[str, object]:
    """Return the secret's fields for a database. Raises GuardViolation where it has no host."""
    if not host:
        raise without_endpoint(where)
    return {"engine": engine, "host": host, "port": port}


def without_endpoint(where: str) -> GuardViolation:
    """Make the error for a database that cannot be reached yet."""
    return GuardViolation(
        "The database that the admin secret belongs to has no endpoint",
        where=where,
        remedy="Wait until it is available, or name the host in the admin secret.",
    )


def called(call: Callable[[], Any], permission: str, where: str) -> Any:  # noqa: ANN401 the API's answers
    """Call the control plane. Raises StoreDenied, StoreUnavailable or GuardViolation, with what is missing."""
    service = permission.partition(":")[0]
    api = f"The {service.replace('-', ' ').title().replace('Rds', 'RDS')} API"
    try:
        return call()
    except ClientError as error:
        raise _translated(error, api, permission, where) from None
    except BotoCoreError:
        raise StoreUnavailable(
            f"{api} could not be reached",
            where=where,
            remedy=f"In a VPC without a way out, make an interface endpoint for {service}.",
        ) from None
    except NOT_UNDERSTOOD as error:
        raise StoreUnavailable(
            f"{api} gave an answer that is not its own ({type(error).__name__})",
            where=where,
            remedy="See what stands between the function and the service: an endpoint, a proxy, DNS.",
        ) from None


def _translated(
    error: ClientError, api: str, permission: str, where: str
) -> StoreDenied | StoreUnavailable | GuardViolation:
    code = error_code(error)
    if code in _DENIED:
        return StoreDenied(f"The function may not call {permission}", where=where, remedy="Add it to its role.")
    if code.endswith(("NotFound", "NotFoundFault")):
        return GuardViolation(
            "The admin secret belongs to a database that does not exist (any more)",
            where=where,
            remedy="Name another admin secret in masterarn.",
        )
    return StoreUnavailable(f"{api} refused {permission} ({code})", where=where, remedy="The service retries.")
