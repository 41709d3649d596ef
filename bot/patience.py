"""How long rows wait for the node, and which one gives its chat a word. Knows this process only."""

from __future__ import annotations

from dataclasses import replace

from bot.errors import AskedTooLongAgo, NodeError, NodeTimeout
from bot.invoice import TOO_LATE_S, WORD_AFTER_S, Invoice, State

#: Clocks that move apart by more were set, in seconds.
SET_S = 2.0


class Patience:
    """What a process knows of its rows, and what the rows don't say. Times in seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._taken: dict[int, float] = {}  # row → when it was taken up, on the steady clock
        self._words: dict[int, int] = {}  # chat → the row that gives it a word
        self._why: dict[int, NodeError] = {}  # row → what keeps it waiting
        self._too_late: set[int] = set()  # rows that were asked for long before they were taken up
        self._asked: dict[int, float] = {}  # question → how far the clocks were apart at first

    def seen(
        self,
        invoice: Invoice,
        *,
        now: float,
        steady_s: float,
        held: bool,
        is_free: bool,
        gate_is_open: bool,
        node_id: str,
    ) -> Invoice:
        """The row with what only this process knows.

        `steady_s` is read from a clock that nobody sets: a wall clock that is set must not use
        up anybody's patience, nor make a question old. `held`: its chat is on hold; `is_free`:
        nobody queues there. `node_id`: whose invoices can be asked for, "" where that is unknown.
        """
        taken_at, say_waiting = 0.0, False
        if invoice.state is State.ASKING:
            apart_s = now - steady_s
            set_by_s = apart_s - self._asked.setdefault(invoice.id, apart_s)
            if abs(set_by_s) > SET_S:
                # In whole seconds, so that the same moment is the same number each time.
                invoice = replace(invoice, asked_at=invoice.asked_at + round(set_by_s))
        else:
            self._asked.pop(invoice.id, None)
        if invoice.state is State.REQUESTED:
            if invoice.id not in self._taken and now - invoice.asked_at > TOO_LATE_S:
                self._too_late.add(invoice.id)
            waited_s = steady_s - self._taken.setdefault(invoice.id, steady_s)
            taken_at = now - waited_s
            if waited_s >= WORD_AFTER_S:
                speaker = self._words.setdefault(invoice.chat_id, invoice.id)
                # A word that has to wait would keep the row from the node meanwhile.
                say_waiting = speaker == invoice.id and is_free
        elif invoice.id in self._taken:
            del self._taken[invoice.id]
            self._why.pop(invoice.id, None)
            self._too_late.discard(invoice.id)
            if gate_is_open and self._words.get(invoice.chat_id) == invoice.id:
                del self._words[invoice.chat_id]
        return replace(
            invoice,
            taken_at=taken_at,
            say_waiting=say_waiting,
            patience_s=0.0 if invoice.id in self._too_late else self._patience_s,
            held=held,
            foreign=bool(node_id) and invoice.node_id not in ("", node_id),
        )

    def silence(self, chat_id: int) -> None:
        """Nobody gives this chat a word any more in this outage."""
        self._words[chat_id] = 0  # no row's

    def node_is_back(self) -> None:
        """The outage is over: the next one has words of its own."""
        self._words.clear()

    def explain(self, invoice: Invoice, why: NodeError) -> None:
        """What keeps the row waiting."""
        if invoice.id in self._taken:
            self._why[invoice.id] = why

    def reason(self, invoice: Invoice, gate: NodeError | None) -> NodeError:
        """The latest that is known of what keeps the row waiting; `gate`: why everybody waits."""
        if invoice.id in self._too_late:
            return AskedTooLongAgo()
        return gate or self._why.get(invoice.id, NodeTimeout())
