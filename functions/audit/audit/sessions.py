"""The accounts that are looked at: the caller's own, and those of a list of roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import botocore.session

from audit.calls import CONFIG, FAILURES, Clients, Sight, allow, reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.session import Session

NAME: Final = "secrets-audit"


def own_identity(session: Session, region: str) -> tuple[str, str]:
    """Return the caller's account and ARN; nobody needs a permission for that."""
    sts: Any = session.create_client("sts", region_name=region, config=CONFIG)
    identity = sts.get_caller_identity()
    return str(identity["Account"]), str(identity["Arn"])


def accounts(
    session: Session, region: str, roles: Iterable[str], external_id: str, sights: list[Sight]
) -> Iterator[tuple[str, Clients]]:
    """Yield each account with its clients: without roles the own one. A role that cannot be taken is a blind spot."""
    listed = list(roles)
    if not listed:
        account, caller = own_identity(session, region)
        yield account, Clients(session, caller=caller)
        return
    sts: Any = session.create_client("sts", region_name=region, config=CONFIG)
    for role in listed:
        account = (role.split(":") + [""] * 5)[4]
        given = {"RoleArn": role, "RoleSessionName": NAME} | ({"ExternalId": external_id} if external_id else {})
        try:
            assumed = sts.assume_role(**given)
        except FAILURES as error:
            sight = Sight(account, region)
            sight.lost("secrets", reason(error), role, allow("sts:AssumeRole"))
            sights.append(sight)
            continue
        keys, caller = assumed["Credentials"], str(assumed["AssumedRoleUser"]["Arn"])
        taken = botocore.session.get_session()
        taken.set_credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        yield account, Clients(taken, caller=caller)
