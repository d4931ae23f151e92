"""
The specification of ports.SecretStore. Every store runs it, and so does the fake that stands in for one.

A subclass supplies the fixture ``lab``: one secret with the value FIRST, and what tests do behind the store's back.
"""

from __future__ import annotations

import enum
import uuid
from typing import TYPE_CHECKING, Final, Protocol

import pytest

from rotation.errors import StoreError, VersionNotFound
from rotation.model import LAST_REFUSED, LATE_CUTOVER, Stage, VersionState
from tests.support.emulators.secretsmanager.worlds import PendingAfterFinish, PendingLeftBehind, RepeatedPut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.ports import SecretStore
    from tests.support.emulators.secretsmanager.worlds import World

FIRST: Final = '{"password": "canary-first"}'
SECOND: Final = '{"password": "canary-second"}'
TAGS: Final = {"aws:rds:primarydbinstancearn": "arn:aws:rds:eu-west-1:123456789012:db:orders"}


class Swap(enum.Enum):
    """What becomes of a promotion when a person writes between its look and its write."""

    EXACT = "it is refused"
    DETECTED = "it is done, and a warning tells of the person's value"


class StoreLab(Protocol):
    """A store under test, and what happens around it."""

    @property
    def store(self) -> SecretStore:
        """The store of the secret."""

    @property
    def arn(self) -> str:
        """The secret's ARN."""

    @property
    def first(self) -> str:
        """The version that was AWSCURRENT at the beginning."""

    @property
    def world(self) -> World:
        """What the service does where that is not known."""

    @property
    def swap(self) -> Swap:
        """What the service can do."""

    @property
    def warnings(self) -> int:
        """How often the store warned somebody."""

    def interject(self, value: str) -> None:
        """Let a person store a new AWSCURRENT in the instant before the next promotion is written."""

    def begin_rotation(self) -> str:
        """Stage an empty pending version, as the service does, and give its token."""

    def store_current(self, value: str) -> str:
        """Store a new AWSCURRENT, as a person does."""

    def abandon(self) -> None:
        """Take AWSPENDING off, as an operator does."""

    def roll_back(self) -> str:
        """Make what was AWSCURRENT before so again, as an operator does, and give the version that is so then."""

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        """Create another secret and give its ARN."""

    def labels(self) -> Mapping[str, str]:
        """Return every label and the version that carries it."""

    def add_replica(self) -> str | None:
        """Make a replica that follows, and give its Region; None where the store has none."""

    def fail_replica(self, region: str) -> None:
        """Let it serve what it has from now on, as a failed one."""


