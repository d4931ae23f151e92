"""A VPC without a way out: the endpoints that the guide names are those of the services that each feature calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.guides.pages import rows
from tests.support.template.calls import OF_LAMBDA
from tests.support.template.cloudformation import Stack, of_type
from tests.support.template.functions import ALL, named
from tests.support.template.iam import listed, statements
from tests.support.template.translation import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ANY: Final = "any rotation"
OF_RDS: Final = "a `masterarn` names a secret that RDS or DocumentDB manages"
OF_PARAMETERS: Final = "credentials in Parameter Store"
OF_REDSHIFT: Final = "a `masterarn` names a secret that Redshift manages"
FEATURES: Final[Mapping[str, str]] = {
    "RotateSecrets": ANY,
    "ReadAdminSecrets": ANY,
    "ReadTaggedAdminSecrets": ANY,
    "FindDatabasesOfManagedAdminSecrets": OF_RDS,
    "FindWriters": "an Aurora secret names another host than the cluster's own",
    "FindClustersOfManagedAdminSecrets": OF_REDSHIFT,
    "FindWorkgroupsOfManagedAdminSecrets": OF_REDSHIFT,
    "SeeWhetherReplicasFollow": "replicas in other Regions",
    "SendMessages": OF_PARAMETERS,
    "RotateParameters": OF_PARAMETERS,
    "WriteMirrors": OF_PARAMETERS,
    "FindParameters": OF_PARAMETERS,
    "FindParametersByTag": OF_PARAMETERS,
    "KeepTheJournal": OF_PARAMETERS,
    "ReadSecretsByReference": OF_PARAMETERS,
    "ReadAdminCredentials": OF_PARAMETERS,
    "ReadAdminCredentials of secretsmanager": ANY,
}
"""What each statement of the roles is for, in the guide's words: it grants what the library itself calls."""


OF_THE_PLATFORM: Final = frozenset({"TakeMessages"})
"""What Lambda does with the role, outside of the VPC."""


def table() -> dict[str, tuple[set[str], set[str]]]:
    """Return the services of each feature that the guide names, and the parameters that make their endpoints."""
    found = rows("| what you use | interface endpoints | made by |")
    return {
        re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", feature): (
            set(re.findall(r"`com\.amazonaws\.REGION\.([a-z-]+)`", services)),
            set(re.findall(r"`(\w+)`", made)),
        )
        for feature, services, made in found
    }


def granted() -> Iterator[tuple[str, str]]:
    """
    Yield each service that a role grants to the library, with the feature for which it does.

    That the library calls each of these and no other is told at the end of `make test`, from the calls of all tests.
    """
    resources = Stack(EVERYTHING).resources
    for function in ALL:
        for statement in statements(resources[named(function, "Role")], resources):
            services = {action.partition(":")[0] for action in listed(statement["Action"])}
            # The messages that the function itself sends are no business of Lambda's.
            called = {it for it in services if f"{it}:" not in OF_LAMBDA or statement["Sid"] == "SendMessages"}
            if statement["Effect"] == "Allow" and called and statement["Sid"] not in OF_THE_PLATFORM:
                sid = statement["Sid"]
                yield from ((FEATURES.get(f"{sid} of {service}", FEATURES[sid]), service) for service in called)


def test_a_feature_names_the_endpoint_of_every_service_that_it_calls_and_no_other() -> None:
    calls: dict[str, set[str]] = {}
    for feature, service in granted():
        calls.setdefault(feature, set()).add(service)
    assert calls == {feature: services for feature, (services, _) in table().items()}


@pytest.mark.parametrize("feature", table())
def test_the_parameters_that_the_guide_names_make_these_endpoints(feature: str) -> None:
    services, parameters = table()[feature]
    vpc = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}
    stack = Stack({**vpc, **dict.fromkeys(parameters, "true")})
    made = of_type({"Resources": stack.resources}, "AWS::EC2::VPCEndpoint").values()
    assert {it["Properties"]["ServiceName"].rpartition(".")[2] for it in made} == services
