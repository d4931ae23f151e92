"""
A replica is promoted: it becomes a secret of its own, with a credential that the database accepts, and is rotated here.

Each step looks whether it is done before it does it, so that a promotion that broke off anywhere is completed by
running it again. Whatever can stand in its way is looked at before the link to the primary is cut.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rotation.credentials import secret_format
from rotation.errors import InvalidSettings, StoreError
from rotation.model import Stage, in_region
from rotation.promotion import fence, old_primary
from rotation.promotion.choice import choose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import StoredVersion, Versions
    from rotation.promotion.case import Case, Report
    from rotation.promotion.choice import Chosen

FROM_TAG: Final = "rotation:promoted-from"
AT_TAG: Final = "rotation:promoted-at"
_TOKENS: Final = uuid.UUID("6e3d9d5c-2f0f-4b43-9f0e-0d6c2b6f7a11")
"""The name space of the tokens that are derived, so that a repetition is the same put."""


def promote(case: Case) -> Report:
    """Promote, or say in a dry run what would be done. Raises RotationError."""
    here = case.store.describe()
    old_primary.require_former(case, here)
    there = old_primary.meet(case, here)
    case.report.about |= {"secret": here.arn, "region": here.region, "from": case.request.former}
    if here.rotates and not old_primary.is_linked(here):
        if there is not None:
            old_primary.switch_off(case, there)
        case.report.step("Promote", None)
        return case.report
    function, rules = _schedule(case, here, there)
    chosen = choose(case.delivery, case.repairable(here.arn))
    fenced = fence.look(case, chosen)
    if there is not None:
        (old_primary.switch_off if fenced else old_primary.hold_still)(case, there)
    here, chosen = _cut(case, here, chosen)
    _tag(case, here)
    _tell_choice(case, here, chosen)
    _label(case, here, chosen)
    chosen = _relocate(case, chosen)
    _end_pending(case, here, chosen)
    if (admin := chosen.admin) is not None:
        case.report.step("Mark the accounts as this secret's", lambda: fence.close(case, chosen.secret, admin))
    _look_at_policy(case, here)
    fenced &= not chosen.lost
    _rotate(case, function, rules, fenced=fenced)
    if not fenced:
        _tell_what_is_open(case, here, chosen)
    return case.report


def _schedule(case: Case, here: Versions, there: Versions | None) -> tuple[str, Mapping[str, Any]]:
    """Return the function that rotates here, and when: by the event, else this function's settings, else as there."""
    before = in_region(there.function, here.region) if there else ""
    function = case.request.function or case.function or before
    if not function:
        raise InvalidSettings(
            "No rotation function of this Region is known for the secret's engine",
            where=here.arn,
            remedy='Nothing was changed. Name it in "Function" of the event, or in the setting ROTATION_FUNCTIONS.',
        )
    rules = dict(case.request.rules or (there.rules if there else {}) or case.rules)
    if "ScheduleExpression" in rules:
        rules.pop("AutomaticallyAfterDays", None)  # Describe gives both, and RotateSecret takes one
    return function, rules


def _cut(case: Case, here: Versions, chosen: Chosen) -> tuple[Versions, Chosen]:
    """Cut the link; what came here while the credential was chosen has the choice made again."""
    linked = old_primary.is_linked(here)
    case.report.step("Stop the replication to here", case.store.stop_replication if linked else None)
    if case.report.dry_run:
        return here, chosen
    now = case.store.describe()
    return now, chosen if now.stages == here.stages else choose(case.delivery, case.repairable(here.arn))


def _tell_choice(case: Case, here: Versions, chosen: Chosen) -> None:
    version = chosen.secret.version
    label = next((stage for stage in Stage if stage in here.stages.get(version, ())), "no label")
    case.report.about["chosen"] = {"version": version, "label": label, "username": chosen.secret.username}
    if chosen.lost:
        case.report.tell("The database accepts no version: the admin has to set a new password in the first rotation")
        case.report.to_do.append("See that the rotation function here has RepairByAdmin, and that it succeeds")
    if mirrors := chosen.secret.overrides.mirror:
        case.report.tell(f"Until these mirrors exist in this Region, a rotation is refused: {', '.join(mirrors)}")
    if label != Stage.CURRENT:
        case.report.tell(f"The database does not accept AWSCURRENT; it accepts version {version} ({label})")


def _tell_age(case: Case, came: StoredVersion) -> None:
    """Tell how old the password is, by the date that the version has here."""
    if came.created is not None:
        age = datetime.now(UTC) - came.created
        case.report.about["chosen"] |= {"created": came.created.isoformat(timespec="seconds"), "days": age.days}


def _label(case: Case, here: Versions, chosen: Chosen) -> None:
    """Let AWSCURRENT be on what is accepted."""
    version, current = chosen.secret.version, here.holding(Stage.CURRENT)
    work = None if version == current else (lambda: _move(case, version, current))
    case.report.step("Let AWSCURRENT be what is accepted", work)


