"""What a user of Redshift sees by policies, and what it may in other databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import AccessMismatch
from tests.lab.stages.redshift import LEVELLING, promoting_base, unique

if TYPE_CHECKING:
    from tests.lab.stages.redshift import Stage


def attached(stage: Stage, user: str) -> list[tuple[object, ...]]:
    query = "SELECT kind, name, priority, outputs, inputs FROM redshift.policies WHERE grantee = %s ORDER BY 1, 2"
    return stage.server.query(query, (user,))


def test_policies_are_levelled(stage: Stage) -> None:
    """What the base has attached the clone gets, and loses what it alone has."""
    _, _, pair = stage.pair()
    stage.run(
        f"ATTACH RLS POLICY own_rows ON TABLE public.t TO {pair.base}",
        f"ATTACH RLS POLICY all_rows ON TABLE public.t TO {pair.clone}",
        f'ATTACH MASKING POLICY hidden ON public.t ("card") USING ("card", "kind") TO {pair.base} PRIORITY 7',
        f'ATTACH MASKING POLICY shown ON public.t ("card") TO {pair.clone} PRIORITY 9',
        "ATTACH RLS POLICY for_all ON TABLE public.t TO ROLE somebody",
    )
    _, changes = stage.level(pair)
    assert set(changes) == {
        f'ATTACH RLS POLICY "own_rows" ON TABLE "public"."t" TO "{pair.clone}"',
        f'DETACH RLS POLICY "all_rows" ON TABLE "public"."t" FROM "{pair.clone}"',
        f'ATTACH MASKING POLICY "hidden" ON "public"."t" ("card") USING ("card", "kind") TO "{pair.clone}" PRIORITY 7',
        f'DETACH MASKING POLICY "shown" ON "public"."t" ("card") FROM "{pair.clone}"',
    }
    assert attached(stage, pair.base) == attached(stage, pair.clone)
    assert stage.level(pair)[1] == []


@pytest.mark.parametrize("shown", ['["card"]', "{card}", "card"])
def test_columns_are_read_in_any_form(stage: Stage, shown: str) -> None:
    """The guide says that the view shows text, and not of what form."""
    _, _, pair = stage.pair()
    stage.run(f'ATTACH MASKING POLICY hidden ON public.t ("card") TO {pair.base}')
    stage.run(f"UPDATE redshift.policies SET outputs = '{shown}', inputs = '{shown}' WHERE grantee = '{pair.base}'")
    (change,) = stage.level(pair, rehearse=True)[1]
    assert '("card") USING ("card")' in change


def test_a_policy_of_the_clone_alone_goes_to_the_base_that_is_promoted(stage: Stage) -> None:
    """The application would see other rows without it."""
    _, _, pair = stage.pair()
    stage.run(f"ATTACH RLS POLICY own_rows ON TABLE public.t TO {pair.clone}")
    assert stage.level(promoting_base(pair))[1] == [
        f'ATTACH RLS POLICY "own_rows" ON TABLE "public"."t" TO "{pair.base}"'
    ]


def test_an_admin_that_may_not_see_policies_levels_the_rest(stage: Stage) -> None:
    """The error that the view gives ends no rotation."""
    _, _, pair = stage.pair()
    stage.run(f"ATTACH RLS POLICY own_rows ON TABLE public.t TO {pair.base}")
    assert stage.level(pair, stage.admin(*LEVELLING))[1] == []


def test_a_model_is_named(stage: Stage) -> None:
    """It cannot change hands; where the base made it, the clone may use it."""
    _, _, pair = stage.pair()
    model = unique("model")
    stage.run(f"INSERT INTO redshift.models VALUES ('public', '{model}', '{pair.base}')")
    assert stage.level(pair)[1] == [f'GRANT EXECUTE ON MODEL "public"."{model}" TO "{pair.clone}" WITH GRANT OPTION']
    stage.run(f"UPDATE redshift.models SET owner = '{pair.clone}' WHERE name = '{model}'")
    with pytest.raises(AccessMismatch, match="cannot change hands"):
        stage.level(pair)


def elsewhere(stage: Stage, name: str, acl: str) -> None:
    table = "NULL" if name == "schema" else f"'{name}'"
    stage.run(f"INSERT INTO redshift.elsewhere VALUES ('lake', 's', {table}, '{acl}')")


@pytest.mark.parametrize("promote", ["clone", "base"])
@pytest.mark.parametrize(
    ("acl", "clone"),
    [
        ("{{owner=arwdRxt/owner,{base}=r/owner}}", "less"),
        ("{{owner=arwdRxt/owner,{clone}=r/owner}}", "more"),
        ("{{{base}=rw/owner,{clone}=r/owner}}", "less"),
        ("{{{base}=r/owner,{clone}=r/somebody}}", ""),
        ('{{owner=arwdRxt/{base},"group {base}=r/owner",=r/{base}}}', ""),
        ("", ""),
    ],
)
def test_what_the_clone_lacks_in_another_database_is_refused(stage: Stage, promote: str, acl: str, clone: str) -> None:
    """Only what goes to the two users by name counts; what the clone has more is told, as anybody may grant it."""
    _, _, pair = stage.pair()
    names = {"base": pair.base, "clone": pair.clone}
    table = unique("t")
    elsewhere(stage, table, acl.format(**names))
    elsewhere(stage, "schema", acl.format(**names))
    promoted = pair if promote == "clone" else promoting_base(pair)
    if (promote, clone) != ("clone", "less"):
        told = stage.level(promoted)[1]
        assert [f"what {pair.clone} alone may do on lake.s.{table}" in line for line in told].count(True) == (
            clone == "more"
        )
        stage.run("DELETE FROM redshift.elsewhere")
        return
    with pytest.raises(AccessMismatch, match="lake.s, lake.s." + table) as refused:
        stage.level(promoted)
    assert "role or a group" in refused.value.remedy
    stage.run("DELETE FROM redshift.elsewhere")
