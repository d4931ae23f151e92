"""What a user of Redshift sees by policies, and what it may in other databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import AccessMismatch
from tests.lab.stages.redshift import LEVELLING, promoting_base, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Pair
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


def test_columns_are_read_in_any_form(stage: Stage) -> None:
    """The guide says that the view shows text, and not of what form."""
    _, _, pair = stage.pair()
    forms = {"list": '["card"]', "array": "{card}", "bare": "card"}
    for name, shown in forms.items():
        stage.run(
            f'ATTACH MASKING POLICY {name} ON public.t ("card") TO {pair.base}',
            f"UPDATE redshift.policies SET outputs = '{shown}', inputs = '{shown}' "
            f"WHERE grantee = '{pair.base}' AND name = '{name}'",
        )
    changes = stage.level(pair, rehearse=True)[1]
    assert [change.partition(" TO ")[0] for change in sorted(changes)] == [
        f'ATTACH MASKING POLICY "{name}" ON "public"."t" ("card") USING ("card")' for name in sorted(forms)
    ]


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


ELSEWHERE = {
    "less": "{{owner=arwdRxt/owner,{base}=r/owner}}",
    "partly": "{{{base}=rw/owner,{clone}=r/owner}}",
    "more": "{{owner=arwdRxt/owner,{clone}=r/owner}}",
    "alike": "{{{base}=r/owner,{clone}=r/somebody}}",
    "others": '{{owner=arwdRxt/{base},"group {base}=r/owner",=r/{base}}}',
    "nothing": "",
}
"""What stands in the list of a schema and of its table, by what the clone has there; only users by name count."""


@pytest.fixture
def pair(stage: Stage) -> Iterator[Pair]:
    """Level a pair, and give rights on a schema and a table of each kind in another database."""
    _, _, pair = stage.pair()
    for schema, acl in ELSEWHERE.items():
        shown = acl.format(base=pair.base, clone=pair.clone)
        for table in ("NULL", "'t'"):
            stage.run(f"INSERT INTO redshift.elsewhere VALUES ('lake', '{schema}', {table}, '{shown}')")
    yield pair
    stage.run("DELETE FROM redshift.elsewhere")


def told_of_the_clone(stage: Stage, pair: Pair) -> list[str]:
    """Level, and name the places where the clone alone is said to have a right."""
    said = f"left as it is, in another database: what {pair.clone} alone may do on "
    return sorted(line.removeprefix(said) for line in stage.level(pair)[1] if line.startswith(said))


def test_what_the_clone_lacks_in_another_database_is_refused(stage: Stage, pair: Pair) -> None:
    """What the clone has more is told, as anybody may grant it."""
    with pytest.raises(AccessMismatch) as refused:
        stage.level(pair)
    assert refused.value.what.endswith(" has on lake.less, lake.less.t, lake.partly, lake.partly.t")
    assert "role or a group" in refused.value.remedy
    stage.run("DELETE FROM redshift.elsewhere WHERE schema IN ('less', 'partly')")
    assert told_of_the_clone(stage, pair) == ["lake.more", "lake.more.t"]


def test_what_the_clone_lacks_in_another_database_does_not_stop_the_base(stage: Stage, pair: Pair) -> None:
    """The application gets what the base has there."""
    assert told_of_the_clone(stage, promoting_base(pair)) == ["lake.more", "lake.more.t"]
