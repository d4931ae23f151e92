"""The accounts that are looked at: the caller's own, and those of a list of roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import botocore.session

from audit.calls import CONFIG, FAILURES, Clients, Sight, allow, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.session import Session

NAME: Final = "secrets-audit"


def own_account(session: Session, region: str) -> str:
    """Return the caller's account; nobody needs a permission for that."""
    sts: Any = session.create_client("sts", region_name=region, config=CONFIG)
    return str(sts.get_caller_identity()["Account"])


def accounts(
    session: Session, region: str, roles: Iterable[str], external_id: str, sights: list[Sight]
) -> Iterator[tuple[str, Clients]]:
    """Yield each account with its clients: without roles the own one. A role that cannot be taken is a blind spot."""
    listed = list(roles)
    if not listed:
        yield own_account(session, region), Clients(session)
        return
    sts: Any = session.create_client("sts", region_name=region, config=CONFIG)
    for role in listed:
        account = (role.split(":") + [""] * 5)[4]
        given = {"RoleArn": role, "RoleSessionName": NAME} | ({"ExternalId": external_id} if external_id else {})
        try:
            keys = sts.assume_role(**given)["Credentials"]
        except FAILURES as error:
            sight = Sight(account, region)
            sight.lost("secrets", reason(error), role, allow("sts:AssumeRole"))
            sights.append(sight)
            continue
        taken = botocore.session.get_session()
        taken.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        yield account, Clients(taken)
