"""
Findings as other tools take them: ASFF for Security Hub, OCSF for data lakes. Each id stays, and closes itself.

ASFF: Security Hub user guide, "AWS Security Finding Format", required attributes; what a provider may update stands in
FindingProviderFields. OCSF 1.3: class Compliance Finding (2003), activities Create, Update and Close.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from audit.model import Severity

if TYPE_CHECKING:
    import sqlite3

_PARTITIONS: Final = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
_OCSF: Final = {Severity.INFO: 1, Severity.LOW: 2, Severity.MEDIUM: 3, Severity.HIGH: 4, Severity.CRITICAL: 5}
_LABELS: Final = {**{it: it.name for it in Severity}, Severity.INFO: "INFORMATIONAL"}
_TYPES: Final = {"function": "AwsLambdaFunction", "key": "AwsKmsKey", "parameter": "AwsSsmParameter"}
_ACTIVITIES: Final = {"new": 1, "resolved": 3}
TOLD: Final = ("new", "open", "worse", "accepted", "resolved")
"""States that are told; what was not seen stays as it was told last."""


def asff(row: sqlite3.Row) -> dict[str, Any]:
    """Return a finding for BatchImportFindings."""
    severity, resolved = Severity(row["severity"]), row["state"] == "resolved"
    partition = next((it for start, it in _PARTITIONS.items() if row["region"].startswith(start)), "aws")
    kind = _TYPES.get(row["kind"], "AwsSecretsManagerSecret" if ":secretsmanager:" in row["arn"] else "Other")
    product = f"arn:{partition}:securityhub:{row['region']}:{row['account']}:product/{row['account']}/default"
    status = "PASSED" if resolved else "WARNING" if row["state"] == "accepted" else "FAILED"
    types = ["Software and Configuration Checks/AWS Security Best Practices"]
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"secrets-audit/{row['id']}",
        "ProductArn": product,
        "GeneratorId": f"secrets-audit/{row['rule']}",
        "AwsAccountId": row["account"],
        "CreatedAt": _time(row["first"]),
        "FirstObservedAt": _time(row["first"]),
        "UpdatedAt": _time(row["last"]),
        "Title": f"{row['title']}: {row['name']}"[:256],
        "Description": (row["evidence"] + (f" {row['cause']}" if row["cause"] else ""))[:1024],
        "Remediation": {"Recommendation": {"Text": row["remedy"][:512]}},
        "FindingProviderFields": {"Severity": {"Label": _LABELS[severity]}, "Types": types},
        "Compliance": {"Status": status},
        "RecordState": "ARCHIVED" if resolved else "ACTIVE",
        "Resources": [{"Type": kind, "Id": row["arn"], "Region": row["region"], "Partition": partition}],
    }


def ocsf(row: sqlite3.Row) -> dict[str, Any]:
    """Return a finding as an event of the class Compliance Finding."""
    activity = _ACTIVITIES.get(row["state"], 2)
    blind, resolved = row["rule"] == "blind-spot", row["state"] == "resolved"
    status = 1 if resolved else 2 if blind else 3
    return {
        "activity_id": activity,
        "category_uid": 2,
        "class_uid": 2003,
        "type_uid": 200300 + activity,
        "time": _milliseconds(row["last"]),
        "severity_id": _OCSF[Severity(row["severity"])],
        "status_id": 4 if resolved else 3 if row["state"] == "accepted" else 1,
        "metadata": {"version": "1.3.0", "product": {"name": "secrets-audit", "vendor_name": "rotation-suite"}},
        "cloud": {"provider": "AWS", "region": row["region"], "account": {"uid": row["account"]}},
        "finding_info": {
            "uid": row["id"],
            "title": row["title"],
            "desc": row["evidence"],
            "first_seen_time": _milliseconds(row["first"]),
            "last_seen_time": _milliseconds(row["last"]),
        },
        "compliance": {"control": row["rule"], "standards": ["secrets-audit"], "status_id": status},
        "resources": [{"uid": row["arn"], "name": row["name"], "type": row["kind"], "region": row["region"]}],
        "remediation": {"desc": row["remedy"]},
    }


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%dT%H:%M:%S.000Z}"


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