class StoreContract:
    """What a store promises."""

    def test_the_labels_of_all_versions(self, lab: StoreLab) -> None:
        """Describe gives the secret's ARN and each version's labels."""
        token = lab.begin_rotation()
        versions = lab.store.describe()
        assert versions.arn == lab.arn
        assert versions.holding(Stage.CURRENT) == lab.first
        assert versions.holding(Stage.PENDING) == token
        assert versions.holding(Stage.PREVIOUS) is None
        assert versions.rotation_enabled

    def test_the_states_of_a_version(self, lab: StoreLab) -> None:
        """A token goes from pending to current, and is stray once it is only AWSPREVIOUS."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        assert lab.store.describe().state_of(token) is VersionState.PENDING
        lab.store.promote(token, lab.first)
        assert lab.store.describe().state_of(token) is VersionState.CURRENT
        assert lab.store.describe().state_of(lab.first) is VersionState.STRAY
        assert lab.store.describe().state_of(str(uuid.uuid4())) is VersionState.UNKNOWN

    def test_what_was_rolled_back_is_no_rotation(self, lab: StoreLab) -> None:
        """AWSPENDING may stay on the version that AWSCURRENT was moved away from; it was current once."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.promote(token, lab.first)
        current = lab.roll_back()
        stays = lab.world.pending_left_behind is PendingLeftBehind.PUT
        stays &= lab.world.pending_after_finish is PendingAfterFinish.KEPT
        expected = {"AWSCURRENT": current, "AWSPREVIOUS": token}
        assert lab.labels() == expected | ({"AWSPENDING": token} if stays else {})
        state = lab.store.describe().state_of(token)
        assert state is (VersionState.ROLLED_BACK if stays else VersionState.STRAY)

    def test_a_value_of_a_persons_leaves_nothing_pending_behind(self, lab: StoreLab) -> None:
        """AWSPENDING that stayed on the current version goes when a put moves AWSCURRENT on."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.promote(token, lab.first)
        theirs = lab.store_current('{"by": "a person"}')
        assert lab.labels() == {"AWSCURRENT": theirs, "AWSPREVIOUS": token}

    def test_staging_again_what_lost_its_label(self, lab: StoreLab) -> None:
        """The same call again is no error; whether the label comes back is the service's affair."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.abandon()
        assert lab.store.stage_pending(token, SECOND)
        comes_back = lab.world.repeated_put is RepeatedPut.LABELS
        assert lab.labels() == {"AWSCURRENT": lab.first} | ({"AWSPENDING": token} if comes_back else {})

    def test_a_version_without_labels_is_unknown(self, lab: StoreLab) -> None:
        """What lost its last label is not listed any more."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.abandon()
        assert lab.store.describe().state_of(token) is VersionState.UNKNOWN

    def test_reading_by_label(self, lab: StoreLab) -> None:
        """A label leads to its version, with all that is known of it."""
        version = lab.store.read(Stage.CURRENT)
        assert (version.arn, version.id, version.value) == (lab.arn, lab.first, FIRST)
        assert Stage.CURRENT in version.stages

    def test_reading_by_version(self, lab: StoreLab) -> None:
        """A version without a label can still be read by its id."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.abandon()
        version = lab.store.read(version=token)
        assert (version.id, version.value, version.stages) == (token, SECOND, frozenset())

    def test_reading_by_both(self, lab: StoreLab) -> None:
        """Label and version together prove that they belong together."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        version = lab.store.read(Stage.PENDING, token)
        assert (version.id, version.value) == (token, SECOND)

    def test_a_value_never_shows(self, lab: StoreLab) -> None:
        """What was read is not in the version's text form."""
        assert "canary" not in repr(lab.store.read(Stage.CURRENT))

    def test_a_label_on_another_version(self, lab: StoreLab) -> None:
        """Label and version that do not belong together are no version."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        with pytest.raises(VersionNotFound):
            lab.store.read(Stage.PENDING, lab.first)
        with pytest.raises(VersionNotFound):
            lab.store.read(Stage.CURRENT, token)

    @pytest.mark.parametrize("stage", [Stage.PENDING, Stage.PREVIOUS])
    def test_a_label_that_is_nowhere(self, lab: StoreLab, stage: Stage) -> None:
        """A label that no version carries leads to none."""
        with pytest.raises(VersionNotFound):
            lab.store.read(stage)

    def test_a_version_that_is_none(self, lab: StoreLab) -> None:
        """An id that is no version's leads to none."""
        with pytest.raises(VersionNotFound):
            lab.store.read(version=str(uuid.uuid4()))

    def test_a_pending_version_without_a_value(self, lab: StoreLab) -> None:
        """What has no value yet cannot be read, by whatever name."""
        token = lab.begin_rotation()
        for stage, version in [(Stage.PENDING, None), (Stage.PENDING, token), (None, token)]:
            with pytest.raises(VersionNotFound):
                lab.store.read(stage, version)

    def test_staging_fills_the_token(self, lab: StoreLab) -> None:
        """The value is on the token, the token carries AWSPENDING, and AWSCURRENT is where it was."""
        token = lab.begin_rotation()
        assert lab.store.stage_pending(token, SECOND)
        assert lab.store.read(Stage.PENDING).id == token
        assert lab.store.read(Stage.CURRENT).id == lab.first

    def test_staging_twice_keeps_the_first_value(self, lab: StoreLab) -> None:
        """The value of a token never changes."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, FIRST)
        assert not lab.store.stage_pending(token, SECOND)
        assert lab.store.read(Stage.PENDING).value == FIRST

    def test_staging_the_same_again_is_no_error(self, lab: StoreLab) -> None:
        """A repetition of the very call succeeds, and changes nothing."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        assert lab.store.stage_pending(token, SECOND)
        assert lab.store.read(Stage.PENDING).value == SECOND

    def test_promotion_moves_the_labels(self, lab: StoreLab) -> None:
        """AWSCURRENT comes to the token and AWSPREVIOUS to where it was; AWSPENDING goes or stays, both legally."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.promote(token, lab.first)
        expected = {"AWSCURRENT": token, "AWSPREVIOUS": lab.first}
        kept = lab.world.pending_after_finish is PendingAfterFinish.KEPT
        assert lab.labels() == expected | ({"AWSPENDING": token} if kept else {})
        assert lab.store.describe().state_of(token) is VersionState.CURRENT
        assert lab.store.read(Stage.CURRENT).value == SECOND

    def test_promotion_is_a_compare_and_swap(self, lab: StoreLab) -> None:
        """Where AWSCURRENT has moved away nothing is changed."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        other = str(uuid.uuid4())
        before = dict(lab.labels())
        for wrong in (other, token):
            with pytest.raises(StoreError):
                lab.store.promote(token, wrong)
        assert lab.labels() == before

    def test_promotion_after_a_person_was_faster(self, lab: StoreLab) -> None:
        """A value that somebody stored meanwhile is not overwritten."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        theirs = lab.store_current('{"by": "a person"}')
        with pytest.raises(StoreError):
            lab.store.promote(token, lab.first)
        assert lab.labels()["AWSCURRENT"] == theirs

    def test_a_person_writes_in_the_instant_before(self, lab: StoreLab) -> None:
        """No value is lost: either theirs stays, or ours is current, somebody is warned, and theirs can be read."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        theirs = '{"by": "a person"}'
        lab.interject(theirs)
        if lab.swap is Swap.EXACT:
            with pytest.raises(StoreError):
                lab.store.promote(token, lab.first)
            assert lab.store.read(Stage.CURRENT).value == theirs
            assert lab.warnings == 0
        else:
            lab.store.promote(token, lab.first)
            assert lab.store.read(Stage.CURRENT).id == token
            assert lab.store.read(Stage.PREVIOUS).value == theirs
            assert lab.warnings == 1

    def test_promotion_twice(self, lab: StoreLab) -> None:
        """The second swap finds AWSCURRENT moved, and says so."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.promote(token, lab.first)
        before = dict(lab.labels())
        with pytest.raises(StoreError):
            lab.store.promote(token, lab.first)
        assert lab.labels() == before

    @pytest.mark.parametrize("thought", ["where it is", "nowhere", "elsewhere"])
    def test_a_label_of_our_own_moves(self, lab: StoreLab, thought: str) -> None:
        """A label of our own comes to the version, wherever it was and was thought to be; the others stay."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        before = dict(lab.labels())
        lab.store.label(token, LATE_CUTOVER, None)
        assert lab.labels() == before | {LATE_CUTOVER: token}
        leaving = {"where it is": token, "nowhere": None, "elsewhere": str(uuid.uuid4())}[thought]
        lab.store.label(lab.first, LATE_CUTOVER, leaving)
        assert lab.labels() == before | {LATE_CUTOVER: lab.first}
        lab.store.label(lab.first, LATE_CUTOVER, lab.first)
        assert lab.labels() == before | {LATE_CUTOVER: lab.first}

    @pytest.mark.parametrize("label", [LATE_CUTOVER, LAST_REFUSED])
    def test_a_label_of_our_own_hides_no_leftover(self, lab: StoreLab, label: str) -> None:
        """A version that carries nothing but our own label is listed as one without."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.label(token, label, None)
        lab.abandon()
        assert list(lab.store.unlabelled()) == [token]

    def test_unstaging(self, lab: StoreLab) -> None:
        """AWSPENDING comes off the token's version, and doing it again changes nothing."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.unstage(token)
        assert lab.labels() == {"AWSCURRENT": lab.first}
        lab.store.unstage(token)
        assert lab.store.read(version=token).value == SECOND

    def test_unstaging_leaves_others_alone(self, lab: StoreLab) -> None:
        """AWSPENDING on another version stays there."""
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.unstage(lab.first)
        lab.store.unstage(str(uuid.uuid4()))
        assert lab.labels()["AWSPENDING"] == token

    def test_versions_without_labels_newest_first(self, lab: StoreLab) -> None:
        """What lost its labels is listed, the youngest first, and can be read."""
        orphans = []
        for number in range(3):
            token = lab.begin_rotation()
            lab.store.stage_pending(token, f'{{"number": {number}}}')
            lab.abandon()
            orphans.append(token)
        assert list(lab.store.unlabelled()) == orphans[::-1]
        assert lab.store.read(version=lab.store.unlabelled()[0]).value == '{"number": 2}'

    def test_labelled_and_empty_versions_are_not_listed(self, lab: StoreLab) -> None:
        """Neither a version with a label nor one without a value is left over."""
        lab.begin_rotation()
        lab.abandon()
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        assert list(lab.store.unlabelled()) == []

    def test_nothing_says_replica_where_there_is_none(self, lab: StoreLab) -> None:
        """No Region is listed, none is the primary's, and another Region has nothing to tell."""
        versions = lab.store.describe()
        assert (versions.replicas, versions.primary_region) == ((), "")
        with pytest.raises(StoreError):
            lab.store.describe_replica("eu-central-1")

    def test_a_replica_is_listed_and_its_labels_are_read_there(self, lab: StoreLab) -> None:
        """It has the versions of its primary; once it has failed, those of before, until it is asked for again."""
        region = lab.add_replica()
        if region is None:
            assert lab.store.describe().replicas == ()
            return
        home = lab.store.describe()
        assert [it.region for it in home.replicas] == [region]
        assert home.primary_region == home.region
        assert lab.store.describe_replica(region).holding(Stage.CURRENT) == lab.first
        lab.fail_replica(region)
        token = lab.begin_rotation()
        lab.store.stage_pending(token, SECOND)
        lab.store.promote(token, lab.first)
        there = lab.store.describe_replica(region)
        assert (there.region, there.primary_region) == (region, home.region)
        assert there.holding(Stage.CURRENT) == lab.first
        (failed,) = lab.store.describe().replicas
        assert failed.status == "Failed"
        lab.store.replicate(failed)
        assert lab.store.describe_replica(region).holding(Stage.CURRENT) == token
        assert [it.status for it in lab.store.describe().replicas] == ["InSync"]

    @pytest.mark.parametrize("moved", [False, True])
    def test_the_check_of_labels_leaves_no_trace(self, lab: StoreLab, *, moved: bool) -> None:
        """The right to move labels is proven without a change, also where AWSCURRENT was moved just now."""
        if moved:
            token = lab.begin_rotation()
            lab.store.stage_pending(token, SECOND)
            lab.store.promote(token, lab.first)
        before = dict(lab.labels())
        lab.store.rehearse(lab.first, SECOND)
        lab.store.rehearse(lab.first, SECOND)
        assert lab.labels() == before

    def test_an_admin_secret_is_read(self, lab: StoreLab) -> None:
        """Another secret's AWSCURRENT is read by its ARN."""
        arn = lab.create_admin('{"username": "admin"}', {})
        version = lab.store.read_admin(arn)
        assert (version.arn, version.value) == (arn, '{"username": "admin"}')
        assert Stage.CURRENT in version.stages

    def test_an_admin_secret_that_is_none(self, lab: StoreLab) -> None:
        """An ARN that is no secret's is an error that names it."""
        arn = f"{lab.arn.rpartition(':')[0]}:nobody-AbCdEf"
        with pytest.raises(VersionNotFound, match="nobody"):
            lab.store.read_admin(arn)

    @pytest.mark.parametrize("tags", [{}, TAGS])
    def test_an_admin_secrets_tags(self, lab: StoreLab, tags: Mapping[str, str]) -> None:
        """Another secret's tags are read by its ARN."""
        arn = lab.create_admin("{}", tags)
        assert lab.store.tags_of(arn) == tags
