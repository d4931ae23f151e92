"""What every handler puts together: clients that speak TLS, and deliveries with their topology."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from botocore.config import Config

from rotation import VERSION
from rotation.delivery import Delivery
from rotation.engines.session import clear_text
from rotation.errors import InvalidSettings
from rotation.model import Deadline
from rotation.settings import goes_in_the_open
from rotation.topology import FirstOf, RdsTopology, RedshiftTopology
from rotation.topology.clusters import RdsClusters
from rotation.topology.names import local_hosts, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from rotation.ports import Engine, Mirrors, Observer, SecretStore
    from rotation.settings import Settings

    class LambdaContext(Protocol):
        """What is used of the context that Lambda passes to a handler."""

        def get_remaining_time_in_millis(self) -> int:
            """Return what is left of the invocation, in milliseconds."""
            ...


MARGIN: Final = 1.5
"""Seconds kept back of the invocation, to log and answer."""

USER_AGENT: Final = f"Botocore/{botocore.__version__} rotation-suite/{VERSION}"
"""What CloudTrail shows as userAgent. The SDK's own is put together anew at each call, a third of its own time."""

CONFIG: Final = Config(
    connect_timeout=2,
    read_timeout=4,
    retries={"mode": "standard", "total_max_attempts": 3},
    user_agent=USER_AGENT,
)
"""Bounds each call to the AWS API to about 20 seconds in total."""

SINGLE_TRY: Final = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
"""For a write that nothing makes idempotent: the SDK does not repeat it."""

_BRIEF: Final = SINGLE_TRY.merge(Config(connect_timeout=1, read_timeout=2))
"""Bounds a call to another Region, to which a VPC may have no way, to some 3 seconds."""


def deadline_of(context: LambdaContext) -> Deadline:
    """Return the time that a step has in this invocation."""
    return Deadline(context.get_remaining_time_in_millis() / 1000 - MARGIN)


class Assembly:
    """The parts that live as long as the process, each made when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        """Know the function's settings."""
        self._settings = settings

    def delivery(
        self,
        token: str,
        engine: Engine,
        store: SecretStore,
        observer: Observer,
        deadline: Deadline,
        settings: Settings | None = None,
    ) -> Delivery:
        """Return what a step of that token works with."""
        delivery = Delivery(
            token=token,
            engine=engine,
            store=store,
            topology=FirstOf(RdsTopology(lambda: self.client("rds")), RedshiftTopology(self.client)),
            settings=settings or self._settings,
            observer=observer,
            deadline=deadline,
            names_of=names_of,
            mirrors=self._mirrors if self._settings.mirror_path else None,
        )
        if engine.traits.clustered:
            from rotation.engines.aurora.following import Following  # noqa: PLC0415 other functions start without it

            following = Following(engine, self._clusters, observer, names_of)
            delivery.engine, delivery.for_changes = following, following.for_changes
        return delivery

    @contextmanager
    def allowances(self) -> Iterator[None]:
        """Let engines and topology do, while a step runs, what only the settings allow."""
        with ExitStack() as stack:
            stack.enter_context(local_hosts(allowed=self._settings.allow_local_hosts))
            stack.enter_context(clear_text(allowed=self._settings.clear_text_passwords))
            yield

    @cached_property
    def secrets_manager(self) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Return the client of Secrets Manager."""
        endpoint = self._settings.endpoint
        return self._closed(self._session.create_client("secretsmanager", endpoint_url=endpoint, config=CONFIG))

    def secrets_manager_in(self, region: str) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Make the client of another Region."""
        return self._closed(self._session.create_client("secretsmanager", region_name=region, config=_BRIEF))

    def client(self, service: str, config: Config = CONFIG) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Make the client of another service."""
        return self._closed(self._session.create_client(service, config=config))

    @cached_property
    def _mirrors(self) -> Mirrors:
        from rotation.stores.parameter_store import Clients  # noqa: PLC0415 others start without it
        from rotation.stores.parameter_store.mirrors import ParameterMirrors  # noqa: PLC0415 likewise

        return ParameterMirrors(lambda: Clients(self.client("ssm"), self.client("ssm", SINGLE_TRY)))

    @cached_property
    def _clusters(self) -> RdsClusters:
        return RdsClusters(lambda: self.client("rds"))

    @cached_property
    def _session(self) -> botocore.session.Session:
        return botocore.session.get_session()

    def _closed(self, client: Any) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """See that a client speaks TLS, whoever named its endpoint: the SDK also reads AWS_ENDPOINT_URL and files."""
        if goes_in_the_open(client.meta.endpoint_url, beside=self._settings.allow_local_hosts):
            raise InvalidSettings(
                f"The endpoint of {client.meta.service_model.service_name} would be spoken to over http, "
                "readable on the way",
                where="the function's environment",
                remedy="Let AWS_ENDPOINT_URL, and those of single services, begin with https.",
            )
        return client
