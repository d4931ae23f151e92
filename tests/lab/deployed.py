"""The stage with the function as it is deployed: built by `sam build`, in Lambda's runtime."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from tests.lab.builds import of_the_whole
from tests.lab.runtime import LambdaRuntime
from tests.lab.theatre import Theatre
from tests.lab.words import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.lab.theatre import Scene
    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
    from tests.support.servers.tls import Authority


def stages_of(function: str) -> Iterator[tuple[str, ModuleType]]:
    """Return the stages that a function plays on, by the names of their engines."""
    for engine in ENGINES:
        module = importlib.import_module(f"tests.lab.{engine.replace('-', '_')}")
        if function == module.FUNCTION:
            yield engine, _on_one_server(engine, module)


def _on_one_server(engine: str, module: ModuleType) -> ModuleType:
    """Play a cluster's engine before one server: its names, which move, are known to this process alone."""
    _, is_cluster, plain = engine.partition("aurora-")
    if not is_cluster:
        return module
    played = ModuleType(module.__name__)
    vars(played).update(vars(importlib.import_module(f"tests.lab.{plain}")), FUNCTION=module.FUNCTION)
    provide = played.provide

    @contextmanager
    def provided(authority: Authority) -> Iterator[Scene]:
        with provide(authority) as scene, mock.patch.object(scene, "engine", engine):
            yield scene

    vars(played).update(provide=provided)
    return played


class DeployedTheatre(Theatre):
    """A stage whose function runs in a process of its own while it is entered as a context."""

    def __init__(
        self,
        module: ModuleType,
        scene: Scene,
        emulator: EmulatedSecretsManager,
        *,
        timeout: int = 60,
        built: Callable[[str], Path] = of_the_whole,
    ) -> None:
        """Set the stage; ``timeout`` is the function's, in seconds, ``built`` gives what a resource was built into."""
        self._timeout, self._built = timeout, built
        super().__init__(module, scene, emulator)

    def environment(self) -> dict[str, str]:
        """Have the platform log all that anybody says, as a click in Lambda's settings does."""
        return {**super().environment(), "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}

    def load(self) -> Callable[[Any, Any], None]:
        self.runtime = LambdaRuntime(self.module.FUNCTION, self.environment(), timeout=self._timeout, built=self._built)
        return lambda event, _context: self._post(event)

    def __enter__(self) -> Self:
        """Start the runtime."""
        self.runtime.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the runtime."""
        self.runtime.__exit__()

    def _post(self, event: Mapping[str, Any]) -> None:
        """Invoke the function, and keep what it wrote."""
        try:
            self.runtime.invoke(dict(event))
        finally:
            self.function_log.seek(0)
            self.function_log.write(self.runtime.text())
