"""
How the lab's commands speak with who typed them: make's variables, one line where a word is wrong, an exit code.

It imports nothing that takes time to load, so that a misspelt word is told at once.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import logging
import re
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ENGINES: Final = ("postgresql", "mysql", "mariadb", "aurora-postgresql", "aurora-mysql", "documentdb", "redshift")
"""The stages, as the guides name them."""
ALSO: Final = {"postgres": "postgresql", "mongo": "documentdb", "docdb": "documentdb", "aurora": "aurora-mysql"}
"""What else a secret's ``engine`` may say (rotation.engines)."""

STORES: Final = ("secrets-manager", "parameter-store")
"""Where the demo keeps the credential; the first one where nobody says anything else."""

STRATEGY: Final = "alternating-users"
"""What the demo plays where nobody says anything else."""

EVERYWHERE: Final = ("DATABASES", "VERSIONS", "PYTHON")
"""What each of the commands takes of make."""
NOT_HERE: Final = dict.fromkeys(("ARCH", "LAMBDA_PYTHON"), "what runs here is made for this machine")
WRONG: Final = 2
STOPPED: Final = 130
LONGEST: Final = 300
FETCHING: Final = "tests.support.debian"
"""The log of what is fetched from Debian and npm."""

UNAVAILABLE: Final = (
    ("tests.support.servers.choice", "ServerUnavailableError"),
    ("tests.support.debian", "DebianUnavailableError"),
    ("tests.support.servers.npm", "NpmUnavailableError"),
    ("tests.lab.builds", "BuildFailed"),
)
"""What says that something cannot be had on this machine."""
REMEDY: Final = (
    "Connect this machine to the network this once, start Docker (DATABASES=containers), or try another ENGINE. See "
    "docs/development.md, Where the test servers run."
)
VARIABLES: Final = "engine|strategy|rotations|failover|fail|regions|store|function|step|event"
"""Options that make passes on from a variable of that name."""
REFUSED: Final = {
    "ProfileNotFound": "your AWS configuration has no such profile. Name one that it has: PROFILE=…",
    "NoRegionError": "nothing names a Region. Add REGION=…",
    "NoCredentialsError": "nothing gives credentials. Name a profile that has some: PROFILE=…",
    "EndpointConnectionError": "nothing answers. See whether REGION=… is a Region, and whether the network leads there",
    "InvalidRegionError": "that is no Region. Correct REGION=…",
    "AccessDeniedException": "the profile may not list secrets. Ask for secretsmanager:ListSecrets",
    "UnrecognizedClientException": "AWS does not know the credentials. Name another profile: PROFILE=…",
    "InvalidSignatureException": "AWS does not know the credentials. Name another profile: PROFILE=…",
    **dict.fromkeys(
        ("ExpiredTokenException", "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
        "the sign-in has expired. Sign in again, such as by `aws sso login`",
    ),
}
"""Why an account cannot be reached, by AWS's code or the SDK's class, and what helps."""
PROGRAM: Final = re.compile(r"/(?:[^\s:]*/)?([\w.-]+) \S.* (ended with \d+)")
"""A program that was tried, with all of its options."""


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return the end of a sentence that did not know a word: the nearest name as a question, where one is near."""
    known = list(names)
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), lowered, 1)
    return f"; did you mean {lowered[near[0]]}?" if near else "."


def one_of(variable: str, word: str, names: Iterable[str]) -> str:
    """Return the name that a word is, in any case. Raises ArgumentTypeError with what was perhaps meant."""
    known = list(names)
    for name in known:
        if name.lower() == word.strip().lower():
            return name
    raise argparse.ArgumentTypeError(
        f"{variable}={word} is not known{did_you_mean(word, known)} There are {', '.join(known)}."
    )


def stage_of(word: str) -> str:
    """Return the stage of an engine, by any name that a secret may give it."""
    name = one_of("ENGINE", word, (*ENGINES, *ALSO))
    return ALSO.get(name, name)


def positive(text: str) -> int:
    """Read a number of rotations."""
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"ROTATIONS={text} is no number of rotations: give 1 or more.")
    return int(text)


def seconds(text: str) -> float:
    """Read how long a client keeps what it read."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"--cache {text} is no number of seconds.")
    return float(text)


def switch(variable: str, does: str) -> Callable[[str], int]:
    """Return what reads a variable that is 1 or 0."""

    def read(text: str) -> int:
        if text not in {"0", "1"}:
            raise argparse.ArgumentTypeError(f"{variable}={text} is neither 1 ({does}) nor 0.")
        return int(text)

    return read


def regions(text: str) -> int:
    """Read in how many Regions the demo plays."""
    if text not in {"1", "2"}:
        raise argparse.ArgumentTypeError(f"REGIONS={text} is neither 1 nor 2.")
    return int(text)


class Words(argparse.ArgumentParser):
    """A command line whose errors are one line in make's words."""

    def __init__(self, prog: str, description: str, variables: Iterable[str]) -> None:
        """Know which of make's variables the command takes."""
        self._variables = (*variables, *EVERYWHERE)
        usage = " ".join([prog, *(f"{variable}=…" for variable in variables)])
        super().__init__(prog=prog, usage=usage, description=description, allow_abbrev=False)
        self.add_argument("--given", default="", help=argparse.SUPPRESS)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 as argparse has it
        """Read the command line; what nobody knows is told with what was perhaps meant."""
        options: Any
        options, unknown = self.parse_known_args(args, namespace)
        for name in options.given.split():
            self._check(name)
        if unknown:
            known = [name for action in self._actions for name in action.option_strings if name != "--given"]
            word = unknown[0].partition("=")[0]
            self.error(f"OPTIONS has no {word}{did_you_mean(word, known)} `{self.prog} OPTIONS=--help` shows all.")
        return options

    def one_of(self, variable: str, word: str, names: Iterable[str]) -> str:
        """Return the name that a word is, in any case, or say what there is."""
        try:
            return one_of(variable, word, names)
        except argparse.ArgumentTypeError as wrong:
            self.error(str(wrong))

    def _check(self, name: str) -> None:
        if name in NOT_HERE:
            self.error(f"{name} has no meaning here: {NOT_HERE[name]}. Leave it out.")
        if name not in self._variables:
            near = did_you_mean(name, self._variables)
            self.error(f"there is no variable {name} here{near} There are {', '.join(self._variables)}.")

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, as make does."""
        said = re.sub(r"^argument (--[a-z-]+): (?!expected)", "", message)
        said = re.sub(r"^argument (--[a-z-]+): expected.*", r"\1 needs a value.", said)
        said = re.sub(rf"--({VARIABLES})\b", lambda it: it[1].upper(), said)
        print(f"{self.prog}: error: {said}", file=sys.stderr)  # noqa: T201 its way of speaking
        raise SystemExit(WRONG)


def told(command: str, play: Callable[[], int]) -> int:
    """Play, and return the exit code; Ctrl-C and what this machine does not have are told in a sentence."""
    before = signal.signal(signal.SIGINT, _stop)
    _tell_what_is_fetched()
    try:
        return play()
    except KeyboardInterrupt:
        print(f"\n{command}: stopped; nothing of it is left", file=sys.stderr)  # noqa: T201 its way of speaking
        return STOPPED
    except Exception as error:
        if not isinstance(error, _unavailable()):
            raise
        print(f"{command}: error: {with_remedy(in_one_line(error))}", file=sys.stderr)  # noqa: T201 its way of speaking
        return WRONG
    finally:
        signal.signal(signal.SIGINT, before)


def reached(command: str, code: str) -> str:
    """Return why a command could not read an account, by AWS's code or the SDK's class, and what to do."""
    return f"{command}: error: {REFUSED.get(code, 'the account cannot be read. See PROFILE and REGION')} ({code})."


def in_one_line(error: BaseException) -> str:
    """Return what an error says, without the lines of the program that it ran."""
    said, _, rest = PROGRAM.sub(r"\1 \2", str(error)).partition("\n")
    last = next((line for line in reversed(rest.split("\n")) if line.strip() and not line.startswith("make")), "")
    return " ".join(f"{said} {last}".split())[:LONGEST].rstrip(".")


def with_remedy(said: str) -> str:
    """Add what helps, where a wrong variable is not what is told already."""
    if said.startswith("DATABASE"):
        return f"{said.replace('DATABASE_VERSIONS', 'VERSIONS')}."
    return f"{said}. {REMEDY}"


def _unavailable() -> tuple[type[Exception], ...]:
    return tuple(getattr(importlib.import_module(module), name) for module, name in UNAVAILABLE)


def _tell_what_is_fetched() -> None:
    """Have what takes long once, a download, told as a line of the screen."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("· %(message)s"))
    log = logging.getLogger(FETCHING)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)


def _stop(*_: object) -> None:
    """Stop at the first Ctrl-C; a second one must not keep anything from being cleared away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
