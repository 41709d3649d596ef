"""Those who manage a board: they open the panel, and press what is on it. Knows its buttons."""

from __future__ import annotations

import asyncio
import random
import time

from bot import texts
from bot.core.board import Seat
from bot.core.wishes import Change, Changing, Sitting
from bot.demo.telegram import Answer, Message, User
from tests.storm.at_boards import CARD_S, PRESSES, AtBoards
from tests.storm.book import Bill
from tests.storm.outside import buttons_on

#: What is done to a bill, each a few times as often as it is here; of a collection what fits.
DEEDS = (
    *[Change.FREE, Change.SETTLE, Change.UNSETTLE, Change.ADD, Change.REMIND, Change.MOVE],
    *[Change.SETTLE, Change.FREE, Change.REMIND],
)
OF_A_COLLECTION = (Change.MOVE,)
#: What is done of it by one person.
MOST_DEEDS = 4
#: Seconds between two of them.
BETWEEN_S = 1.5


class Managers(AtBoards):
    """Who asked, or an owner."""

    async def manage(self, bill: Bill, dice: random.Random) -> None:
        """Who asked does some of it, and closes it or not."""
        await self._manage(bill, bill.asker, dice)

    async def manage_as_owner(self, bill: Bill, dice: random.Random) -> None:
        """The same by an owner."""
        await self._manage(bill, dice.choice(self._outside.owners), dice)

    async def manage_as_admin(self, bill: Bill, dice: random.Random) -> None:
        """The same by an admin who is no owner: the bot asks Telegram each time."""
        await self._manage(bill, self._outside.admin, dice)

    async def close(self, bill: Bill, dice: random.Random) -> None:
        """Close it by its button, while others pay."""
        by = dice.choice([bill.asker, *self._outside.owners, self._outside.admin])
        await self._board(bill)
        await asyncio.sleep(dice.choice([0.5, 2, 5]) * dice.uniform(0.5, 1.5))
        if panel := await self._panel(bill, by):
            await self._close_it(bill, panel, by)

    async def ask_again(self, bill: Bill) -> None:
        """`/split` or `/collect` alone, as a reply to the command: the board comes once more."""
        place = self._place(bill)
        while place.away:
            await place.back.wait()
        if self._outside.now(bill.chat) is not bill.chat:  # numbers from before are void
            return
        command = "/collect" if bill.is_collection else "/split"
        name = f"@{self._outside.bot_user.username}"
        bill.moves.append(time.time())
        said = self._telegram.say(
            bill.chat, bill.asker, f"{command}{name}", reply_to=bill.said, thread=bill.thread
        )
        self._outside.by_message[said] = bill
        self._book.note(f"{command} as a reply", bill)
        self._book.count("boards asked for again")

    async def _manage(self, bill: Bill, by: User, dice: random.Random) -> None:
        await self._board(bill)
        await asyncio.sleep(dice.choice([1, 3, 6]) * dice.uniform(0.5, 1.5))
        panel = await self._panel(bill, by)
        deeds = OF_A_COLLECTION if bill.is_collection else DEEDS
        for deed in dice.sample(deeds, min(len(deeds), dice.randint(1, MOST_DEEDS))):
            if panel is None:
                return
            await self._do(bill, panel, by, deed, dice)
            await asyncio.sleep(BETWEEN_S * dice.random())
            if not self._outside.is_live(panel):
                panel = await self._panel(bill, by)
        if panel is not None and dice.random() < 0.4:
            await self._close_it(bill, panel, by)

    async def _panel(self, bill: Bill, by: User) -> Message | None:
        """The message with what can be done, in their private chat."""
        for _ in range(PRESSES):
            press = None
            for _ in range(PRESSES):
                press = self._press_now(bill, await self._board(bill), by, texts.MANAGE_BUTTON)
                answer = await self._answer_to(press) if press is not None else None
                if answer is not None and answer.url is not None:
                    break
                press = None
                await asyncio.sleep(0.1)
            before = len(bill.panels)
            if press is None or not await self._follow(bill, press, by):
                continue
            until = time.monotonic() + CARD_S
            while time.monotonic() < until:
                for shown in reversed(bill.panels[before:]):
                    if shown.message.chat.person is by and self._outside.is_live(shown.message):
                        self._book.count("panels to manage a board")
                        return shown.message
                await asyncio.sleep(0.1)
        return None

    async def _do(
        self, bill: Bill, panel: Message, by: User, deed: Change, dice: random.Random
    ) -> None:
        """One thing, of a seat where it is of one."""
        number = 0
        data = f"m:{deed}:"
        if deed in (Change.FREE, Change.SETTLE, Change.UNSETTLE):
            chosen = await self._chosen(bill, panel, by, deed, dice)
            if chosen is None:
                await self._back(bill, panel, by)
                return
            data, number = chosen
            self._will_disturb(bill, data, deed)
            bill.managed[number] = (deed, False)

        def pressed() -> None:
            if deed is Change.ADD:
                bill.adds += 1
            elif deed is Change.MOVE:
                bill.moves.append(time.time())
            elif deed is Change.REMIND:
                bill.reminders += 1

        answer = await self._heard_in_private(bill, panel, by, data=data, on_press=pressed)
        if answer is None:
            return
        self._book.note(f"{by.first_name}: {deed}: {answer.text}", bill)
        done = [texts.changing(deed, each) for each in (Changing.DONE, Changing.LATER)]
        if answer.text in done or _is_hindered(answer):
            self._book.count(f"managed: {deed}")
            bill.added += deed is Change.ADD
        again = texts.changing(deed, Changing.AGAIN)
        if number and (answer.text in (*done, again) or _is_hindered(answer)):
            bill.managed[number] = (deed, True)

    async def _chosen(
        self, bill: Bill, panel: Message, by: User, deed: Change, dice: random.Random
    ) -> tuple[str, int] | None:
        """The data of a seat's button, and its number."""
        if await self._heard_in_private(bill, panel, by, data=f"m:{deed}:") is None:
            return None
        until = time.monotonic() + CARD_S
        while time.monotonic() < until:
            found = [data for _, data in buttons_on(panel) if data.startswith(f"m:{deed}:")]
            if seats := [data for data in found if data.count(":") == 4]:
                data = dice.choice(seats)
                return data, int(data.split(":")[3])
            await asyncio.sleep(0.1)
        return None

    @staticmethod
    async def _shows(panel: Message, ending: str) -> None:
        """Wait for a button whose data ends so, but not for long."""
        until = time.monotonic() + CARD_S
        while time.monotonic() < until:
            if any(data.endswith(ending) for _, data in buttons_on(panel)):
                return
            await asyncio.sleep(0.1)

    async def _back(self, bill: Bill, panel: Message, by: User) -> None:
        await self._heard_in_private(bill, panel, by, data="m:back:")

    def _will_disturb(self, bill: Bill, data: str, deed: Change) -> None:
        """Whose invoice may be cancelled by it, and who may have no seat then."""
        whose = data.split(":")[4]
        for person in [*self._outside.people, *self._outside.owners]:
            if Seat(number=0, amount_msat=0, person_id=person.id).whose == whose:
                bill.disturbed.add(person)
                if deed is Change.FREE:
                    bill.freed.add(person)

    async def _close_it(self, bill: Bill, panel: Message, by: User) -> None:
        """Close, and the yes that it asks for, until nothing more can be closed."""
        for _ in range(PRESSES):
            if not self._outside.is_live(panel):
                fresh = await self._panel(bill, by)
                if fresh is None:
                    return
                panel = fresh
            if not any(data.endswith(":yes") for _, data in buttons_on(panel)):
                if await self._heard_in_private(bill, panel, by, data="m:close:") is None:
                    return
                await self._shows(panel, ":yes")
                continue
            bill.close_tried_at = bill.close_tried_at or time.time()
            answer = await self._heard_in_private(bill, panel, by, label=texts.CLOSE_BUTTON)
            if answer is not None:
                self._book.count("boards closed by their button")
                if (answer.text or "").startswith(texts.changing(Change.CLOSE, Changing.DONE)):
                    bill.close_wanted_at = bill.close_wanted_at or time.time()
                return


def _is_hindered(answer: Answer) -> bool:
    """Whether it is done once the node can cancel, and what hinders it is said."""
    others = (texts.NOT_ALLOWED, texts.TRY_AGAIN, texts.sitting(Sitting.NOT_TRACKED))
    return answer.show_alert and answer.text not in others
