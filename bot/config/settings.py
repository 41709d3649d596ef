"""The settings' sections and keys, each with its default. Knows no file and no environment.

What is expected of a key is written for people in `bot.texts.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bot import logs
from bot.config.problems import Kind, in_file
from bot.config.values import (
    DAY_S,
    MAX_EXPIRY_S,
    MAX_SATS,
    MIN_PATIENCE_S,
    TELEGRAM,
    Amount,
    AnyCase,
    ChatIds,
    DatabaseUrl,
    HostPort,
    LndConnect,
    LndConnectUri,
    Password,
    Payee,
    Proxy,
    Rate,
    RateText,
    Token,
    UserIds,
    WebAddress,
    WebhookAddress,
    is_postgres,
    macaroon_bytes,
    read_file,
    seconds,
    with_password,
)
from bot.errors import ConfigError

#: As a file or the environment has them: section → key → value.
Raw = dict[str, Any]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _stripped(cls, value: object) -> object:
        """A space or a line's end around a value came with the copying; paths are none by now."""
        return value.strip() if isinstance(value, str) else value


class TelegramSettings(_Section):
    """[telegram]. The token is empty only where it was loaded without need of Telegram."""

    token: Token = SecretStr("")
    api_url: WebAddress = TELEGRAM
    #: Where Telegram delivers updates; None: the bot asks for them.
    webhook: WebhookAddress | None = None
    #: Where this process answers the webhook, behind a proxy that has its certificate.
    listen: HostPort = "127.0.0.1:8443"


class LndSettings(_Section):
    """[lnd]. Certificate and macaroon are read at each call: the owner can replace the files."""

    host: HostPort = "127.0.0.1:10009"
    tls_cert: Path | None = None
    macaroon: Path | None = None
    lndconnect: LndConnectUri | None = None
    proxy: Proxy | None = None
    private_route_hints: Annotated[Literal["auto"] | bool, AnyCase] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _host_of_lndconnect(cls, raw: Raw) -> Raw:
        uri = raw.get("lndconnect")
        uri = uri.get_secret_value() if isinstance(uri, SecretStr) else uri
        try:
            return raw | {"host": LndConnect.read(uri).host} if isinstance(uri, str) else raw
        except ValueError:
            return raw  # the key itself is refused, by its name

    @property
    def certificate_key(self) -> str:
        """The key that a pinned certificate comes from, or belongs in."""
        uri = self.lndconnect.get_secret_value() if self.lndconnect is not None else ""
        has_one = bool(uri) and LndConnect.read(uri).certificate is not None
        return "lnd.lndconnect" if has_one else "lnd.tls_cert"

    def certificate(self) -> bytes | None:
        """The node's certificate as PEM; None: the system's certificate authorities are asked.

        Raises ConfigError while the file cannot be read.
        """
        if self.lndconnect is not None and self.certificate_key == "lnd.lndconnect":
            return LndConnect.read(self.lndconnect.get_secret_value()).certificate
        if self.tls_cert is None:
            return None
        pem = read_file("lnd.tls_cert", self.tls_cert)
        if b"-----BEGIN CERTIFICATE-----" not in pem:
            raise ConfigError(in_file(Kind.FILE_NO_CERTIFICATE, "lnd.tls_cert", self.tls_cert))
        return pem

    def macaroon_hex(self) -> str:
        """The macaroon as hex, as LND wants it in the call's metadata; "" where none is set.

        Raises ConfigError while the file cannot be read.
        """
        hexed = ""
        if self.lndconnect is not None:
            uri = self.lndconnect.get_secret_value()
            logs.redact(uri)
            hexed = LndConnect.read(uri).macaroon_hex
        elif self.macaroon is not None:
            hexed = macaroon_bytes(read_file("lnd.macaroon", self.macaroon)).hex()
            if not hexed:
                raise ConfigError(in_file(Kind.FILE_EMPTY, "lnd.macaroon", self.macaroon))
        logs.redact(hexed)
        return hexed


