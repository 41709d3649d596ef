"""Tries: each chat by itself, after longer pauses, and none where nothing is left."""

from __future__ import annotations

from bot.chat.tries import LONGEST_PAUSE_S, Tries


async def test_a_chat_that_failed_is_put_off_and_no_other_one() -> None:
    tries = Tries()
    assert [tries.failed(1), tries.failed(1)] == [1, 2]
    assert (tries.may_begin(1), tries.may_begin(2)) == (False, True)
    rest_s = tries.rest_s(but=())
    assert rest_s is not None
    assert 0 < rest_s <= LONGEST_PAUSE_S
    assert tries.rest_s(but={1}) is None


async def test_what_got_there_begins_afresh() -> None:
    tries = Tries()
    tries.failed(1)
    tries.got_there(1)
    assert tries.may_begin(1)
    assert tries.failed(1) == 1


async def test_a_chat_in_which_nothing_is_left_is_waited_for_no_longer() -> None:
    tries = Tries()
    tries.failed(1)
    tries.failed(2)
    tries.only({2})
    assert tries.may_begin(1)
    assert not tries.may_begin(2)
    tries.only(())
    assert tries.rest_s(but=()) is None
