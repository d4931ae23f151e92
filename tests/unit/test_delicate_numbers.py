"""
Numbers that hold each other in balance: whoever changes one sees here what else is to be looked at.

docs/decisions says why they are what they are.
"""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from rotation.engines.aurora import session, writers
from rotation.entrypoints import assembly
from rotation.strategies import cutover
from tests.support.template.cloudformation import ROOT, Stack, load

NUMBERS: Final = {
    "rotation.engines.aurora.session:LAG": (0.3, 1.0, 3.0),
    "rotation.engines.aurora.session:MOST_MOVES": 3,
    "rotation.engines.aurora.session:TAKEOVER": 60.0,
    "rotation.engines.aurora.writers:ATTEMPT": 20.0,
    "rotation.engines.documentdb.login:ELECTION_SECONDS": 15.0,
    "rotation.engines.moment:SECONDS": 1.0,
    "rotation.entrypoints.assembly:MARGIN": 1.5,
    "rotation.entrypoints.parameter_store.handler:QUIET": 60.0,
    "rotation.machine:REREAD_PAUSES": (0.1, 0.3, 0.8),
    "rotation.stores.parameter_store.journal:KEPT": 2,
    "rotation.stores.parameter_store.store:FRESH": 5.0,
    "rotation.strategies.cutover:LOOKS": (0, 0.5, 1.0),
    "rotation.strategies.cutover:TIME_NEEDED": 32.0,
    "rotation.strategies.cutover:TIME_TO_UNDO": 25.0,
    "rotation.strategies.logins:MOST_REFUSALS": 4,
    "rotation.strategies.pending_version:UNSEEN": 5.0,
    "rotation.strategies.recovery:MOST_UNLABELLED": 3,
    "rotation.topology.clusters:KEPT": 60.0,
    "rotation.topology.names:NAMES_SECONDS": 5.0,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_delicate_number_is_what_was_decided(name: str) -> None:
    """A change is a decision: read the page in docs/decisions, play `make crash`, then change it here too."""
    module, _, number = name.partition(":")  # read as it stands: some tests shorten what they wait for
    tree = ast.parse((ROOT / "shared" / f"{module.replace('.', '/')}.py").read_text("utf-8"))
    (value,) = (it.value for it in tree.body if isinstance(it, ast.AnnAssign) and ast.unparse(it.target) == number)
    assert value is not None
    assert ast.literal_eval(value) == NUMBERS[name]


def seconds_of(function: str, parameters: dict[str, str] | None = None) -> float:
    """Return the time that an invocation of a function has, without what is kept back to answer."""
    return float(Stack(parameters).function(f"{function}Function")["Timeout"]) - assembly.MARGIN


@pytest.mark.parametrize("function", ["Postgresql", "Mysql", "Documentdb", "Redshift", "Aurora"])
def test_the_least_timeout_leaves_time_for_a_cutover(function: str) -> None:
    """Before the change one call to AWS may need all its tries, 20 seconds."""
    accepted = load()["Parameters"]["Timeout"]["AllowedPattern"]
    least = next(it for it in range(1, 900) if re.fullmatch(accepted, str(it)))
    assert seconds_of(function, {"Timeout": str(least)}) >= cutover.TIME_NEEDED + 20


def test_aurora_has_time_to_find_the_writer_and_to_change_the_password() -> None:
    """Its timeout holds a takeover, the last attempt at a login, and a cutover."""
    assert seconds_of("Aurora") >= session.TAKEOVER + writers.ATTEMPT + cutover.TIME_NEEDED


def test_what_is_needed_to_undo_is_part_of_what_is_needed() -> None:
    """A proof may use what is left of the time needed, without that."""
    assert 0 < cutover.TIME_TO_UNDO < cutover.TIME_NEEDED
