"""Rows → node and chat, until nothing is left to do. Knows no updates, no SQL and no gRPC.

Each due row is taken into one hand, which does `next_step`, writes the outcome, and asks again.
What opened the gap does not matter: a new command, a payment, a crash yesterday, a node that
was away. Events make it faster; the rows decide.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bot import logs, outcomes, texts
from bot.cards import Cards
from bot.chats import Chats
from bot.clock import Clock, steady
from bot.config import InvoicesSettings
from bot.errors import (
    AlreadySettled,
    ChatError,
    ChatMoved,
    ChatRefused,
    InvoiceUnknown,
    NodeError,
    NodeOdd,
    NodePassing,
    NodeRefused,
    NodeSetting,
    NodeStarting,
    NodeTimeout,
    PermissionMissing,
    StoreUnavailable,
)
from bot.gate import Gate, pause_s
from bot.invoice import (
    BY_ITSELF,
    EDITS,
    MAX_FAULTS,
    WORD_AFTER_S,
    Columns,
    Do,
    Invoice,
    Priority,
    State,
    Step,
    next_step,
)
from bot.lnd import CALL_TIMEOUT_S, Node, NodeInvoice
from bot.outcomes import LONGEST_AT_NODE_S
from bot.patience import Patience
from bot.store import Store, Tx

log = logs.get(__name__)

T = TypeVar("T")

#: Commands at the node at once: more gains nothing and blocks the loop in bursts.
COMMANDS_AT_ONCE = 8
#: Expiries and look-ups at the node at once, behind commands.
BEHIND_AT_ONCE = 4
#: In hand at once of one lane, but for new rows: of how many chats, and how many rows of each. In a
#: chat one message is sent at a time: more hands would only wait, and keep other chats waiting.
CHATS_A_LANE = 64
HANDS_A_CHAT = 2
#: Seconds between looks at the clock: a set clock is noticed by them.
TICK_S = 1.0
SAME_MOMENT_S = 0.1
#: Seconds after the stream opened when open rows are looked up once more.
LOOK_AGAIN_S = 10.0
LOOK_PAGE = 200
#: Seconds that the node gets to tell who it is before its payments are followed all the same.
IDENTIFIED_WITHIN_S = 3.0
#: Looks at an invoice whose time is over by our clock and which the node keeps open, before it is
#: cancelled all the same: with their pauses they take more than an hour.
OVERDUE_LOOKS = 75


@dataclass(slots=True)
class _Hand:
    """A row being worked on."""

    chat_id: int
    lane: int
    task: asyncio.Task[None] | None = None
    # something happened to the row: look at it again
    nudge: asyncio.Event = field(default_factory=asyncio.Event)
    # the step whose marker this hand wrote itself, so that it is not a crash's
    armed: str = ""


class Reconciler:
    """Closes the gaps between what is wanted, what is, and what is shown."""

    def __init__(
        self,
        *,
        store: Store,
        node: Node,
        gate: Gate,
        cards: Cards,
        chats: Chats,
        settings: InvoicesSettings,
        owners: frozenset[int],
        clock: Clock,
        moved: Callable[[int, int], None],
    ) -> None:
        self._store = store
        self._node = node
        self._gate = gate
        self._cards = cards
        self._chats = chats
        self._owners = owners
        self._clock = clock
        self._moved = moved
        self._hands: dict[int, _Hand] = {}
        self._in_place: Counter[tuple[int, int]] = Counter()  # lane and chat → hands
        self._in_lane: Counter[int] = Counter()  # lane → chats
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._behind = asyncio.Semaphore(BEHIND_AT_ONCE)
        self._wakened = asyncio.Event()
        self._more = False  # more rows are due than hands are free
        self._look_at = 0.0  # when the next row is due, on the wall clock
        self._patience = Patience(settings.patience_s)
        self._node_id = ""  # the latest that was told, or "": the macaroon can't ask
        self._made_at = ""  # the same, "" from when the gate opens until it is told
        self._identified = asyncio.Event()  # it was asked since the gate opened
        self._told_of_cancel = False  # the owners know that the macaroon can't cancel
        self._stopping = False

    # from outside

    def take(self, row_id: int, chat_id: int, fresh: Invoice | None = None) -> None:
        """Work on this row now: it is new, or people want something of it.

        `fresh` is a new row as it was just written: it need not be read.
        """
        self._take(row_id, chat_id, Priority.NEW, fresh)

    def _take(self, row_id: int, chat_id: int, lane: int, fresh: Invoice | None = None) -> None:
        hand = self._hands.get(row_id)
        if hand is not None:
            hand.nudge.set()
            return
        if self._stopping:
            return
        hand = self._hands[row_id] = _Hand(chat_id, lane)
        self._occupy(hand)
        hand.task = asyncio.ensure_future(self._work(row_id, hand, fresh))
        hand.task.add_done_callback(lambda _: self._let_go(row_id, hand))

    def look_now(self) -> None:
        """Read what is due: many rows may have changed, those in hand too."""
        for hand in self._hands.values():
            hand.nudge.set()
        self._look_soon()

    async def run(self) -> None:
        """Until cancelled. Raises only what is a bug."""
        await self._write(lambda tx: tx.unstick(self._clock()))
        self._chats.forbidden |= await self._write(lambda tx: tx.forbidden())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed())
            tasks.create_task(self._guard())
            tasks.create_task(self._follow(tasks))

    async def stop(self, *, timeout_s: float) -> None:
        """Let each hand finish the step that it is at, for `timeout_s` at most."""
        self._stopping = True
        working = []
        for hand in self._hands.values():
            hand.nudge.set()
            if hand.task is not None:
                working.append(hand.task)
        if working:
            _, late = await asyncio.wait(working, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    # what is due

    def _look_soon(self) -> None:
        self._look_at = 0.0
        self._wakened.set()

    async def _feed(self) -> None:
        loop = asyncio.get_running_loop()
        offset = self._clock() - loop.time()
        while True:
            self._wakened.clear()
            drift = self._clock() - loop.time() - offset
            if abs(drift) > 2:
                offset += drift
                log.warning("the clock was set", by_s=round(drift))
                await self._write(lambda tx: tx.wake(self._clock()))
                self._look_at = 0.0
            if self._clock() >= self._look_at:
                await self._take_due()
            until_due_s = max(0.0, self._look_at - self._clock())
            try:
                async with asyncio.timeout(min(TICK_S, until_due_s)):
                    await self._wakened.wait()
            except TimeoutError:
                continue

    async def _take_due(self) -> None:
        now = self._clock()
        # Expiries are the node's word: they wait for it.
        lanes = [lane for lane in Priority if self._gate.is_open or lane is not Priority.EXPIRED]
        limit = CHATS_A_LANE + len(self._hands)
        crowded = [place for place, count in self._in_place.items() if count >= HANDS_A_CHAT]
        # Before reading: what others say in the meantime must not be forgotten.
        self._look_at, self._more = math.inf, bool(crowded)
        try:
            due = await self._store.do(lambda tx: tx.due(lanes, now, limit=limit, but=crowded))
        except StoreUnavailable:
            self._look_at = min(self._look_at, now + TICK_S)
            return
        if due.next_at is not None:
            self._look_at = min(self._look_at, due.next_at)
        self._more |= due.more
        hands = len(self._hands)
        for invoice in due.rows:
            if invoice.id not in self._hands:
                self._offer(invoice)
        if due.more and len(self._hands) > hands:
            self._look_at = 0.0  # what one chat crowded out is seen now that its places are taken

    def _offer(self, invoice: Invoice) -> None:
        """Take a row that is due if a hand is free; else it is found once one is."""
        there = self._in_place[invoice.lane, invoice.chat_id]
        no_hand = there >= HANDS_A_CHAT or (
            not there and self._in_lane[invoice.lane] >= CHATS_A_LANE
        )
        if no_hand and invoice.id not in self._hands:
            self._more = True
        else:
            self._take(invoice.id, invoice.chat_id, invoice.lane)

    def _occupy(self, hand: _Hand) -> None:
        """A place of the hand's lane and chat."""
        place = hand.lane, hand.chat_id
        if not self._in_place[place]:
            self._in_lane[hand.lane] += 1
        self._in_place[place] += 1

    def _vacate(self, hand: _Hand) -> None:
        """Who found no place may have it."""
        place = hand.lane, hand.chat_id
        self._in_place[place] -= 1
        if not self._in_place[place]:
            del self._in_place[place]
            self._in_lane[hand.lane] -= 1
        if self._more:
            self._look_soon()

    def _let_go(self, row_id: int, hand: _Hand) -> None:
        del self._hands[row_id]
        self._vacate(hand)
        if hand.nudge.is_set():  # it came as the hand was closing
            self._take(row_id, hand.chat_id, hand.lane)

    # one row

    async def _work(self, row_id: int, hand: _Hand, fresh: Invoice | None) -> None:
        try:
            invoice = fresh or await self._write(lambda tx: tx.invoice(row_id))
            if invoice is not None and (columns := outcomes.left_behind(invoice)):
                invoice = await self._write(lambda tx: tx.update(row_id, **columns))
            while invoice is not None and not self._stopping:
                if hand.nudge.is_set():  # what was read may be older than what happened
                    hand.nudge.clear()
                    invoice = await self._write(lambda tx: tx.invoice(row_id))
                else:
                    invoice = await self._once(invoice, hand)
        except StoreUnavailable:
            log.warning("row left as it is: the bot is stopping", row=row_id)
        except Exception:
            log.exception("row left as it is", row=row_id)
            asyncio.get_running_loop().call_later(LONGEST_AT_NODE_S, self._look_soon)

    async def _once(self, row: Invoice, hand: _Hand) -> Invoice | None:
        """One step for the row; the row afterwards, None to let it go."""
        invoice = self._seen(row)
        step = next_step(invoice, self._clock())
        if step.do in (Do.WAIT, Do.NOTHING):
            return await self._rest(invoice, step, hand)
        if step.do is Do.ADD and not self._gate.is_open:
            return await self._wait_for_node(invoice, hand)
        try:
            columns = await self._do(step.do, invoice, hand)
        except NodeError as error:
            unanswered = self._after_node_error(step.do, invoice, error)
            if unanswered is None:
                return row
            columns = unanswered
        except ChatMoved as moved:
            return await self._move(invoice, moved.new_chat_id)
        except ChatError as error:
            columns = await self._after_chat_error(step.do, invoice, error)
        except Exception as error:
            log.exception("step failed", **_of(invoice), step=step.do)
            columns = self._fault(invoice, step.do, type(error).__name__)
        else:
            if outcomes.changes_nothing(step.do, invoice, columns, now=self._clock()):
                log.error("step changed nothing", **_of(invoice), step=step.do)
                columns |= self._fault(invoice, step.do, "a step changed nothing")
        return await self._record(invoice, step.do, columns, hand)

    def _seen(self, invoice: Invoice) -> Invoice:
        """The row with what only this process knows."""
        return self._patience.seen(
            invoice,
            now=self._clock(),
            steady_s=asyncio.get_running_loop().time(),
            held=invoice.chat_id in self._chats.forbidden,
            is_free=self._chats.is_free(invoice.chat_id),
            gate_is_open=self._gate.is_open,
            node_id=self._node_id,
        )

    async def _rest(self, invoice: Invoice, step: Step, hand: _Hand) -> Invoice | None:
        """Let the row go until it is due; a short wait is waited for in the hand."""
        if step.do is Do.WAIT and step.at - self._clock() <= TICK_S:
            return await self._nudged(invoice, hand, step.at - self._clock())
        columns = outcomes.resting(invoice, step, now=self._clock())
        if invoice.due_at != columns["due_at"] or invoice.lane != columns["lane"]:
            fresh = await self._write(
                lambda tx: outcomes.let_go(tx, invoice, columns, now=self._clock())
            )
            again = next_step(self._seen(fresh), self._clock())
            # Two clocks are read one after the other: the same moment is not quite the same number.
            if again.do is not step.do or abs(again.at - step.at) > SAME_MOMENT_S:
                return fresh
        if step.do is Do.WAIT:
            self._look_at = min(self._look_at, step.at)
        return None

    async def _nudged(self, invoice: Invoice, hand: _Hand, timeout_s: float) -> Invoice | None:
        """The row as it is once something happened to it or the time is over."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await hand.nudge.wait()
        except TimeoutError:
            pass
        return await self._write(lambda tx: tx.invoice(invoice.id))

    async def _wait_for_node(self, invoice: Invoice, hand: _Hand) -> Invoice | None:
        """Until the gate opens, or the row has something to say."""
        waited_s = self._clock() - invoice.taken_at
        moments = [WORD_AFTER_S, invoice.patience_s]
        until_s = min((m - waited_s for m in moments if m > waited_s), default=TICK_S)
        self._vacate(hand)  # what waits for the node keeps nothing from the chat
        try:
            return await self._nudged(invoice, hand, until_s)
        finally:
            self._occupy(hand)

    async def _do(self, do: Do, invoice: Invoice, hand: _Hand) -> Columns:
        """Take the step; the columns that it changed."""
        if do is Do.ADD:
            node_id = self._made_at
            found = await self._add(invoice)
            node_id = node_id or self._made_at
            return outcomes.of_add(invoice, found, node_id=node_id, now=self._clock())
        if do is Do.CANCEL:
            return outcomes.of_cancel(invoice, await self._cancel(invoice), now=self._clock())
        if do in BY_ITSELF:
            failure = self._reason(invoice).sentence
            if do is Do.FAIL:
                log.warning("no invoice", **_of(invoice), reason=failure)
            return outcomes.by_itself(do, failure)
        if marker := outcomes.marker(do, hand.armed):
            await self._write(lambda tx: tx.update(invoice.id, **marker))
        hand.armed = ""
        sentence = self._reason(invoice).sentence
        columns = await self._cards.do(do, outcomes.addressed(do, invoice), sentence=sentence)
        log.info(do, **_of(invoice))
        return columns

    def _reason(self, invoice: Invoice) -> NodeError:
        """Why the row waits for the node; the latest that is known."""
        return self._patience.reason(invoice, None if self._gate.is_open else self._gate.reason)

    # at the node

    async def _add(self, invoice: Invoice) -> NodeInvoice:
        until_word_s = invoice.taken_at + WORD_AFTER_S - self._clock()
        timeout_s = until_word_s if until_word_s > 0.5 else CALL_TIMEOUT_S
        async with self._commands:
            with self._asking(invoice):
                began_at = steady()
                found, is_new = await add(self._node, invoice, timeout_s=timeout_s)
        if is_new:
            self._clock.learn(found.created_at, within_s=steady() - began_at)
        return found

    async def _cancel(self, invoice: Invoice) -> NodeInvoice | None:
        """Cancel. One whose time is over the node cancels by itself, by its own clock, unless a
        payment is under way: so that is looked up, and cancelled only if the node never does."""
        is_overdue = invoice.state is State.OPEN and not invoice.cancel_wanted
        async with self._behind if is_overdue else self._commands:
            is_its_node = self._identified.is_set() and not self._seen(invoice).foreign
            if self._gate.is_open and not is_its_node:
                # Another node than before would know nothing of it.
                raise NodeStarting(detail="whose invoices it has is not known yet")
            with self._asking(invoice):
                looks = invoice.attempts if invoice.tried == Do.CANCEL else 0
                if is_overdue and looks < OVERDUE_LOOKS:
                    return await self._node.lookup(invoice.payment_hash)
                try:
                    return await cancel(self._node, invoice)
                except PermissionMissing as error:  # all else goes on; it may be closed by now
                    self._may_not_cancel(invoice, error)
                    return await self._node.lookup(invoice.payment_hash)

    def _may_not_cancel(self, invoice: Invoice, error: NodeError) -> None:
        if invoice.tried != Do.CANCEL:
            log.warning("may not be cancelled", **_of(invoice), detail=error.detail)
        if not self._told_of_cancel:
            self._told_of_cancel = True
            self._tell_owners(texts.OWNER_MAY_NOT_CANCEL)

    @contextmanager
    def _asking(self, invoice: Invoice) -> Iterator[None]:
        """A call to the node, through the gate."""
        try:
            if not self._gate.is_open:
                raise self._gate.reason
            yield
        except NodeRefused:
            raise
        except NodeError as error:
            self._patience.explain(invoice, error)
            if shuts_gate(error):
                self._gate.shut(error)
            raise

    # what came of it

    async def _record(
        self, invoice: Invoice, do: Do, columns: Columns, hand: _Hand
    ) -> Invoice | None:
        """Write the outcome, and with it what the next step needs written before."""
        columns = outcomes.completed(invoice, columns)
        after = self._seen(replace(invoice, **columns))
        columns |= outcomes.beforehand(after, now=self._clock())
        fresh, written = await self._write(
            lambda tx: outcomes.record(tx, invoice, do, columns, now=self._clock())
        )
        hand.armed = columns["sending"] if written else ""
        if written and fresh.state is not invoice.state:
            log.info(str(fresh.state), **_of(invoice))
        return fresh

    def _after_node_error(self, do: Do, invoice: Invoice, error: NodeError) -> Columns | None:
        """None: nothing is written, the gate gives the pause."""
        columns = outcomes.of_node_error(
            do, invoice, error, gate_is_open=self._gate.is_open, now=self._clock()
        )
        if columns is None:
            return None
        if "failure" in columns:
            log.warning("node refused", **_of(invoice), detail=error.detail)
        elif "tried" in columns:
            log.info("node step put off", **_of(invoice), step=do, reason=error.sentence)
        else:
            log.info("the node knows it no more", **_of(invoice))
        return columns

    async def _after_chat_error(self, do: Do, invoice: Invoice, error: ChatError) -> Columns:
        if outcomes.puts_on_hold(do, invoice, error):
            log.info("chat on hold", chat=invoice.chat_id)
            await self._write(lambda tx: tx.set_forbidden(invoice.chat_id, True, self._clock()))
            self._chats.forbidden.add(invoice.chat_id)
        elif do is Do.SAY_WAITING:
            self._patience.silence(invoice.chat_id)
        columns = outcomes.of_chat_error(do, invoice, error, now=self._clock())
        if isinstance(error, ChatRefused):
            log.error("refused by Telegram", **_of(invoice), step=do, detail=error.detail)
        else:
            why = error.detail or error.sentence
            log.info("chat step not taken", **_of(invoice), step=do, reason=why)
        if "told" in columns:
            log.error("payment could not be told to anybody", **_of(invoice))
        if "unshowable" in columns:
            self._tell_owners(texts.owner_refused(invoice.id, error.detail))
        elif isinstance(error, ChatRefused) and do in EDITS:
            self._tell_owners(texts.owner_untrue(invoice.id, error.detail))
        return columns

    def _fault(self, invoice: Invoice, do: Do, what: str) -> Columns:
        """An error of ours in this row's step: it stops nothing else."""
        columns = outcomes.of_fault(do, invoice, now=self._clock())
        if columns["faults"] >= MAX_FAULTS:
            log.error("row is stuck", **_of(invoice), step=do)
            self._tell_owners(texts.owner_stuck(invoice.id, f"{do}: {what}"))
        return columns

    async def _move(self, invoice: Invoice, new_chat_id: int) -> Invoice | None:
        """The group has a new id: its cards are shown there afresh."""
        old_chat_id = invoice.chat_id
        await self._write(lambda tx: tx.move_chat(old_chat_id, new_chat_id, self._clock()))
        self._moved(old_chat_id, new_chat_id)
        self.look_now()
        return await self._write(lambda tx: tx.invoice(invoice.id))

    def _tell_owners(self, text: str) -> None:
        for owner in self._owners:
            self._chats.say(owner, text)

    # the node's own word

    async def _guard(self) -> None:
        """Each time the node is back: whatever waits may try again."""
        while True:
            await self._gate.watch()
            self._identified.clear()
            self._made_at = ""
            await self._write(lambda tx: tx.wake(self._clock()))
            self._patience.node_is_back()
            self.look_now()
            await self._identify_in_time()

    async def _identify_in_time(self) -> None:
        """Ask who the node is, for as long as it is there: it may fail at this, or hang, and make
        invoices all the same."""
        attempts = 0
        while self._gate.is_open and not self._identified.is_set():
            try:
                await self._identify()
            except (NodeOdd, NodeTimeout) as error:
                attempts += 1
                if attempts == 1:
                    log.warning("the node does not tell who it is", detail=error.detail)
                await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))
            except NodeError as error:
                self._gate.shut(error)

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Payments, as the node tells them, for as long as it does; then again."""
        attempts = 0
        loop = asyncio.get_running_loop()
        while True:
            await self._gate.opened()
            opened_at = loop.time()
            try:
                if not await self._is_identified(IDENTIFIED_WITHIN_S):
                    await self._follow_unidentified(tasks)
                    continue
                await self._follow_once(tasks)
                ended: NodeError = NodeStarting("The Lightning node is shutting down.")
            except NodeError as error:
                ended = error
            self._gate.shut(ended)
            attempts = 1 if loop.time() - opened_at > LOOK_AGAIN_S else attempts + 1
            if attempts == 2:  # again, though the node is there
                log.warning("payments are not followed", reason=ended.sentence, detail=ended.detail)
            await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))

    async def _is_identified(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                return await self._identified.wait()
        except TimeoutError:
            return False

    async def _follow_unidentified(self, tasks: asyncio.TaskGroup) -> None:
        """Payments until it is known who tells them: each is of one invoice, whoever that is.

        The cursor is that of the node that was there last, and stays. What the node does not know
        may be another's.
        """

        async def follow() -> None:
            cursor = await self._write(lambda tx: tx.cursor(self._node_id or tx.last_node()))
            async for event in self._node.follow(cursor):
                if event.state == "settled":
                    await self._paid(event)
            raise NodeStarting("The Lightning node is shutting down.")

        looking = tasks.create_task(self._look_twice("", may_be_anothers=True))
        following = asyncio.ensure_future(follow())
        told = asyncio.ensure_future(self._identified.wait())
        try:
            await asyncio.wait({following, told}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            looking.cancel()
            told.cancel()
            if not following.done():
                following.cancel()
                await asyncio.wait({following})
        if not following.cancelled():
            following.result()

    async def _follow_once(self, tasks: asyncio.TaskGroup) -> None:
        node_id = self._node_id
        cursor = await self._cursor(node_id)
        looking = tasks.create_task(self._look_twice(node_id))
        try:
            async for event in self._node.follow(cursor):
                if event.state == "settled":
                    cursor = max(cursor, event.settle_index)
                    await self._paid(event, cursor_of=(node_id, cursor))
        finally:
            looking.cancel()

    async def _identify(self) -> None:
        """Whose invoices can be asked for now. A narrow macaroon can't tell: then any."""
        try:
            self._node_id = (await self._node.info()).identity_pubkey
        except PermissionMissing:
            self._node_id = ""
        self._made_at = self._node_id
        aside = await self._write(self._part_nodes)
        self._identified.set()
        self.look_now()
        if aside:
            log.error("open invoices of another node", count=aside)
            self._tell_owners(texts.owner_foreign(aside))

    def _part_nodes(self, tx: Tx) -> int:
        """Other nodes' rows aside; what waited to know whose they are may go on."""
        aside = tx.part_nodes(self._node_id, self._clock()) if self._node_id else 0
        tx.wake(self._clock())
        return aside

    async def _cursor(self, node_id: str) -> int:
        """From where to replay settlements; 0 where the node counts anew."""
        cursor, newest = await self._write(
            lambda tx: (tx.cursor(node_id), tx.newest_settled(node_id))
        )
        if newest is None:
            return cursor
        try:
            found = await self._node.lookup(newest.payment_hash)
        except InvoiceUnknown:
            found = None
        if not outcomes.counts_anew(newest, found):
            return cursor
        log.warning("the node counts its payments anew", was=newest.settle_index)
        await self._write(lambda tx: tx.set_cursor(node_id, 0, self._clock()))
        return 0

    async def _paid(self, event: NodeInvoice, cursor_of: tuple[str, int] | None = None) -> None:
        now = self._clock()
        invoice = await self._write(
            lambda tx: outcomes.paid(tx, event, cursor_of=cursor_of, now=now)
        )
        if invoice is not None:
            log.info("paid", **_of(invoice), paid_msat=event.paid_msat)
            self._offer(invoice)

    async def _look_twice(self, node_id: str, *, may_be_anothers: bool = False) -> None:
        """Look up what is open: what has no event, or had none that can be replayed."""
        await self._look_over(node_id, may_be_anothers)
        answered = False
        while not answered:
            await asyncio.sleep(LOOK_AGAIN_S)
            answered = await self._look_over(node_id, may_be_anothers)

    async def _look_over(self, node_id: str, may_be_anothers: bool) -> bool:
        """Look up all that is open; whether each could be."""
        answered, after_id = True, 0
        while page := await self._page(after_id, node_id):
            answers = await asyncio.gather(
                *(self._look_up(row_id, hash_, may_be_anothers) for row_id, hash_ in page)
            )
            answered = answered and all(answers)
            after_id = page[-1][0]
        return answered

    async def _page(self, after_id: int, node_id: str) -> list[tuple[int, bytes]]:
        return await self._write(lambda tx: tx.open_hashes(after_id, LOOK_PAGE, node_id))

    async def _look_up(self, row_id: int, payment_hash: bytes, may_be_anothers: bool) -> bool:
        """Whether the node answered."""
        async with self._behind:
            try:
                found: NodeInvoice | None = await self._node.lookup(payment_hash)
            except InvoiceUnknown:
                if may_be_anothers:
                    return True
                found = None
            except NodeError as error:
                log.debug("look-up failed", row=row_id, detail=error.detail)
                return False
        now = self._clock()
        invoice = await self._write(lambda tx: outcomes.looked_up(tx, row_id, found, now=now))
        if invoice is not None:
            self._offer(invoice)
        return True

    # the database

    async def _write(self, job: Callable[[Tx], T]) -> T:
        """Run `job` until the database takes it; raises StoreUnavailable only when stopping."""
        attempts = 0
        while True:
            try:
                return await self._store.do(job)
            except StoreUnavailable as error:
                if self._stopping and attempts > 3:
                    raise
                attempts += 1
                if attempts == 1:
                    log.warning("database can't be written", detail=error.detail)
                await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))


