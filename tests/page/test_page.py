"""
The audit's page in a browser: narrow and wide, light and dark, filtered, sorted, printed, without scripts.

It needs Debian's Chromium and axe from npm, 150 MB in all, so that it is a check of its own: `make check-page`.
"""

from __future__ import annotations

import contextlib
import csv
import io
from typing import TYPE_CHECKING, Any, Final

import pytest

from audit.outputs.head import head_of
from audit.outputs.page.writing import write
from tests.support.audited import asked
from tests.support.audited.account import ACCOUNT, Account
from tests.support.audited.faulty import HOSTILE, fill
from tests.support.audited.running import audited
from tests.support.browser.chromium import Tab, tab
from tests.support.servers.npm import Package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AXE: Final = Package(
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
SCREENS: Final = [(width, dark) for width in (360, 1280) for dark in (False, True)]
VISIBLE: Final = "[...document.querySelectorAll('article')].filter(it => it.offsetParent !== null)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of the second run over the account in which everything is wrong."""
    folder = tmp_path_factory.mktemp("page")
    with Account() as account:
        fill(account)
        asked.fill(account)
        audited(account, folder, **asked.SETTINGS).memory.close()
        account.secrets["eu-central-1"].faults.deny("ListSecrets")
        audit = audited(account, folder, **asked.SETTINGS)
    file = folder / "page.html"
    with file.open("w", encoding="utf-8") as out:
        write(out, head_of(audit), audit.memory)
    return file


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    with tab() as opened:
        yield opened


@pytest.fixture
def opened(browser: Tab, page: Path) -> Iterator[Tab]:
    """Open the page; when the test ends it must have said nothing, and asked for nothing but itself."""
    browser.look(1280)
    browser.messages.clear()
    browser.requests.clear()
    browser.open(page)
    yield browser
    assert browser.messages == []
    assert set(browser.requests) <= {page.as_uri()}


def choose(opened: Tab, field: str, value: str, event: str = "change") -> None:
    opened.run(f"(() => {{ const it = document.getElementById('{field}'); it.value = {value!r}; "
               f"it.dispatchEvent(new Event('{event}', {{bubbles: true}})) }})()")  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_nothing_is_cut_off(opened: Tab, tmp_path: Path, width: int, *, dark: bool) -> None:
    """The page itself never scrolls sideways; tables do within themselves."""
    opened.look(width, dark=dark)
    assert opened.run("document.documentElement.scrollWidth") <= width
    opened.picture(tmp_path / "page.png")
    assert (tmp_path / "page.png").stat().st_size > 10_000
    background = opened.run("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 24, 29)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize(("width", "dark"), SCREENS)
def test_an_accessibility_checker_finds_nothing(opened: Tab, width: int, *, dark: bool) -> None:
    """Names, roles, contrast, headings, landmarks: all of axe's rules, those of best practice too."""
    opened.look(width, dark=dark)
    opened.run((AXE.fetch() / "axe.min.js").read_text("utf-8"))
    found: list[Any] = opened.run(
        "axe.run(document, {resultTypes: ['violations']})"
        ".then(it => it.violations.map(v => [v.id, v.nodes.slice(0, 3).map(n => n.html.slice(0, 150))]))"
    )
    assert found == []
    assert opened.run("axe.version") == AXE.version


def test_it_filters_and_says_how_many_are_left(opened: Tab) -> None:
    every = opened.run(f"{VISIBLE}.length")
    choose(opened, "by-severity", "4")
    critical = opened.run(f"{VISIBLE}.map(it => it.dataset.severity)")
    assert set(critical) == {"4"}
    assert opened.run("document.getElementById('shown').textContent") == f"{len(critical)} of {every} shown."
    choose(opened, "by-severity", "")
    choose(opened, "by-rule", "pending-empty")
    assert opened.run(f"{VISIBLE}.map(it => it.dataset.name)") == ["empty"]
    choose(opened, "by-rule", "")
    choose(opened, "by-text", "pg_hba.conf", "input")
    assert opened.run(f"{VISIBLE}.map(it => it.dataset.name)") == ["stuck"]
    choose(opened, "by-text", "", "input")
    assert opened.run(f"{VISIBLE}.length") == every


def test_it_sorts(opened: Tab) -> None:
    by_weight = [int(it) for it in opened.run(f"{VISIBLE}.map(it => it.dataset.severity)")]
    assert by_weight == sorted(by_weight, reverse=True)
    choose(opened, "sort", "name")
    names = opened.run(f"{VISIBLE}.map(it => it.dataset.name)")
    assert names == opened.run(f"{names!r}.sort((a, b) => a.localeCompare(b))")


def test_what_is_shown_can_be_saved_for_a_spreadsheet(opened: Tab) -> None:
    """One row a finding, of what the filter left; no text begins like a formula."""
    opened.run("(window.made = [], URL.createObjectURL = it => { window.made.push(it); return '#' })")
    choose(opened, "by-rule", "pending-empty")
    opened.run("document.getElementById('save').click()")
    (head, row) = list(csv.reader(io.StringIO(opened.run("made[0].text()").lstrip("\ufeff"))))
    found = dict(zip(head, row, strict=True))
    assert (found["severity"], found["rule"], found["name"]) == ("high", "pending-empty", "empty")
    assert found["remedy"].startswith("aws secretsmanager update-secret-version-stage")
    assert found["account"] == ACCOUNT
    assert "holds no value" in found["evidence"]
    choose(opened, "by-rule", "")
    opened.run("document.querySelector('article').dataset.name = '=1+1'")
    opened.run("document.getElementById('save').click()")
    every = list(csv.reader(io.StringIO(opened.run("made[1].text()").lstrip("\ufeff"))))
    assert len(every) > 40
    assert every[1][3] == "'=1+1"


def test_a_name_is_text_whatever_it_is(opened: Tab) -> None:
    """No element comes out of it, no script runs, and it can be read as it is."""
    names = opened.run("[...document.querySelectorAll('article h3')].map(it => it.textContent)")
    assert HOSTILE in names
    assert opened.run("document.querySelectorAll('main img').length") == 0
    assert opened.run("document.scripts.length") == 2
    choose(opened, "by-owner", HOSTILE)
    assert opened.run(f"{VISIBLE}.length") == 1


def test_every_name_is_shown_as_what_it_is(opened: Tab) -> None:
    """Of any length and in any script, and nothing in it is invisible or turns the line around."""
    names = opened.run("[...document.querySelectorAll('article h3')].map(it => it.textContent)")
    assert set(asked.NAMES.values()) <= set(names)
    text = opened.run("document.documentElement.textContent")
    assert not {"\u202e", "\x1b", "\x00", "\ufffd"} & set(text)


def test_all_other_secrets_come_when_asked_for(opened: Tab) -> None:
    opened.run("document.getElementById('show-rest').click()")
    rows = opened.run("[...document.querySelectorAll('#rest-rows tbody tr')].map(it => it.cells[0].textContent)")
    assert "fine" in rows
    assert "never" not in rows


def test_it_is_used_with_a_keyboard(opened: Tab) -> None:
    """The first tab leads past the head, and everything that does something can be reached."""
    opened.press("Tab")
    assert opened.run("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(opened.run("document.querySelectorAll('a, select, input, button, [tabindex]').length") + 5):
        opened.press("Tab")
        reached.add(opened.run("document.activeElement.id"))
    assert {"by-text", "by-severity", "by-rule", "sort", "show-rest"} <= reached


def test_it_is_read_without_scripts(browser: Tab, page: Path) -> None:
    """Findings, remedies and pictures are there; what only scripts can do is not shown."""
    browser.look(360, scripts=False)
    with contextlib.closing(_Quiet(browser)):
        browser.open(page)
    browser.look(360)
    assert browser.run(f"{VISIBLE}.length") > 30
    assert browser.run("document.querySelectorAll('article pre').length") > 30
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert browser.run("document.documentElement.classList.length") == 0


class _Quiet:
    """Nothing to do at the end but to forget what the page said."""

    def __init__(self, browser: Tab) -> None:
        self._browser = browser

    def close(self) -> None:
        self._browser.messages.clear()


INK: Final = """[...document.querySelectorAll('body *')]
    .filter(it => it.textContent.trim() && it.getClientRects().length).map(it => getComputedStyle(it))
    .map(it => it.fill === 'rgb(0, 0, 0)' ? it.color : it.fill)
    .map(it => (it.match(/\\d+/g) || [0, 0, 0]).slice(0, 3).reduce((sum, one) => sum + Number(one), 0))"""
"""How light each text is: the sum of its colours."""


@pytest.mark.parametrize("dark", [False, True])
def test_it_prints(opened: Tab, *, dark: bool) -> None:
    """In dark ink on white, whatever the screen is like; every table fits, every finding and picture is there."""
    opened.look(1280, dark=dark)
    shown = opened.run(f"{VISIBLE}.length")
    opened.paper(dark=dark)
    try:
        assert max(opened.run(INK)) < 3 * 150
        assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert opened.run(f"{VISIBLE}.length") == shown
        widest = "Math.max(...[...document.querySelectorAll('body *')].map(it => it.getBoundingClientRect().right))"
        assert opened.run(widest) <= 640
    finally:
        opened.look(1280)
    printed = opened.printed()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000


def test_its_policy_refuses_what_is_not_its_own(opened: Tab) -> None:
    """A script or a style that somebody smuggled in would not run."""
    smuggled = "const it = document.createElement('script'); it.textContent = 'window.in = 1'; document.body.append(it)"
    opened.run(f"(() => {{ {smuggled} }})()")
    assert opened.run("window.in") is None
    assert any("Content Security Policy" in message for message in opened.messages)
    opened.messages.clear()