def _end_pending(case: Case, here: Versions, chosen: Chosen) -> None:
    """Let nothing be pending, wherever the label came to be: RotateSecret would refuse. A twin's rotation goes on."""
    versions = here if case.report.dry_run else case.store.describe()
    pending = versions.holding(Stage.PENDING)
    left = pending not in {None, chosen.secret.version} and not versions.rotates
    case.report.step("Take AWSPENDING off", (lambda: case.store.unstage(str(pending))) if left else None)


def _move(case: Case, version: str, replacing: str | None) -> None:
    """Move AWSCURRENT by compare-and-swap; after a refusal the labels tell whether it took effect."""
    try:
        case.store.promote(version, str(replacing))
    except StoreError:
        if case.store.describe().holding(Stage.CURRENT) != version:
            raise


def _relocate(case: Case, chosen: Chosen) -> Chosen:
    """Store a value that names the database of this Region, and where it came from, if the one that came does not."""
    came, place = case.store.read(version=chosen.secret.version), case.request.place
    _tell_age(case, came)
    alone = chosen.secret.two_passwords and chosen.admin is None  # its mark stays, until it changes its own password
    value = secret_format.relocated(came, place, case.request.former if alone else None)
    if value == came.value:
        case.report.step("Write this Region's place into the secret", None)
        return chosen
    said = json.dumps([came.arn, came.id, place], sort_keys=True)
    token = str(uuid.uuid5(_TOKENS, said))
    case.report.step("Write this Region's place into the secret", lambda: _put(case, token, value, came.id))
    if case.report.dry_run:
        return chosen
    current = replace(chosen.secret, version=token)
    case.delivery.current = current
    return chosen._replace(secret=current)


def _put(case: Case, token: str, value: str, came: str) -> None:
    """
    Store it; a repetition of a put does nothing, so where AWSCURRENT went back to what came here, it is moved again.

    Where it went on, a twin has promoted the secret, and it was rotated since.
    """
    case.store.put_current(token, value)
    if case.store.describe().holding(Stage.CURRENT) == came:
        _move(case, token, came)


def _tag(case: Case, here: Versions) -> None:
    """Note where it came from, at once: by that a secret is found whose promotion broke off, and is no replica."""
    former, report = case.request.former, case.report
    tags = {FROM_TAG: former, AT_TAG: datetime.now(UTC).isoformat(timespec="seconds")}
    if here.tags.get(FROM_TAG) == former:
        report.step("Tag the secret", None)
    else:
        report.attempt("Tag the secret", lambda: case.store.tag(tags), f"Tag the secret: {FROM_TAG}={former}")


def _look_at_policy(case: Case, here: Versions) -> None:
    """Tell of a policy that names the old Region."""
    former, report = case.request.former, case.report
    try:
        policy = case.store.policy()
    except StoreError as error:
        report.tell(f"The secret's resource policy was not seen: {error.what}")
        return
    if former in policy:
        report.tell(f"The secret's resource policy names {former}: correct what has to name {here.region} now")


def _attach(case: Case, function: str, rules: Mapping[str, Any], *, immediately: bool) -> None:
    """Attach the function; after a refusal, or without an answer, the description tells whether it is attached."""
    try:
        case.store.attach(str(uuid.uuid4()), function, rules, immediately=immediately)
    except StoreError:
        now = case.store.describe()
        if not (now.rotates and now.function == function):
            raise


def _tell_what_is_open(case: Case, here: Versions, chosen: Chosen) -> None:
    """Name what to do where no mark keeps the old Region off: see the rotation here end, and then the old password."""
    former, to_do = case.request.former, case.report.to_do
    to_do.append(
        f"See that AWSCURRENT moves: until then {former} may end the password that was chosen. "
        f"aws secretsmanager describe-secret --region {here.region} --secret-id {here.arn} --query VersionIdsToStages"
    )
    if chosen.secret.two_passwords and chosen.admin is None:
        to_do.append(
            f"Once your clients have read again, end the password that {former} knows, by the event "
            f'{{"Step": "revokePrevious", "SecretId": "{here.arn}", "EndSessions": false}} for the function here'
        )


def _rotate(case: Case, function: str, rules: Mapping[str, Any], *, fenced: bool) -> None:
    """
    Let the function of this Region rotate the secret from now on.

    Where marks are the fence a dry run shows that it can. Where not, a rotation ends what the old Region knows.
    """
    report, former = case.report, case.request.former
    report.about |= {"function": function, "rules": {**rules}, "fence": "marks" if fenced else "rotation"}
    what = "Attach the function, with a dry run" if fenced else "Attach the function, and rotate now"
    report.step(what, lambda: _attach(case, function, rules, immediately=not fenced))
    report.to_do.append(
        f"Overwrite nothing here from {former}: no replicate-secret-to-regions with Force, no Terraform apply with "
        "force_overwrite_replica_secret."
    )