async def add(node: Node, invoice: Invoice, *, timeout_s: float) -> tuple[NodeInvoice, bool]:
    """Add, and look up what there is then; and whether this add made it. Raises `NodeError`."""
    if invoice.preimage is None:
        raise ValueError("a requested invoice without a preimage")
    is_new = await node.add(
        preimage=invoice.preimage,
        amount_msat=invoice.amount_msat or 0,
        memo=invoice.memo,
        expiry_s=invoice.expiry_s,
        timeout_s=timeout_s,
    )
    return await node.lookup(invoice.payment_hash, timeout_s=timeout_s), is_new


async def cancel(node: Node, invoice: Invoice) -> NodeInvoice | None:
    """Cancel; where it was too late for that, what there is. Raises `NodeError`."""
    try:
        await node.cancel(invoice.payment_hash)
    except AlreadySettled:
        try:
            return await node.lookup(invoice.payment_hash)
        except InvoiceUnknown as error:
            raise NodeOdd(detail=error.detail) from error
    return None


def shuts_gate(error: NodeError) -> bool:
    """Whether the node is away for everybody, not for one invoice only."""
    return isinstance(error, NodePassing | NodeSetting) and not isinstance(error, NodeOdd)


def _of(invoice: Invoice) -> dict[str, Any]:
    """What a log line says of a row."""
    return {"invoice": invoice.payment_hash[:4].hex(), "chat": invoice.chat_id}
