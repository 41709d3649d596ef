"""One message for several people, side by side: what one of them keeps waiting for delays no other.

What arrived is told as soon as somebody keeps the others waiting, so that it can be written: after
a kill it would go out a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from bot.errors import ChatError

#: Seconds for which what has arrived waits for the rest, to be written with it.
TOGETHER_S = 0.5

#: What came of each, by person; None where it is there.
Came: TypeAlias = dict[int, ChatError | None]


async def side_by_side(
    sends: Mapping[int, Coroutine[Any, Any, ChatError | None]],
    so_far: Callable[[Came], Awaitable[object]],
) -> Came:
    """What came of each. Raises what is a bug.

    `so_far` gets what came of some while others keep them waiting.
    """
    people = {asyncio.ensure_future(send): person for person, send in sends.items()}
    late, came = set(people), Came()
    together_s: float | None = TOGETHER_S
    try:
        while late:
            when = asyncio.FIRST_COMPLETED if together_s is None else asyncio.ALL_COMPLETED
            done, late = await asyncio.wait(late, timeout=together_s, return_when=when)
            came.update((people[each], each.result()) for each in done)
            if done and late:
                await so_far(came)
            together_s = None
    finally:
        for each in late:
            each.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    return came
