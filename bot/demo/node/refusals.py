"""How the simulated node says no, to a client and to a payer. Knows LND's texts only as values."""

from __future__ import annotations


class Refusal(Exception):
    """A client's call is refused: LND's text, with the code NOT_FOUND or else UNKNOWN."""

    def __init__(self, text: str, *, not_found: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.not_found = not_found


class PaymentFailed(Exception):
    """A payment does not get through: the text that the payer reads."""
