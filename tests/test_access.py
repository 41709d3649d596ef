"""Who may ask, how much, how often."""

from __future__ import annotations

import pytest

from bot.access import Access, Rights
from bot.config import AccessSettings, LimitsSettings, Rate
from bot.core.grants import Grant, Granted, Role
from bot.errors import ChatLimitReached, ShareLimitReached, UserLimitReached

OWNER, USER, STRANGER = 1, 2, 3
GROUP, OTHER_GROUP = -100, -200


def access(*, everybody: bool = False, count: int = 3, open_per_chat: int = 2) -> Rights:
    return Rights(
        AccessSettings(
            owners=frozenset({OWNER}),
            users=frozenset({USER}),
            chats=frozenset({GROUP}),
            open=everybody,
        ),
        LimitsSettings(invoices_per_user=Rate(count, 600), open_per_chat=open_per_chat),
    )


@pytest.mark.parametrize(
    ("user_id", "chat_id", "may"),
    [
        (OWNER, OWNER, True),
        (OWNER, OTHER_GROUP, True),
        (USER, USER, True),
        (USER, OTHER_GROUP, True),
        (STRANGER, GROUP, True),
        (STRANGER, STRANGER, False),
        (STRANGER, OTHER_GROUP, False),
        (GROUP, GROUP, True),  # an anonymous admin asks as the group
        (OTHER_GROUP, OTHER_GROUP, False),
    ],
)
def test_owners_and_users_may_ask_anywhere_and_all_members_in_listed_chats(
    user_id: int, chat_id: int, may: bool
) -> None:
    assert access().may_ask(user_id, [chat_id]) is may
    assert access(everybody=True).may_ask(user_id, [chat_id])


def test_nobody_may_ask_unless_it_is_set() -> None:
    nobody = Rights(AccessSettings(), LimitsSettings())
    assert not any(nobody.may_ask(user, [chat]) for user in (1, 2) for chat in (1, 2, -100))
    assert not nobody.is_owner(OWNER)


def test_only_owners_are_owners() -> None:
    assert [access().is_owner(each) for each in (OWNER, USER, STRANGER)] == [True, False, False]
    assert not access(everybody=True).is_owner(STRANGER)


@pytest.mark.parametrize("ids", [{GROUP, -300}, {-300, GROUP, -400}, {GROUP}])
def test_what_a_group_was_allowed_by_any_of_its_ids_it_is_allowed(ids: set[int]) -> None:
    assert access().may_ask(STRANGER, ids)
    assert not access().may_ask(STRANGER, ids - {GROUP} | {OTHER_GROUP})


def test_one_more_than_the_rate_is_refused_with_the_figures() -> None:
    limited = access(count=3)
    limited.check_limits(USER, asked=2, open_in_chat=0)
    with pytest.raises(UserLimitReached) as caught:
        limited.check_limits(USER, asked=3, open_in_chat=0, who="Anna")
    assert caught.value.values == {"count": 3, "per_s": 600, "who": "Anna"}


def test_one_more_open_than_a_chat_may_have_is_refused_with_the_figures() -> None:
    limited = access(open_per_chat=2)
    limited.check_limits(USER, asked=0, open_in_chat=1)
    for there in (2, 7):
        with pytest.raises(ChatLimitReached) as caught:
            limited.check_limits(USER, asked=0, open_in_chat=there)
        assert caught.value.values == {"count": there}


@pytest.mark.parametrize(("open_per_chat", "most"), [(1, 1), (2, 1), (3, 1), (4, 2), (50, 17)])
def test_one_person_gets_a_third_of_a_groups_open_invoices(open_per_chat: int, most: int) -> None:
    limited = access(open_per_chat=open_per_chat)
    limited.check_limits(USER, asked=0, open_in_chat=0, open_of_member=most - 1)
    with pytest.raises(ShareLimitReached) as caught:
        limited.check_limits(USER, asked=0, open_in_chat=0, open_of_member=most, who="Anna")
    assert caught.value.values == {"count": most, "who": "Anna"}


def test_owners_have_no_limits() -> None:
    access().check_limits(OWNER, asked=1000, open_in_chat=1000, open_of_member=1000)


def test_anyone_let_in_by_open_is_limited_all_the_same() -> None:
    with pytest.raises(UserLimitReached):
        access(everybody=True).check_limits(STRANGER, asked=3, open_in_chat=0)


# what was granted from the chat, beside the lists


FRIEND, CLUB = 4, -300


def granted(*grants: tuple[int, Role]) -> Granted:
    return Granted.of(Grant(subject_id, role) for subject_id, role in grants)


@pytest.mark.parametrize("role", Role)
def test_what_was_granted_is_beside_the_lists_and_takes_effect_at_once(role: Role) -> None:
    live = Access(AccessSettings(owners=frozenset({OWNER})), LimitsSettings())
    subject_id, chat_id = (STRANGER, CLUB) if role is Role.CHAT else (FRIEND, OTHER_GROUP)
    assert not live.may_ask(subject_id, [chat_id])
    live.grant(granted((CLUB if role is Role.CHAT else FRIEND, role)))
    assert live.may_ask(subject_id, [chat_id])
    assert live.is_owner(FRIEND) is (role is Role.OWNER)
    assert live.owners == {OWNER} | ({FRIEND} if role is Role.OWNER else set())
    live.grant(Granted())
    assert not live.may_ask(subject_id, [chat_id])
    assert live.owners == {OWNER}


def test_settings_that_are_read_again_leave_what_was_granted() -> None:
    live = Access(AccessSettings(owners=frozenset({OWNER})), LimitsSettings())
    live.grant(granted((FRIEND, Role.USER), (CLUB, Role.CHAT)))
    live.reload(AccessSettings(users=frozenset({USER})), LimitsSettings(open_per_chat=9))
    assert live.owners == set()
    assert live.is_unclaimed
    assert live.now.limits.open_per_chat == 9
    assert all(live.may_ask(each, [OTHER_GROUP]) for each in (USER, FRIEND))
    assert live.may_ask(STRANGER, [CLUB])


def test_a_value_that_was_given_to_a_job_stays_what_it_was() -> None:
    live = Access(AccessSettings(), LimitsSettings())
    before = live.now
    live.grant(granted((FRIEND, Role.OWNER)))
    assert not before.is_owner(FRIEND)
    assert live.now.is_owner(FRIEND)


def test_each_change_is_rung() -> None:
    live = Access(AccessSettings(), LimitsSettings())
    assert not live.changed.is_set()
    live.grant(Granted())
    assert live.changed.is_set()
    live.changed.clear()
    live.reload(AccessSettings(), LimitsSettings())
    assert live.changed.is_set()
