"""Grants as sets: what SHOW GRANTS of either server says, and what levels two accounts."""

from __future__ import annotations

import pytest

from rotation.engines.mysql import changes as changing
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Grant, Kind, parse

APP = Account("app", "%")
ODD = Account("o`dd' TO x", "10.%")
D1 = "`d1`.*"


def changes(wanted: frozenset[Grant], held: frozenset[Grant], account: Account) -> list[str]:
    """Return the statements that level the two."""
    return [str(change) for change in changing.changes(wanted, held, account)]


def privilege(what: str, on: str = D1) -> Grant:
    """Return a privilege."""
    return Grant(Kind.PRIVILEGE, what, on)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("GRANT USAGE ON *.* TO `app`@`%`", set()),
        ("GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*AB' REQUIRE SSL", set()),
        (
            "GRANT PROCESS, SHOW DATABASES ON *.* TO `app`@`%`",
            {("PROCESS", EVERYWHERE), ("SHOW DATABASES", EVERYWHERE)},
        ),
        ("GRANT SELECT ON `d1`.* TO `app`@`%` WITH GRANT OPTION", {("SELECT", D1), ("GRANT OPTION", D1)}),
        (
            "GRANT FILE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*AB' WITH GRANT OPTION MAX_QUERIES_PER_HOUR 1",
            {("FILE", EVERYWHERE), ("GRANT OPTION", EVERYWHERE)},
        ),
        (
            "GRANT SELECT (`a`, `b ON c`), INSERT ON `d1`.`t` TO `app`@`%`",
            {("SELECT (`a`)", "`d1`.`t`"), ("SELECT (`b ON c`)", "`d1`.`t`"), ("INSERT", "`d1`.`t`")},
        ),
        ("GRANT ALL PRIVILEGES ON `od``d TO x`.* TO `app`@`%`", {(ALL, "`od``d TO x`.*")}),
        ("GRANT ALL PRIVILEGES ON `d\\_%`.* TO `app`@`%`", {(ALL, "`d\\_%`.*")}),
        ("GRANT EXECUTE ON PROCEDURE `d1`.`p` TO `app`@`%`", {("EXECUTE", "PROCEDURE `d1`.`p`")}),
        ("GRANT EXECUTE ON PACKAGE BODY `d1`.`p` TO `app`@`%`", {("EXECUTE", "PACKAGE BODY `d1`.`p`")}),
        ("GRANT SELECT ON `dätä`.* TO `app`@`%`", {("SELECT", "`dätä`.*")}),
    ],
)
def test_privileges(row: str, wanted: set[tuple[str, str]]) -> None:
    """Each privilege, by column where it is one of columns, is a piece of its own."""
    assert parse([row], APP) == {privilege(what, on) for what, on in wanted}


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (
            "GRANT XA_RECOVER_ADMIN ON *.* TO `app`@`%` WITH GRANT OPTION",
            Grant(Kind.DYNAMIC, "XA_RECOVER_ADMIN", "*.*", option=True),
        ),
        ("REVOKE INSERT ON `d1`.* FROM `app`@`%`", Grant(Kind.RESTRICTION, "INSERT", D1)),
        ("GRANT `r TO x`@`%` TO `app`@`%`", Grant(Kind.ROLE, "`r TO x`@`%`")),
        ("GRANT `r` TO `app`@`%` WITH ADMIN OPTION", Grant(Kind.ROLE, "`r`", option=True)),
        ("SET DEFAULT ROLE `r` FOR `app`@`%`", Grant(Kind.DEFAULT_ROLE, "`r`")),
        ("GRANT PROXY ON `a`@`%` TO `app`@`%`", Grant(Kind.PROXY, "PROXY", "`a`@`%`")),
        ("GRANT PROXY ON 'a'@'%' TO 'app'@'%' WITH GRANT OPTION", Grant(Kind.PROXY, "PROXY", "`a`@`%`", option=True)),
    ],
)
def test_other_kinds(row: str, wanted: Grant) -> None:
    """Dynamic privileges, partial revokes, roles and proxies have kinds of their own."""
    assert parse([row], APP) == {wanted}


def test_mariadb_leaves_quotes_in_the_names_of_a_proxy_unmarked() -> None:
    """What stands around them tells where the names end."""
    row = "GRANT PROXY ON 'a'b'@'%' TO 'o`dd' TO x'@'10.%'"
    assert parse([row], ODD) == {Grant(Kind.PROXY, "PROXY", "`a'b`@`%`")}


def test_a_proxy_row_of_another_form_is_an_error() -> None:
    """What is not understood is not guessed."""
    with pytest.raises(ValueError, match=r"^$"):
        parse(["GRANT PROXY ON 'a'@'%' TO somebody"], APP)


def test_several_roles_in_a_row() -> None:
    """MySQL lists the roles of one kind in one row."""
    assert {grant.what for grant in parse(["GRANT `a`@`%`,`b`@`h` TO `app`@`%`"], APP)} == {"`a`@`%`", "`b`@`h`"}


def test_giving_comes_before_taking() -> None:
    """What is missing is given, what is too much is taken, and equal sets need nothing."""
    wanted, held = frozenset({privilege("SELECT")}), frozenset({privilege("INSERT")})
    assert changes(wanted, held, APP) == [
        "GRANT SELECT ON `d1`.* TO `app`@`%`",
        "REVOKE INSERT ON `d1`.* FROM `app`@`%`",
    ]
    assert changes(wanted, wanted, APP) == []


