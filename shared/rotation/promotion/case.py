"""One invocation of a promotion or a return: what it may use, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rotation.errors import StoreError
from rotation.model import in_region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.delivery import Delivery
    from rotation.ports import Observer
    from rotation.promotion.ports import RegionalStore
    from rotation.promotion.request import Promotion


@dataclass
class Report:
    """What was done, or would be done, and what people have to know and to do."""

    observer: Observer
    dry_run: bool
    steps: list[dict[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    to_do: list[str] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    def step(self, what: str, work: Callable[[], object] | None) -> None:
        """Do it, unless it is done already (no work is left) or this is a dry run."""
        if work is None:
            state = "done before"
        elif self.dry_run:
            state = "would be done"
        else:
            work()
            state = "done"
        self.steps.append({"step": what, "state": state})
        self.observer.note(f"Promotion: {what}: {state}")

    def attempt(self, what: str, work: Callable[[], object], otherwise: str) -> None:
        """Do what the rest does not hang on; where it is refused, tell what a person has to do in its place."""
        try:
            self.step(what, work)
        except StoreError as error:
            self.steps.append({"step": what, "state": "refused"})
            self.tell(f"{what}: {error.what}")
            self.to_do.append(otherwise)

    def tell(self, what: str) -> None:
        """Tell what a person should look at."""
        self.told.append(what)
        self.observer.warn(f"Promotion: {what}")

    def answer(self) -> dict[str, Any]:
        """Return it as the function answers; no value of a secret is in it."""
        return {
            "dryRun": self.dry_run,
            **self.about,
            "steps": self.steps,
            "attention": self.told,
            "toDo": self.to_do,
        }


@dataclass
class Case:
    """What a promotion works with. Nothing in it outlives the invocation."""

    request: Promotion
    store: RegionalStore
    delivery: Delivery
    """Its store shows the secret as it will read here."""
    function: str = ""
    """The rotation function of this Region for the secret's engine, by this function's settings."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        """Begin the report."""
        self.report = Report(self.delivery.observer, self.request.dry_run)

    def repairable(self, arn: str) -> str:
        """Return the ARN in the former Region, which a mark may name where a password is lost, if Force says so."""
        return self.there(arn) if self.request.force else ""

    def there(self, arn: str) -> str:
        """Return what the ARN is in the old primary's Region."""
        return in_region(arn, self.request.former)
