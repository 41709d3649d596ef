"""Questions at a terminal, and what happens where there is none. Knows no question."""

from __future__ import annotations

import contextlib
import select
import shutil
import sys
import termios
from collections.abc import Callable, Iterator
from typing import TextIO

import typer

from bot import logs
from bot.cli.common import FAILED, NEEDS_FIXING
from bot.texts import setup as texts

#: Seconds between two looks at what may arrive while a question is open: a signal, too, since one
#: that comes just before a read does not end it.
LOOK_S = 0.5
#: Letters of an answer from which on it is something else that was pasted, such as a secret.
LONG = 12
_NO = ("n", "no")
_YES = ("y", "yes")


class Stopped(Exception):
    """It goes no further: `sentence` says why, "" where the person at the terminal wants it so."""

    def __init__(self, sentence: str = "", *, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class Terminal:
    """Asks the person in front of it. With `yes`, what only wants a yes is not asked."""

    def __init__(self, *, yes: bool) -> None:
        self.is_there = _is_terminal(sys.stdin) and _is_terminal(sys.stdout)
        self._yes = yes

    def say(self, *lines: str) -> None:
        """Print what only somebody at the terminal needs."""
        if self.is_there:
            self.report(*lines)

    def report(self, *lines: str) -> None:
        """Print what was done."""
        for line in lines:
            typer.echo(logs.redacted(line))

    def erase(self, shown: str) -> None:
        """Take a secret that was typed where all can be seen off the screen again."""
        columns = shutil.get_terminal_size().columns or 80
        lines = -(-len(shown.rpartition("\n")[2]) // columns)
        typer.echo(f"\x1b[{lines}A\x1b[J", nl=False)

    def wrong(self, sentence: str, *, code: int = NEEDS_FIXING) -> None:
        """What was given does not do: it is asked for again. Without a terminal, raises Stopped."""
        if not self.is_there:
            raise Stopped(sentence, code=code)
        self.say(f"✗ {sentence}", "")

    def line(
        self,
        question: str,
        *,
        unasked: str,
        default: str = "",
        is_hidden: bool = False,
        until: Callable[[], bool] | None = None,
    ) -> str:
        """One line, without the spaces around it; hidden: nothing of it is shown.

        An empty one is the `default`, as is what nobody can be asked. Without one and without a
        terminal, raises Stopped with the sentence `unasked`. Ends early with "" once `until` is
        true. Raises EOFError where nobody writes more lines.
        """
        if not self.is_there and default:
            return default
        if not self.is_there:
            raise Stopped(texts.alone([unasked]), code=NEEDS_FIXING)
        typer.echo(question, nl=False)
        with _echo_off() if is_hidden else contextlib.nullcontext():
            try:
                written = _read(until)
            finally:
                if is_hidden:
                    typer.echo()
        return written.strip() or default

    def confirm(self, question: str, *, unasked: str, default: bool = True) -> bool:
        """Yes or no; Enter alone is the `default`."""
        return True if self._yes else self.asks(question, unasked=unasked, default=default)

    def asks(self, question: str, *, default: bool, unasked: str = "") -> bool:
        """The same, whatever was answered beforehand."""
        while True:
            shown = f"{question} [{'Y/n' if default else 'y/N'}] "
            answer = self.line(shown, unasked=unasked)
            if not answer:
                return default
            if answer.lower() in (*_YES, *_NO):
                return answer.lower() in _YES
            self.odd(shown + answer, answer, texts.YES_OR_NO)

    def odd(self, shown: str, answer: str, sentence: str) -> None:
        """An answer that is none: said so; a long one is taken off the screen."""
        if len(answer) > LONG:
            logs.redact(answer)
            self.erase(shown)
        self.say(sentence)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _read(until: Callable[[], bool] | None) -> str:
    while not select.select([sys.stdin], [], [], LOOK_S)[0]:
        if until is not None and until():
            typer.echo()
            return ""
    written = sys.stdin.readline()
    if not written:
        raise EOFError
    return written


@contextlib.contextmanager
def _echo_off() -> Iterator[None]:
    """A terminal shows what is typed unless it is asked not to; it forgets nothing typed before."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    hidden = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(descriptor, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