def test_all_privileges_that_come_leave_the_others_alone() -> None:
    """They hold the others, which then must not be taken away from them."""
    assert changes(frozenset({privilege(ALL)}), frozenset({privilege("SELECT")}), APP) == [
        "GRANT ALL PRIVILEGES ON `d1`.* TO `app`@`%`"
    ]


def test_all_privileges_that_go_go_first() -> None:
    """Then what is wanted of them is given anew, even where it was held before."""
    held = frozenset({privilege(ALL), privilege("GRANT OPTION")})
    assert changes(frozenset({privilege("SELECT")}), held, APP) == [
        "REVOKE ALL PRIVILEGES ON `d1`.* FROM `app`@`%`",
        "GRANT SELECT ON `d1`.* TO `app`@`%`",
        "REVOKE GRANT OPTION ON `d1`.* FROM `app`@`%`",
    ]


def test_the_right_to_pass_on_is_taken_with_the_thing() -> None:
    """A role with ADMIN OPTION goes and comes back without; the other way it is only given."""
    with_option, without = Grant(Kind.ROLE, "`r`@`%`", option=True), Grant(Kind.ROLE, "`r`@`%`")
    assert changes(frozenset({without}), frozenset({with_option}), APP) == [
        "REVOKE `r`@`%` FROM `app`@`%`",
        "GRANT `r`@`%` TO `app`@`%`",
    ]
    assert changes(frozenset({with_option}), frozenset({without}), APP) == [
        "GRANT `r`@`%` TO `app`@`%` WITH ADMIN OPTION"
    ]


def test_restrictions_come_last_and_default_roles_elsewhere() -> None:
    """A partial revoke needs the privilege that it restricts; taking it is giving it back."""
    restriction = Grant(Kind.RESTRICTION, "INSERT", D1)
    wanted = frozenset({restriction, privilege("INSERT", EVERYWHERE), Grant(Kind.DEFAULT_ROLE, "`r`")})
    assert changes(wanted, frozenset(), APP) == [
        "GRANT INSERT ON *.* TO `app`@`%`",
        "REVOKE INSERT ON `d1`.* FROM `app`@`%`",
    ]
    assert changes(frozenset(), frozenset({restriction}), APP) == ["GRANT INSERT ON `d1`.* TO `app`@`%`"]


def test_a_restriction_goes_with_what_it_restricts() -> None:
    """Taking the restriction as well would give for a moment what the account never had."""
    held = frozenset({privilege("SELECT", EVERYWHERE), Grant(Kind.RESTRICTION, "SELECT", D1)})
    assert changes(frozenset(), held, APP) == ["REVOKE SELECT ON *.* FROM `app`@`%`"]
    kept = frozenset({privilege("SELECT", EVERYWHERE)})
    assert changes(kept, held, APP) == ["GRANT SELECT ON `d1`.* TO `app`@`%`"]


def test_what_one_statement_can_say_is_one_statement() -> None:
    """The privileges of a place, its columns apart, with the right to pass them on; roles are given one by one."""
    on_table = "`d1`.`t`"
    wanted = {
        privilege(what, on_table) for what in ("SELECT", "INSERT", "GRANT OPTION", "SELECT (`a`)", "INSERT (`b`)")
    }
    wanted |= {Grant(Kind.ROLE, "`r`@`%`"), Grant(Kind.ROLE, "`s`@`%`"), Grant(Kind.PROXY, "PROXY", "`a`@`%`")}
    wanted |= {Grant(Kind.DYNAMIC, one, EVERYWHERE) for one in ("SHOW_ROUTINE", "XA_RECOVER_ADMIN")}
    given = changes(frozenset(wanted), frozenset(), APP)
    assert given == [
        "GRANT `r`@`%` TO `app`@`%`",
        "GRANT `s`@`%` TO `app`@`%`",
        "GRANT SHOW_ROUTINE, XA_RECOVER_ADMIN ON *.* TO `app`@`%`",
        "GRANT PROXY ON `a`@`%` TO `app`@`%`",
        "GRANT GRANT OPTION, INSERT, SELECT ON `d1`.`t` TO `app`@`%`",
        "GRANT INSERT (`b`), SELECT (`a`) ON `d1`.`t` TO `app`@`%`",
    ]
    assert [one.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ") for one in given] == changes(
        frozenset(), frozenset(wanted), APP
    )


def test_create_goes_along_with_what_comes_to_its_table() -> None:
    """The table may not be there just now, and the server takes a grant on it with CREATE alone."""
    wanted = frozenset({privilege("CREATE", "`d1`.`t`"), privilege("INSERT", "`d1`.`t`")})
    assert changes(wanted, frozenset({privilege("CREATE", "`d1`.`t`")}), APP) == [
        "GRANT CREATE, INSERT ON `d1`.`t` TO `app`@`%`"
    ]


def test_mariadbs_rights_of_two_words_are_no_dynamic_ones() -> None:
    """READ_ONLY ADMIN stands in one row with plain rights."""
    assert parse(["GRANT SELECT, READ_ONLY ADMIN ON *.* TO `app`@`%`"], APP) == {
        privilege("SELECT", EVERYWHERE),
        privilege("READ_ONLY ADMIN", EVERYWHERE),
    }