class InvoicesSettings(_Section):
    """[invoices]. Amounts in satoshi, times in seconds."""

    expiry_s: Annotated[int, *seconds(1, MAX_EXPIRY_S)] = Field(default=3600, alias="expiry")
    #: How long a bill or a collection stays open.
    board_expiry_s: Annotated[int, *seconds(3600, 30 * DAY_S)] = Field(
        default=7 * DAY_S, alias="board_expiry"
    )
    patience_s: Annotated[int, *seconds(MIN_PATIENCE_S, 3600)] = Field(default=60, alias="patience")
    min_sats: Annotated[Amount, Field(ge=1, le=MAX_SATS)] = 1
    max_sats: Annotated[Amount, Field(ge=1, le=MAX_SATS)] = 1_000_000
    #: Whose node is paid, as cards name it; "": the node's own alias.
    payee: Payee = ""

    @property
    def range_sats(self) -> range:
        """What an invoice may have."""
        return range(self.min_sats, self.max_sats + 1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_sats > self.max_sats:
            limits = {"min_sats": self.min_sats, "max_sats": self.max_sats}
            raise PydanticCustomError(Kind.MIN_ABOVE_MAX.value, "above max_sats", limits)
        return self


class AccessSettings(_Section):
    """[access]. Telegram's ids of everyone who can ask."""

    owners: UserIds = frozenset()
    users: UserIds = frozenset()
    chats: ChatIds = frozenset()
    open: bool = False


class LimitsSettings(_Section):
    """[limits]."""

    invoices_per_user: RateText = Rate(10, 600)
    open_per_chat: Annotated[Amount, Field(ge=1, le=100_000)] = 50


class NoticesSettings(_Section):
    """[notices]. What the owners hear of in private: a key for each `core.occasions.Topic`."""

    payments: bool = True
    node: bool = True
    permissions: bool = True
    certificate: bool = True
    inbound: bool = True
    chain: bool = True
    other_node: bool = True
    other_bot: bool = True
    other_copy: bool = True
    webhook: bool = True
    rejected: bool = True
    stuck: bool = True
    database: bool = True


class DatabaseSettings(_Section):
    """[database]. `url` has no password in it where `load` has read it."""

    url: DatabaseUrl = "sqlite:///invoice-bot.db"
    password: Password = SecretStr("")
    keep_s: Annotated[int, *seconds(DAY_S, 36_500 * DAY_S)] = Field(
        default=90 * DAY_S, alias="keep"
    )

    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def is_shared(self) -> bool:
        """Whether it is a server's, so that several processes can have it open."""
        return is_postgres(self.url)

    @property
    def address(self) -> str:
        """What the store opens: it is a secret where it has a password in it."""
        password = self.password.get_secret_value()
        if not self.is_shared or not password:
            return self.url
        address = with_password(self.url, password)
        logs.redact(address)
        return address

    @property
    def file(self) -> Path:
        """The database's file; of a server's the name beside which the small files are."""
        if self.is_shared:
            return self._folder / "invoice-bot.db"
        return Path(self.url.removeprefix("sqlite:///"))


class HealthSettings(_Section):
    """[health]. Where /healthz, /readyz and /metrics are answered; None: nowhere."""

    listen: HostPort | None = None


class LogSettings(_Section):
    """[log]."""

    level: Annotated[logs.Level, AnyCase] = "info"
    format: Annotated[logs.Format, AnyCase] = "text"


class Settings(_Section):
    """All of them, checked and frozen. Only `load` reads a file and the environment."""

    telegram: TelegramSettings = TelegramSettings()
    lnd: LndSettings = LndSettings()
    invoices: InvoicesSettings = InvoicesSettings()
    access: AccessSettings = AccessSettings()
    limits: LimitsSettings = LimitsSettings()
    notices: NoticesSettings = NoticesSettings()
    database: DatabaseSettings = DatabaseSettings()
    health: HealthSettings = HealthSettings()
    log: LogSettings = LogSettings()

    _secret_files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @property
    def secret_files(self) -> Mapping[str, Path]:
        """The files that secrets were read from, by their key; "" is the settings' own file."""
        return self._secret_files


def changed_sections(before: Settings, after: Settings) -> list[str]:
    """The names of the sections that are not the same in both."""
    return [name for name in Settings.model_fields if getattr(before, name) != getattr(after, name)]
