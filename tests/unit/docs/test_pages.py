"""What holds for every page of the guides: links lead somewhere, blocks can be read, nothing is one machine's."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.guides import pages
from tests.support.guides.pages import PAGES, PROSE, ROOT, Page, blocks, rows

if TYPE_CHECKING:
    from pathlib import Path

SHORT: Final = [Page(ROOT / name) for name in (".github/CONTRIBUTING.md", ".github/SECURITY.md", "CHANGELOG.md")]
"""Pages that only point to the guides."""

LINKS: Final = sorted({(it.name, link) for it in [*PAGES, *SHORT] for link in it.links})
_PATHS: Final = re.findall(r"`((?:tests|shared|functions)/[\w./-]+)`", PROSE)
NAMED: Final = sorted(it for it in set(_PATHS) if "/NAME" not in it)
PROOFS: Final = sorted(set(re.findall(r"`(tests/\S+?\.py)::(\w+)`", PROSE)))


@pytest.mark.parametrize(("name", "link"), LINKS)
def test_a_link_leads_somewhere(name: str, link: str) -> None:
    """A relative link names a file or folder of the project; an anchor is a heading of the page that it leads to."""
    if re.match(r"https?://", link):
        return
    path, _, anchor = link.partition("#")
    target = ((ROOT / name).parent / path).resolve() if path else ROOT / name
    assert target.exists(), f"{name} links to {link}"
    assert target.is_relative_to(ROOT)
    if anchor:
        assert anchor in Page(target).anchors, f"{name} links to {link}, and {target.name} has no such heading"


def test_every_page_can_be_reached_from_the_introduction() -> None:
    """Whoever begins with README.md comes to every guide by links."""
    seen: set[Path] = set()
    ahead = [PAGES[0].path]
    while ahead:
        path = ahead.pop()
        seen.add(path)
        targets = {(path.parent / link.partition("#")[0]).resolve() for link in Page(path).links}
        ahead += [it for it in targets - seen if it.suffix == ".md" and it.is_file()]
    assert {it.path for it in PAGES} <= seen


@pytest.mark.parametrize("page", [*PAGES, *SHORT], ids=lambda page: page.name)
def test_no_path_is_that_of_one_machine(page: Page) -> None:
    """Nothing in the guides is the path of one person's machine."""
    assert not re.search(r"(^|[\s`(])/(work|home|root|tmp|Users)/", page.text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_one_title(page: Page) -> None:
    """A page begins with its title, and no heading leaves out a level."""
    levels = [level for level, _ in page.headings]
    assert page.text.startswith("# ")
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("text", blocks("json"))
def test_json_parses(text: str) -> None:
    """Every JSON block is valid, and no key stands twice."""
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([key for key, _ in found]))
    assert all(len(keys) == len(set(keys)) for keys in pairs)


@pytest.mark.parametrize("text", blocks("sh"))
def test_a_command_is_written_as_a_shell_reads_it(text: str) -> None:
    """Every shell block is free of syntax errors."""
    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)  # noqa: S607 any sh
    assert (done.returncode, done.stderr) == (0, "")


def test_every_promise_names_its_test() -> None:
    """No row of the promises is without a test."""
    assert all(re.search(r"`tests/\S+::\w+`", row[1]) for row in rows("| promise | test |"))


@pytest.mark.parametrize(("file", "function"), PROOFS)
def test_a_test_that_is_named_exists(file: str, function: str) -> None:
    """Each test that stands behind a promise is a function in the file that is named."""
    assert re.search(rf"^ *def {function}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", NAMED)
def test_a_path_that_is_named_exists(path: str) -> None:
    """What stands in code type as a path of the project is a file or folder of it."""
    assert (ROOT / path).exists()


def test_the_introduction_is_short() -> None:
    """Whoever comes for the first time reads README.md, and no more than that."""
    assert len(pages.page("README.md").text.splitlines()) <= 250
