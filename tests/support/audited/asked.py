"""What is wrong in an account that the audit sees only where its settings ask for it: values, reads, a repair."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from tests.support.audited.account import ACCOUNT, HERE, OURS, STRONG
from tests.support.audited.faulty import put_named
from tests.support.emulators.secretsmanager.model import RotationSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.audited.account import Account

APP: Final = f"arn:aws:iam::{ACCOUNT}:role/shop"
ADA: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role/operators/ada"
SETTINGS: Final[Mapping[str, Any]] = {"read_values": True, "readers": (APP,)}
"""What makes the audit look."""
_GONE: Final = f"arn:aws:secretsmanager:{HERE}:{ACCOUNT}:secret:shop/old-admin-a1B2c3"

NAMES: Final[Mapping[str, str]] = {
    "x" * 512: "x" * 512,
    "\u0643\u0644\u0645\u0629-\u0627\u0644\u0633\u0631": "\u0643\u0644\u0645\u0629-\u0627\u0644\u0633\u0631",
    "\U0001f511\U0001f469\u200d\U0001f467": "\U0001f511\U0001f469\u200d\U0001f467",
    "safe\u202elive": "safe<U+202E>live",
    "half\ud800": "half<U+D800>",
    "a\x1b[31m\x00": "a<U+001B>[31m<U+0000>",
}
"""Names, and how a page shows them: very long, from right to left, a picture, turned around, half, with controls."""

EXPECTED: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(rules.split())
    for name, rules in {
        "shop/text": "value-not-json",
        "shop/incomplete": "value-incomplete",
        "shop/weak": "password-weak",
        "shop/one": "two-secrets-one-user",
        "shop/two": "two-secrets-one-user",
        "shop/orphan": "admin-gone",
        "shop/read-by-ada": "read-by-others",
        # What only looks wrong.
        "shop/admin": "",
        "shop/pair": "",
        "shop/read-by-shop": "",
        "shop/read-by-rotation": "",
    }.items()
} | dict.fromkeys(NAMES.values(), frozenset({"rotation-never", "never-read"}))
"""What is found then, by the name of the secret; where the settings do not ask, there is nothing wrong with any."""


def fill(account: Account) -> None:
    """Put everything in, beside what is there; a function named secret-rotation-mysql is."""
    _put(account, "shop/text", "a text that no function can read")
    _put(account, "shop/incomplete", {**_value("incomplete"), "engine": None})
    _put(account, "shop/weak", {**_value("weak"), "password": "hunter2"})
    for name in ("shop/one", "shop/two"):
        _put(account, name, _value("shared"))
    admin = _put(account, "shop/admin", _value("admin"))
    _put(account, "shop/pair", {**_value("pair"), "username": "app_clone", "masterarn": admin})
    _put(account, "shop/orphan", {**_value("orphan"), "masterarn": _GONE})
    for name, who in (("ada", ADA), ("shop", APP), ("rotation", _role(account))):
        _put(account, f"shop/read-by-{name}", _value(name))
        account.read_by(f"shop/read-by-{name}", {"arn": who})
    for place, name in enumerate(NAMES):
        put_named(account, name, f"named-{place}")


def _role(account: Account) -> str:
    client = account.clients()("lambda", HERE)
    return str(client.get_function_configuration(FunctionName=OURS)["Role"])


def _value(name: str) -> dict[str, Any]:
    host = f"{name}.cluster-abc123.{HERE}.rds.amazonaws.com"
    return {"engine": "aurora-mysql", "host": host, "username": "app", "password": STRONG}


def _put(account: Account, name: str, value: object) -> str:
    """Make a secret that holds this, and rotates by this suite's function; give its ARN."""
    account.at(days=10)
    text = value if isinstance(value, str) else json.dumps(value)
    arn = str(account.client.create_secret(Name=name, SecretString=text)["ARN"])
    secret, rules = account.known(name), {"AutomaticallyAfterDays": 30}
    secret.rotation = RotationSettings(enabled=True, lambda_arn=OURS, rules=rules, last_rotated=account.at(days=10))
    secret.rotation.next_rotation = account.now + dt.timedelta(days=20)
    account.read(name, 1)
    return arn
