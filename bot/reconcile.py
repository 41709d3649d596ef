"""Rows → node and chat, until nothing is left to do. Knows no updates, no SQL and no gRPC.

Each due row is taken into one hand, which does `next_step`, writes the outcome, and asks again.
What opened the gap does not matter: a new command, a payment, a crash yesterday, a node that
was away. Events make it faster; the rows decide.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bot import logs, texts
from bot.cards import Cards, Columns
from bot.chats import Chats
from bot.clock import Clock, steady
from bot.config import InvoicesSettings
from bot.errors import (
    AlreadySettled,
    ChatBusy,
    ChatError,
    ChatForbidden,
    ChatMoved,
    ChatRefused,
    InvoiceUnknown,
    MaybeSent,
    MessageGone,
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
    AT_NODE,
    BY_ITSELF,
    MAX_FAULTS,
    MAX_PAUSE_S,
    SENDS,
    WORD_AFTER_S,
    Do,
    Face,
    Invoice,
    Priority,
    State,
    Step,
    closed_state,
    next_step,
)
from bot.lnd import CALL_TIMEOUT_S, Node, NodeInvoice
from bot.store import LANE_HELD, Store, Tx

log = logs.get(__name__)

T = TypeVar("T")

#: Commands at the node at once: more gains nothing and blocks the loop in bursts.
COMMANDS_AT_ONCE = 8
#: Expiries and look-ups at the node at once, behind commands.
BEHIND_AT_ONCE = 4
#: Rows in hand at once that were found due, and how many of one chat.
HANDS = 64
HANDS_A_CHAT = 8
#: Seconds between looks at the clock: a set clock is noticed by them.
TICK_S = 1.0
#: Seconds after the stream opened when open rows are looked up once more.
LOOK_AGAIN_S = 10.0
LOOK_PAGE = 200
#: Looks at an invoice whose time is over by our clock and not by the node's, before it is cancelled
#: all the same: with their pauses they take more than an hour.
EARLY_LOOKS = 75
#: The longest pauses between tries, in seconds.
LONGEST_AT_NODE_S = 5.0
LONGEST_IN_CHAT_S = 8.0


@dataclass(slots=True)
class _Hand:
    """A row being worked on."""

    chat_id: int
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
        self._settings = settings
        self._owners = owners
        self._clock = clock
        self._moved = moved
        self._hands: dict[int, _Hand] = {}
        self._in_chat: Counter[int] = Counter()
        self._commands = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._behind = asyncio.Semaphore(BEHIND_AT_ONCE)
        self._wakened = asyncio.Event()
        self._more = False  # more rows are due than hands are free
        self._look_at = 0.0  # when the next row is due, on the wall clock
        self._taken: dict[int, float] = {}  # row → when it was taken up, on the loop's clock
        self._ahead_s = clock() - steady()  # of the clock, as it was at the start
        self._asked: dict[int, int] = {}  # question → by how much the clock had been set by then
        self._words: dict[int, int] = {}  # chat → the row that gives it a word
        self._why: dict[int, NodeError] = {}  # row → what keeps it waiting
        self._node_id = ""
        self._stopping = False

    # from outside

    def take(self, row_id: int, chat_id: int, fresh: Invoice | None = None) -> None:
        """Work on this row now: it is new, or something happened to it.

        `fresh` is a new row as it was just written: it need not be read.
        """
        hand = self._hands.get(row_id)
        if hand is not None:
            hand.nudge.set()
            return
        if self._stopping:
            return
        hand = self._hands[row_id] = _Hand(chat_id)
        self._in_chat[chat_id] += 1
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
            tasks.create_task(self._follow())

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
        limit = HANDS + len(self._hands)
        crowded = [chat for chat, count in self._in_chat.items() if count >= HANDS_A_CHAT]
        try:
            due = await self._store.do(
                lambda tx: tx.due(lanes, now, limit=limit, but_chats=crowded)
            )
        except StoreUnavailable:
            self._look_at = now + TICK_S
            return
        self._look_at = due.next_at if due.next_at is not None else math.inf
        self._more = bool(crowded) or len(due.rows) == limit
        for invoice in due.rows:
            if invoice.id in self._hands:
                continue
            if len(self._hands) >= HANDS or self._in_chat[invoice.chat_id] >= HANDS_A_CHAT:
                self._more = True
            else:
                self.take(invoice.id, invoice.chat_id)

    def _let_go(self, row_id: int, hand: _Hand) -> None:
        del self._hands[row_id]
        self._in_chat[hand.chat_id] -= 1
        if not self._in_chat[hand.chat_id]:
            del self._in_chat[hand.chat_id]
        if hand.nudge.is_set():  # it came as the hand was closing
            self.take(row_id, hand.chat_id)
        if self._more:
            self._look_soon()

    # one row

    async def _work(self, row_id: int, hand: _Hand, fresh: Invoice | None) -> None:
        try:
            invoice = fresh or await self._write(lambda tx: tx.invoice(row_id))
            if invoice is not None and invoice.sending:
                # A crash left it, not this hand: whether it arrived is unknown.
                unsure = invoice.sending
                invoice = await self._write(lambda tx: tx.update(row_id, sending="", unsure=unsure))
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
            if step.do is Do.ADD and not self._gate.is_open:
                self._why[invoice.id] = error
                return row  # the gate gives the pause
            columns = self._put_off(invoice, step.do, longest_s=LONGEST_AT_NODE_S)
            log.info("node step put off", **_of(invoice), step=step.do, reason=error.sentence)
        except ChatMoved as moved:
            return await self._move(invoice, moved.new_chat_id)
        except ChatError as error:
            columns = await self._after_chat_error(step.do, invoice, error)
        except Exception as error:
            log.exception("step failed", **_of(invoice), step=step.do)
            columns = self._fault(invoice, step.do, type(error).__name__)
        else:
            if next_step(replace(invoice, **columns), self._clock()).do is step.do:
                log.error("step changed nothing", **_of(invoice), step=step.do)
                columns |= self._fault(invoice, step.do, "a step changed nothing")
        return await self._record(invoice, step.do, columns, hand)

    def _seen(self, invoice: Invoice) -> Invoice:
        """The row with what only this process knows."""
        loop = asyncio.get_running_loop()
        now, taken_at, say_waiting = self._clock(), 0.0, False
        if invoice.state is not State.ASKING:
            self._asked.pop(invoice.id, None)
        if invoice.state is State.REQUESTED:
            # By the loop's clock: a wall clock that is set must not use up anybody's patience.
            waited_s = loop.time() - self._taken.setdefault(invoice.id, loop.time())
            taken_at = now - waited_s
            if waited_s >= WORD_AFTER_S:
                speaker = self._words.setdefault(invoice.chat_id, invoice.id)
                # A word that has to wait would keep the row from the node meanwhile.
                say_waiting = speaker == invoice.id and self._chats.is_free(invoice.chat_id)
        elif invoice.state is State.ASKING:
            # Nor may it make a question old that waits for its answer. In whole seconds, so that
            # the same moment is the same number each time.
            set_by_s = round(now - steady() - self._ahead_s)
            since_s = set_by_s - self._asked.setdefault(invoice.id, set_by_s)
            invoice = replace(invoice, asked_at=invoice.asked_at + since_s)
        elif invoice.id in self._taken:
            del self._taken[invoice.id]
            self._why.pop(invoice.id, None)
            if self._gate.is_open and self._words.get(invoice.chat_id) == invoice.id:
                del self._words[invoice.chat_id]
        return replace(
            invoice,
            taken_at=taken_at,
            say_waiting=say_waiting,
            patience_s=self._settings.patience_s,
            held=invoice.chat_id in self._chats.forbidden,
        )

    async def _rest(self, invoice: Invoice, step: Step, hand: _Hand) -> Invoice | None:
        """Let the row go until it is due; a short wait is waited for in the hand."""
        if step.do is Do.WAIT and step.at - self._clock() <= TICK_S:
            return await self._nudged(invoice, hand, step.at - self._clock())
        columns = self._resting(invoice, step)
        if invoice.due_at != columns["due_at"] or invoice.lane != columns["lane"]:
            fresh = await self._write(
                lambda tx: tx.update(invoice.id, **self._unless_heard(tx, invoice, columns))
            )
            if next_step(self._seen(fresh), self._clock()) != step:
                return fresh
        if step.do is Do.WAIT:
            self._look_at = min(self._look_at, step.at)
        return None

    def _resting(self, invoice: Invoice, step: Step) -> Columns:
        if invoice.held and next_step(replace(invoice, held=False), self._clock()) != step:
            return {"due_at": None, "lane": LANE_HELD}
        due_at = step.at if step.do is Do.WAIT else None
        lane = invoice.priority
        if lane is Priority.EXPIRED and invoice.tried and invoice.tried not in AT_NODE:
            lane = Priority.NEW  # only the chat is waited for: a node that is away delays nothing
        return {"due_at": due_at, "lane": int(lane)}

    def _unless_heard(self, tx: Tx, invoice: Invoice, columns: Columns) -> Columns:
        """A chat that was heard of in the meantime holds nothing back: nobody would wake it."""
        if columns.get("lane") != LANE_HELD or tx.is_forbidden(invoice.chat_id):
            return columns
        return columns | {"due_at": self._clock(), "lane": int(invoice.priority)}

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
        return await self._nudged(invoice, hand, until_s)

    async def _do(self, do: Do, invoice: Invoice, hand: _Hand) -> Columns:
        """Take the step; the columns that it changed."""
        if do is Do.ADD:
            return await self._add(invoice)
        if do is Do.CANCEL:
            return await self._cancel(invoice)
        if do is Do.DROP:
            return {"state": State.DROPPED}
        if do is Do.FAIL:
            failure = self._reason(invoice).sentence
            log.warning("no invoice", **_of(invoice), reason=failure)
            return {"state": State.FAILED, "failure": failure}
        if do in SENDS and hand.armed != do:
            await self._write(lambda tx: tx.update(invoice.id, sending=do))
        hand.armed = ""
        if do is Do.TELL and invoice.held and not invoice.tell_to:
            invoice = replace(invoice, tell_to=self._elsewhere(invoice))
        columns = await self._cards.do(do, invoice, sentence=self._reason(invoice).sentence)
        log.info(do, **_of(invoice))
        return columns

    def _reason(self, invoice: Invoice) -> NodeError:
        """Why the row waits for the node; the latest that is known."""
        if not self._gate.is_open:
            return self._gate.reason
        return self._why.get(invoice.id, NodeTimeout())

    # at the node

    async def _add(self, invoice: Invoice) -> Columns:
        """Add, and fill the row from a look-up: fresh or repeated is the same."""
        if invoice.preimage is None:
            raise ValueError("a requested invoice without a preimage")
        until_word_s = invoice.taken_at + WORD_AFTER_S - self._clock()
        timeout_s = until_word_s if until_word_s > 0.5 else CALL_TIMEOUT_S
        async with self._commands:
            try:
                self._ask_gate()
                began_at = steady()
                is_new = await self._node.add(
                    preimage=invoice.preimage,
                    amount_msat=invoice.amount_msat or 0,
                    memo=invoice.memo,
                    expiry_s=invoice.expiry_s,
                    timeout_s=timeout_s,
                )
                found = await self._node.lookup(invoice.payment_hash, timeout_s=timeout_s)
            except InvoiceUnknown as error:
                # Nothing is known yet: it may appear a moment later.
                raise NodeOdd(detail=error.detail) from error
            except NodeRefused as error:
                log.warning("node refused", **_of(invoice), detail=error.detail)
                return {"state": State.FAILED, "failure": error.sentence, "preimage": None}
            except NodeError as error:
                self._shut_gate(invoice, error)
                raise
        if is_new:
            self._clock.learn(found.created_at, within_s=steady() - began_at)
        return {
            **self._found(invoice, found),
            "preimage": None,
            "node_id": self._node_id,
            "payment_request": found.payment_request,
            "add_index": found.add_index,
            "expires_at": found.expires_at,
        }

    async def _cancel(self, invoice: Invoice) -> Columns:
        """Cancel, and let the node's answer decide.

        Where it is the time that is over the node cancels by itself, by its own clock, and ours
        may be ahead: so it is looked up, and cancelled only if the node never does.
        """
        slots = self._commands if invoice.cancel_wanted else self._behind
        async with slots:
            try:
                self._ask_gate()
                if invoice.state is State.OPEN and not invoice.cancel_wanted:
                    found = await self._node.lookup(invoice.payment_hash)
                    if found.state in ("settled", "canceled"):
                        return self._found(invoice, found)
                    if invoice.attempts < EARLY_LOOKS:
                        log.info("not over at the node yet", **_of(invoice))
                        return self._put_off(invoice, Do.CANCEL, longest_s=MAX_PAUSE_S)
                await self._node.cancel(invoice.payment_hash)
            except AlreadySettled:
                found = await self._node.lookup(invoice.payment_hash)
                return self._found(invoice, found)
            except InvoiceUnknown:
                log.info("the node knows it no more", **_of(invoice))
            except NodeRefused as error:
                raise NodeOdd(detail=error.detail) from error
            except NodeError as error:
                self._shut_gate(invoice, error)
                raise
        if invoice.state is State.FAILED:
            return {"preimage": None}
        return {"state": closed_state(invoice, self._clock())}

    def _found(self, invoice: Invoice, found: NodeInvoice) -> Columns:
        if found.state == "settled":
            return _settled(found)
        if found.state == "canceled":
            at = replace(invoice, expires_at=found.expires_at)
            return {"state": closed_state(at, self._clock())}
        return {"state": State.OPEN}

    def _ask_gate(self) -> None:
        if not self._gate.is_open:
            raise self._gate.reason

    def _shut_gate(self, invoice: Invoice, error: NodeError) -> None:
        self._why[invoice.id] = error
        if isinstance(error, NodePassing | NodeSetting) and not isinstance(error, NodeOdd):
            self._gate.shut(error)

    # what came of it

    async def _record(
        self, invoice: Invoice, do: Do, columns: Columns, hand: _Hand
    ) -> Invoice | None:
        """Write the outcome, and with it what the next step needs written before."""
        put_off = "tried" in columns
        if (invoice.tried or invoice.faults) and not put_off:
            columns |= {"tried": "", "attempts": 0, "faults": 0, "retry_at": 0.0}
        if columns.get("card_id") is not None and columns["card_id"] == invoice.stray_id:
            columns["stray_id"] = None
        after = self._seen(replace(invoice, **columns))
        step = next_step(after, self._clock())
        columns["sending"] = step.do if step.do in SENDS else ""
        if step.do in (Do.WAIT, Do.NOTHING):
            columns |= self._resting(after, step)
        of_node = do in AT_NODE or do in BY_ITSELF
        expected: Columns = {"state": invoice.state} if of_node else {"chat_id": invoice.chat_id}
        if invoice.state is State.ASKING:
            # An answer may be faster than the record: the question is no card of what was asked.
            expected["state"] = invoice.state

        def job(tx: Tx) -> tuple[Invoice, bool]:
            unmoved = {**expected, "due_at": invoice.due_at}
            changed = self._unless_heard(tx, invoice, columns)
            if (row := tx.update_if(invoice.id, unmoved, **changed)) is not None:
                return row, True
            if tx.invoice_if(invoice.id, **expected) is None:
                # Somebody was faster: a payment, or the group moved. Their word stands.
                return tx.update(invoice.id, sending=""), False
            # Somebody wants to be heard: when the row is due is theirs to say.
            ours = {name: columns[name] for name in columns if name not in ("due_at", "lane")}
            return tx.update(invoice.id, **ours), True

        fresh, written = await self._write(job)
        hand.armed = columns["sending"] if written else ""
        if written and fresh.state is not invoice.state:
            log.info(str(fresh.state), **_of(invoice))
        return fresh

    def _put_off(
        self, invoice: Invoice, do: Do, *, longest_s: float, at_least_s: float = 0.0
    ) -> Columns:
        attempts = invoice.attempts + 1 if invoice.tried == do else 1
        pause = max(at_least_s, pause_s(attempts, longest_s=longest_s))
        return {
            "tried": str(do),
            "attempts": attempts,
            "retry_at": self._clock() + min(pause, MAX_PAUSE_S),
        }

    def _fault(self, invoice: Invoice, do: Do, what: str) -> Columns:
        """An error of ours in this row's step: it stops nothing else."""
        faults = invoice.faults + 1 if invoice.tried == do else 1
        if faults >= MAX_FAULTS:
            log.error("row is stuck", **_of(invoice), step=do)
            self._tell_owners(texts.owner_stuck(invoice.id, f"{do}: {what}"))
        return {**self._put_off(invoice, do, longest_s=MAX_PAUSE_S), "faults": faults}

    async def _after_chat_error(self, do: Do, invoice: Invoice, error: ChatError) -> Columns:
        if do is Do.SAY_WAITING and not isinstance(error, ChatForbidden):
            self._words[invoice.chat_id] = 0  # no row's: nobody says it here any more
            log.info("word not said", **_of(invoice), reason=error.detail)
            return {"sending": ""}
        if isinstance(error, ChatBusy):
            return self._put_off(
                invoice, do, longest_s=1.0, at_least_s=min(error.retry_after_s, MAX_PAUSE_S)
            )
        if isinstance(error, MessageGone):
            return _gone(do, invoice)
        if isinstance(error, ChatForbidden):
            return await self._forbidden(do, invoice)
        if isinstance(error, ChatRefused):
            return self._refused(do, invoice, error)
        log.info("chat step put off", **_of(invoice), step=do, reason=error.detail)
        columns = self._put_off(invoice, do, longest_s=LONGEST_IN_CHAT_S)
        if isinstance(error, MaybeSent) and do in SENDS:
            columns["unsure"] = str(do)
        return columns

    async def _forbidden(self, do: Do, invoice: Invoice) -> Columns:
        if do is Do.TELL and (invoice.tell_to or invoice.held):
            return self._tell_further(invoice)
        log.info("chat on hold", chat=invoice.chat_id)
        await self._write(lambda tx: tx.set_forbidden(invoice.chat_id, True, self._clock()))
        self._chats.forbidden.add(invoice.chat_id)
        return {}

    @staticmethod
    def _elsewhere(invoice: Invoice) -> str:
        own_chat = invoice.asker_id in (invoice.chat_id, invoice.origin_chat_id)
        return "owners" if own_chat else "asker"

    def _refused(self, do: Do, invoice: Invoice, error: ChatRefused) -> Columns:
        """Telegram will never take this: once more as plain text, then not at all."""
        log.error("refused by Telegram", **_of(invoice), step=do, detail=error.detail)
        if do is Do.SEND_CARD and not invoice.plain:
            return {"plain": True}
        if do is Do.TELL:
            return self._tell_further(invoice)
        if do in (Do.SEND_CARD, Do.SEND_REQUEST):
            self._tell_owners(texts.owner_refused(invoice.id, error.detail))
            return {"unshowable": True, "cancel_wanted": True}
        return _gone(do, invoice)

    def _tell_further(self, invoice: Invoice) -> Columns:
        """Where a payment can't be told: to the asker in private, else to the owners."""
        if not invoice.tell_to and not invoice.held:
            return {"tell_to": self._elsewhere(invoice)}
        if (invoice.tell_to or self._elsewhere(invoice)) == "asker":
            return {"tell_to": "owners"}
        log.error("payment could not be told to anybody", **_of(invoice))
        return {"told": True}

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
            await self._write(lambda tx: tx.wake(self._clock()))
            self._words.clear()
            self.look_now()

    async def _follow(self) -> None:
        """Payments, as the node tells them, for as long as it does; then again."""
        attempts = 0
        loop = asyncio.get_running_loop()
        while True:
            await self._gate.opened()
            opened_at = loop.time()
            try:
                await self._follow_once()
                ended: NodeError = NodeStarting("The Lightning node is shutting down.")
            except NodeError as error:
                ended = error
            self._gate.shut(ended)
            attempts = 1 if loop.time() - opened_at > LOOK_AGAIN_S else attempts + 1
            await asyncio.sleep(pause_s(attempts, longest_s=LONGEST_AT_NODE_S))

    async def _follow_once(self) -> None:
        await self._identify()
        cursor = await self._cursor()
        looking = asyncio.ensure_future(self._look_twice())
        try:
            async for event in self._node.follow(cursor):
                if event.state == "settled":
                    cursor = max(cursor, event.settle_index)
                    await self._paid(event, cursor)
        finally:
            looking.cancel()

    async def _identify(self) -> None:
        """Whose invoices can be asked for now. A narrow macaroon can't tell: then any."""
        try:
            node_id = (await self._node.info()).identity_pubkey
        except PermissionMissing:
            return
        self._node_id = node_id
        aside = await self._write(lambda tx: tx.part_nodes(node_id, self._clock()))
        if aside:
            log.error("open invoices of another node", count=aside)
            self._tell_owners(texts.owner_foreign(aside))

    async def _cursor(self) -> int:
        """From where to replay settlements; 0 where the node counts anew."""
        node_id = self._node_id
        cursor, newest = await self._write(
            lambda tx: (tx.cursor(node_id), tx.newest_settled(node_id))
        )
        if newest is None:
            return cursor
        try:
            found = await self._node.lookup(newest.payment_hash)
        except InvoiceUnknown:
            found = None
        if found is not None and found.settle_index == newest.settle_index:
            return cursor
        log.warning("the node counts its payments anew", was=newest.settle_index)
        await self._write(lambda tx: tx.set_cursor(node_id, 0, self._clock()))
        return 0

    async def _paid(self, event: NodeInvoice, cursor: int) -> None:
        now = self._clock()

        def job(tx: Tx) -> Invoice | None:
            row_id = tx.settle(event.payment_hash, now=now, **_settled(event))
            tx.set_cursor(self._node_id, cursor, now)
            return None if row_id is None else tx.invoice(row_id)

        invoice = await self._write(job)
        if invoice is not None:
            log.info("paid", **_of(invoice), paid_msat=event.paid_msat)
            self.take(invoice.id, invoice.chat_id)

    async def _look_twice(self) -> None:
        """Look up what is open: what has no event, or had none that can be replayed."""
        for wait_s in (0.0, LOOK_AGAIN_S):
            await asyncio.sleep(wait_s)
            after_id = 0
            while page := await self._page(after_id):
                await asyncio.gather(*(self._look_up(row_id, hash_) for row_id, hash_ in page))
                after_id = page[-1][0]

    async def _page(self, after_id: int) -> list[tuple[int, bytes]]:
        return await self._write(lambda tx: tx.open_hashes(after_id, LOOK_PAGE))

    async def _look_up(self, row_id: int, payment_hash: bytes) -> None:
        async with self._behind:
            try:
                found: NodeInvoice | None = await self._node.lookup(payment_hash)
            except InvoiceUnknown:
                found = None
            except NodeError as error:
                log.debug("look-up failed", row=row_id, detail=error.detail)
                return  # the stream ends as well, and looks again when it is back
        now = self._clock()
        if found is not None and found.state == "settled":
            columns = _settled(found)
            await self._write(lambda tx: tx.settle(payment_hash, now=now, **columns))
        elif found is None or found.state == "canceled":
            await self._write(lambda tx: tx.close(row_id, now))
        else:
            return
        invoice = await self._write(lambda tx: tx.invoice(row_id))
        if invoice is not None:
            self.take(row_id, invoice.chat_id)

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


def _of(invoice: Invoice) -> dict[str, Any]:
    """What a log line says of a row."""
    return {"invoice": invoice.payment_hash[:4].hex(), "chat": invoice.chat_id}


def _settled(found: NodeInvoice) -> Columns:
    return {
        "state": State.SETTLED,
        "preimage": None,
        "paid_msat": found.paid_msat,
        "settle_index": found.settle_index,
        "settled_at": found.settled_at,
    }


def _gone(do: Do, invoice: Invoice) -> Columns:
    """A message that can't be edited any more: there is nothing left to keep true."""
    if do is Do.EDIT_CARD:
        if invoice.card_shown is Face.WAITING:  # only the word was removed: the card is still due
            return {"card_id": None, "card_shown": Face.NOTHING}
        return {"card_shown": invoice.face}
    if do is Do.EDIT_REQUEST:
        return {"request_shown": invoice.face}
    return {"stray_id": None}
