"""How the parts fit together: built from the ground up, run side by side, closed in reverse order.

Knows every part's constructor, and the menu of commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from telegram.error import InvalidToken, TelegramError

from bot import __version__, logs, texts
from bot.access import Access
from bot.actions import Actions, BoardActions, Grants, Knocks, Ledger, claims, seats
from bot.aside import aside
from bot.chat.admission import Admission
from bot.chat.ages import Ages
from bot.chat.boards import Boards as ShownBoards
from bot.chat.cards import Cards
from bot.chat.chats import Chats
from bot.chat.client import TelegramBot, make_bot
from bot.chat.commands.about import About
from bot.chat.commands.boards import Boards
from bot.chat.commands.claims import Claims
from bot.chat.commands.export import Export
from bot.chat.commands.grants import GrantCommands
from bot.chat.commands.invoices import Invoices
from bot.chat.commands.knocks import KnockPresses
from bot.chat.commands.listing import Listing
from bot.chat.commands.status import Status
from bot.chat.faults import Faults
from bot.chat.handling import Handling, made_application
from bot.chat.inbox import Inbox
from bot.chat.intake import Intake
from bot.chat.invitations import Invitations
from bot.chat.knocks import KnockChats
from bot.chat.membership import Membership
from bot.chat.menus import Menus
from bot.chat.notices import Notices
from bot.chat.owners import Outage, OwnerChats
from bot.chat.presses import Presses
from bot.chat.replies import Replies
from bot.chat.targets import Targets
from bot.chat.updates import PtbApplication
from bot.check import diagnose
from bot.clock import Clock, steady
from bot.config import Settings, changed_sections, differing, marks
from bot.core.invoice import Invoice
from bot.core.notices import Kind, Notice
from bot.core.occasions import Topic
from bot.engine.boards import BoardWorker
from bot.engine.hands import Hands
from bot.engine.patience import Patience
from bot.engine.worker import Worker
from bot.errors import InvoiceBotError, LinkInTheWay, StoreUnavailable, TermLost, TokenRefused
from bot.findings import Kind as Found
from bot.findings import Mark
from bot.metrics import METER, Role
from bot.node.check import check_macaroon
from bot.node.client import Node
from bot.node.gate import Gate
from bot.node.identity import Identity
from bot.node.invoices import NodeInvoices
from bot.node.watch import Watch
from bot.occasions import Occasions
from bot.pauses import Holds, pause_s, seconds_left, unless
from bot.places import Places
from bot.store import UNINVITED, Bell, Said, Store, Tx, alive_file, beside, say_alive
from bot.supervisor import Supervisor

if TYPE_CHECKING:
    from bot.chat.registration import Registration
    from bot.health import Readings
    from bot.listener import Listener

log = logs.get(__name__)

#: Seconds from a stop on that messages and steps under way get, those of the updates before them
#: included; and what they get in any case.
STOP_S, LEAST_STOP_S = 2.0, 0.5
#: Answers of Telegram's after which a start believes that the token is wrong.
REJECTIONS = 3
HEARTBEAT_S = 10.0
#: Seconds after which a process that has no turn yet says that it waits.
AT_ONCE_S = 0.5
#: Seconds after which a start is over though Telegram has not answered: it is waited for all day.
READY_AT_LATEST_S = 60.0
TIDY_S = 3600.0
#: Seconds for which another bot's updates stay in the inbox: Telegram keeps none for longer.
KEPT_S = 86_400.0
#: Seconds without an answer of Telegram's after which it is asked something, where somebody reads
#: how this process is: more than a poll takes.
QUIET_S = 56.0
#: Sections of the settings that count at once when they are reloaded; all others at a restart.
RELOADED = ("access", "limits")
#: Rows that are removed at once, and the seconds between.
PRUNE = 500
#: Boards, each with its parts.
PRUNE_BOARDS = 5
PRUNE_PAUSE_S = 0.1


class Reloads:
    """`read` gives the settings as they are now, or raises `InvoiceBotError`; when `wanted`."""

    def __init__(self, read: Callable[[], Settings]) -> None:
        self.read = read
        self.wanted = asyncio.Event()
        #: The sections that were read since the start, and count for each turn of this process.
        self.fresh: dict[str, object] = {}


class _Stopped(Exception):
    """The bot was asked to stop."""


class _Lasting(NamedTuple):
    """What outlasts the turns of a process."""

    reloads: Reloads
    outage: Outage
    health: Readings | None


async def run(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    stop: asyncio.Event | None = None,
    reloads: Reloads | None = None,
) -> None:
    """Run the bot until `stop` is set.

    `clock` is the host's, in Unix seconds; `reloads`: how the settings are read again. Of several
    processes on one server's database one acts: each waits for its turn, and once more where it has
    lost it. Raises `StartError`: the database cannot be used, or Telegram rejects the token. A node
    that is away is waited for.
    """
    stop = stop or asyncio.Event()
    logs.redact(settings.telegram.token.get_secret_value())
    beside.refuse_link(alive_file(settings.database.file))
    reloads, outage = reloads or Reloads(lambda: settings), Outage()
    METER.role = Role.STARTING
    async with contextlib.AsyncExitStack() as closing:
        health = await _health(settings.health.listen, closing)
        async with unless(stop):
            store = await Store.open(settings.database.address)
            closing.push_async_callback(store.close)
        if stop.is_set():
            log.info("stopped while the database was opened")
            return
        if health is not None:
            health.fence, health.is_cut_off = store.fence, lambda: store.is_cut_off
        if settings.telegram.webhook is not None:
            listener = _listener(settings, store, clock)
            closing.push_async_callback(listener.close)
            await listener.open()
        hurrying = asyncio.ensure_future(_hurry(store, stop))
        closing.callback(hurrying.cancel)
        lasting = _Lasting(reloads, outage, health)
        while True:
            try:
                await _take_turn(settings, store, stop, clock, lasting)
            except StoreUnavailable as error:  # another process acts, or the server was just away
                if not store.is_shared:
                    raise
                log.warning("everything is closed, and waits for its turn", detail=error.detail)
            else:
                return


async def _hurry(store: Store, stop: asyncio.Event) -> None:
    """Nothing that is under way at the stop waits for another program."""
    await stop.wait()
    store.hurry()


async def _take_turn(
    settings: Settings,
    store: Store,
    stop: asyncio.Event,
    clock: Callable[[], float],
    lasting: _Lasting,
) -> None:
    """Everything made, then the wait for this process's turn, then the bot itself.

    Raises `TermLost` once another process acts.
    """
    async with contextlib.AsyncExitStack() as closing:
        telegram_bot = make_bot(settings.telegram, store.fence)
        node = Node(settings.lnd, store.fence)
        closing.push_async_callback(node.close)
        application = made_application(telegram_bot)
        now = settings.model_copy(update=lasting.reloads.fresh)
        parts = Parts(
            now, store, telegram_bot, node, application, clock=Clock(clock), outage=lasting.outage
        )
        closing.push_async_callback(telegram_bot.shutdown)
        if (health := lasting.health) is not None:
            health.queues = parts.queues
            health.is_gate_open = lambda: parts.gate.is_open
        running = _Run(settings, parts, host_clock=clock, reloads=lasting.reloads)
        if await running.has_turn(stop):
            await running.until(stop)


async def _health(address: str | None, closing: contextlib.AsyncExitStack) -> Readings | None:
    """Answer how this process is at `address`, from before the database is opened to the end.

    Raises `AddressInUse` or `AddressUnusable`.
    """
    if address is None:
        return None
    # what it needs takes time and memory, and hardly anybody has use for it
    from bot.health import Health, Readings  # noqa: PLC0415

    readings = Readings(meter=METER)
    health = Health(address, readings)
    await health.open()
    closing.push_async_callback(health.close)
    log.info("health and metrics are served", at=address)
    return readings


class Parts:
    """The parts of one process, each made of those before it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        telegram_bot: TelegramBot,
        node: Node,
        application: PtbApplication,
        *,
        clock: Clock,
        outage: Outage,
    ) -> None:
        self.store = store
        self.telegram_bot = telegram_bot
        self.application = application
        self.clock = clock
        #: Since when this process runs, in Unix seconds.
        self.started_at = clock()
        self.bell = Bell()
        self.holds = Holds(clock)
        self.places = Places(store, clock, self.bell)
        self.occasions = Occasions(store, clock)
        self.access = Access(settings.access, settings.limits)
        self.knocks = Knocks(store=store, access=self.access, places=self.places, clock=clock)
        self.grants = Grants(
            store=store,
            access=self.access,
            places=self.places,
            knocks=self.knocks,
            clock=clock,
            bell=self.bell,
        )
        self.chats = Chats(telegram_bot, partial(self.places.moved, must=False))
        self.knock_chats = KnockChats(self.chats, self.knocks, self.places)
        self.menus = Menus(telegram_bot, self.access, store)
        self.ages = Ages(clock)
        self._node_and_engine(settings, node, outage)
        self._conversation(settings)

    def _node_and_engine(self, settings: Settings, node: Node, outage: Outage) -> None:
        """Rows → node and chat."""
        topics = [topic for topic in Topic if getattr(settings.notices, topic)]
        owners = self.owners = OwnerChats(self.chats, self.access, topics=topics, outage=outage)
        self.notices = Notices(
            store=self.store,
            occasions=self.occasions,
            chats=self.chats,
            owners=owners,
            places=self.places,
            clock=self.clock,
        )
        gate, identity = Gate(node), Identity()
        self.gate = gate
        at_node = self.at_node = NodeInvoices(node, gate, identity, self.clock)
        self.watch = Watch(
            node=node,
            gate=gate,
            identity=identity,
            invoices=at_node,
            store=self.store,
            bell=self.bell,
            occasions=self.occasions,
            max_msat=1000 * settings.invoices.max_sats,
            clock=self.clock,
        )
        patience = Patience(settings.invoices.patience_s)
        worker = Worker(
            store=self.store,
            gate=gate,
            identity=identity,
            at_node=at_node,
            cards=Cards(
                self.chats,
                self.store,
                access=self.access,
                payee=partial(_payee, settings.invoices.payee, identity),
                within=settings.invoices.range_sats,
            ),
            chats=self.chats,
            places=self.places,
            owners=owners,
            occasions=self.occasions,
            patience=patience,
            bell=self.bell,
            clock=self.clock,
        )
        boards = BoardWorker(
            store=self.store,
            shows=ShownBoards(
                self.chats,
                access=self.access,
                payee=lambda: settings.invoices.payee or identity.alias,
                network=lambda: identity.network,
            ),
            places=self.places,
            occasions=self.occasions,
            patience=patience,
            bell=self.bell,
            clock=self.clock,
            holds=self.holds,
            surely_at=self.ages.earliest_now,
        )
        self.hands = Hands(
            store=self.store,
            bell=self.bell,
            gate=gate,
            worker=worker,
            boards=boards,
            clock=self.clock,
        )

    @property
    def queues(self) -> dict[str, Callable[[], int]]:
        """How many wait in each queue, or are in hand; any thread can ask.

        What waits in the inbox waits for the active process, which alone counts it.
        """
        fence = self.store.fence
        return {
            "turns": lambda: self.chats.waiting,
            "hands": lambda: self.hands.busy,
            "store": lambda: self.store.waiting,
            "inbox": lambda: self.inbox.waiting if fence.is_open() else 0,
        }

    def _conversation(self, settings: Settings) -> None:
        """Updates → rows and replies. A family of commands is a line of the list at the end."""
        replies = Replies(self.chats, folder=settings.database.file.absolute().parent)
        ledger = Ledger(store=self.store, access=self.access, clock=self.clock)
        faults = Faults(access=self.access, places=self.places, replies=replies)
        ages = self.ages
        handling = Handling(self.telegram_bot, self.application, on_bug=faults.apologize)
        self.inbox = Inbox(
            self.store,
            handling,
            bot_id=_bot_id(settings),
            ages=ages,
            told=lambda: self.telegram_bot.told_lately,
        )
        on_rival = partial(self.occasions.notify, Notice(Kind.OTHER_COPY))
        self.intake: Intake | Registration
        if settings.telegram.webhook is None:
            self.intake = Intake(self.telegram_bot, handling, on_rival=on_rival, ages=ages)
        else:
            self.intake = _registration(
                settings,
                self.telegram_bot,
                on_complete=self.inbox.complete,
                occasions=self.occasions,
            )
        actions = Actions(
            store=self.store,
            access=self.access,
            places=self.places,
            settings=settings.invoices,
            clock=self.clock,
            bell=self.bell,
        )
        boards = BoardActions(
            store=self.store,
            access=self.access,
            places=self.places,
            settings=settings.invoices,
            clock=self.clock,
            bell=self.bell,
            holds=self.holds,
        )
        targets = Targets(actions, self.places, settings.invoices.range_sats)
        admission = Admission(
            store=self.store,
            access=self.access,
            places=self.places,
            knocks=self.knocks,
            clock=self.clock,
            ages=ages,
        )
        self.invitations = Invitations(
            store=self.store,
            access=self.access,
            places=self.places,
            knocks=self.knocks,
            chats=self.chats,
            clock=self.clock,
        )
        for family in (
            Membership(places=self.places, chats=self.chats),
            self.invitations,
            Claims(grants=self.grants, admission=admission, replies=replies),
            GrantCommands(
                grants=self.grants,
                access=self.access,
                admission=admission,
                places=self.places,
                replies=replies,
                telegram_bot=self.telegram_bot,
            ),
            KnockPresses(
                grants=self.grants, knocks=self.knocks, access=self.access, replies=replies
            ),
            Invoices(
                actions=actions,
                boards=boards,
                node=self.at_node,
                admission=admission,
                places=self.places,
                replies=replies,
                targets=targets,
                telegram_bot=self.telegram_bot,
            ),
            Status(
                node=self.watch,
                ledger=ledger,
                admission=admission,
                replies=replies,
                macaroon=partial(check_macaroon, settings.lnd),
                clock=self.clock,
                started_at=self.started_at,
            ),
            Export(ledger=ledger, admission=admission, replies=replies),
            Listing(ledger=ledger, admission=admission, places=self.places, replies=replies),
            Boards(
                actions=boards,
                node=self.at_node,
                admission=admission,
                places=self.places,
                replies=replies,
                targets=targets,
                telegram_bot=self.telegram_bot,
            ),
            Presses(
                actions=actions,
                boards=boards,
                node=self.at_node,
                targets=targets,
                replies=replies,
            ),
            # the last: it takes what no other family does
            About(
                access=self.access,
                admission=admission,
                replies=replies,
                telegram_bot=self.telegram_bot,
            ),
        ):
            family.register(self.application)


class _Run:
    """One run of the parts, from the start to an orderly end."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        *,
        host_clock: Callable[[], float],
        reloads: Reloads,
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._host_clock = host_clock
        self._reloads = reloads
        self._others = ""  # what of another process's settings was logged as not the same
        self._marks = ""  # what of these settings is written
        self._may_send = asyncio.Event()
        self._is_serving = asyncio.Event()
        self._offered = ""  # the code that was printed
        self._supervisor = Supervisor()
        self._logged_in = asyncio.Event()

    async def has_turn(self, stop: asyncio.Event) -> bool:
        """Wait until this process is the one that acts; False where `stop` is set before.

        A process that waits is alive and well, and says so.
        """
        store = self._parts.store
        METER.term = 0
        METER.role = Role.WAITING if store.is_shared else Role.STARTING
        turn = asyncio.ensure_future(store.lead(stop))
        try:
            if not (await asyncio.wait({turn}, timeout=AT_ONCE_S))[0]:
                log.info("ready: another process is the active one")
                self._supervisor.status(texts.READY)
                self._supervisor.ready()
                async with asyncio.TaskGroup() as tasks:
                    waits = (self._signs(), self._wait(), self._reload())
                    beside_it = [tasks.create_task(each) for each in waits]
                    await asyncio.wait({turn})  # what it raises is raised below
                    for task in beside_it:
                        task.cancel()
            return await turn
        finally:
            turn.cancel()

    async def _wait(self) -> None:
        """The same file as `_heartbeat` touches, while the database answers."""
        while True:
            with contextlib.suppress(StoreUnavailable, OSError, LinkInTheWay):
                self._compare(await self._parts.store.do_anywhere(_said))
                self._say_alive()
            await asyncio.sleep(HEARTBEAT_S)

    async def until(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises `TermLost` or `TokenRefused`."""
        places = self._parts.places
        async with unless(stop):  # the database may be away just now
            await self._parts.store.fence.passed()  # what the one before has to say is there then
            await self._parts.grants.load()
            await self._settle_doubts()
            await places.load()
            await self._parts.occasions.load()
        if stop.is_set():
            return
        if places.bot_id in (0, _bot_id(self._settings)):
            self._may_send.set()
        METER.role, METER.term = Role.ACTIVE, self._parts.store.term
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._parts.store.until_lost())
                tasks.create_task(self._serve(stop))
                beside = (
                    self._work(),
                    self._notify(),
                    self._parts.occasions.run(),
                    self._parts.watch.run(),
                    self._check(),
                    self._heartbeat(),
                    self._report(),
                    self._tidy(),
                    self._follow_access(),
                    self._show_knocks(),
                    self._reload(),
                )
                for work in beside:
                    tasks.create_task(self._beside(work))
                if self._settings.health.listen is not None:
                    tasks.create_task(self._hear())
                    tasks.create_task(self._count_inbox())
        except* _Stopped:
            pass
        except* TokenRefused as refused:
            raise _first(refused) from None
        except* TermLost:
            raise TermLost from None
        log.info("stopped")

    async def _settle_doubts(self) -> None:
        """Where the database lacks commits, messages to come say that they may be duplicates."""
        store = self._parts.store
        if not store.is_shared:
            return
        rows = await store.must(_settle, self._parts.access.owners, self._parts.clock())
        if rows is not None:
            log.warning(
                "the database lacks commits: messages to come say that they may be duplicates",
                rows=rows,
            )

    async def _beside(self, work: Awaitable[None]) -> None:
        """While the bot stops, what the database does not take is left to the next start."""
        try:
            await work
        except* TermLost:
            raise
        except* StoreUnavailable:
            if self._parts.store.is_trying:
                raise
            log.warning("the stop leaves something unwritten, which the next start sees to")

    async def _serve(self, stop: asyncio.Event) -> None:
        """Updates, until it is time to stop; then an orderly end for what they began."""
        parts = self._parts
        async with seconds_left(stop, STOP_S, least_s=LEAST_STOP_S) as left_s:
            try:
                if await self._log_in(stop):
                    async with unless(stop):  # the database may take nothing now
                        await self._take_over()
                    parts.chats.post(parts.menus.set_general())
                    self._is_serving.set()
                    await self._receive(stop)
            finally:
                log.info("stopping")
                METER.role = Role.STOPPING
                self._supervisor.stopping()
                self._supervisor.status(texts.STOPPING)
                within_s = left_s()
                await asyncio.gather(
                    parts.hands.stop(timeout_s=within_s), parts.chats.close(timeout_s=within_s)
                )
        raise _Stopped

    async def _receive(self, stop: asyncio.Event) -> None:
        """Updates, however they come. What a webhook has left behind comes first."""
        parts = self._parts
        if isinstance(parts.intake, Intake):
            await parts.inbox.drain(stop)
            for kind in (Kind.WEBHOOK_REFUSED, Kind.WEBHOOK_FAILS):  # there is none now
                parts.occasions.over(kind)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(parts.inbox.run(stop))
            tasks.create_task(parts.intake.run(stop))

    async def _log_in(self, stop: asyncio.Event) -> bool:
        """Ask Telegram who this bot is, until it answers. Raises `TokenRefused`."""
        attempts = rejections = 0
        while not stop.is_set():
            attempts += 1
            try:
                async with unless(stop):
                    await self._parts.application.initialize()
            except InvalidToken as error:
                # once may be a slip of Telegram's, and what needs fixing is not started again
                rejections += 1
                if rejections == REJECTIONS:
                    raise TokenRefused from error
            except TelegramError as error:
                if attempts == 1:
                    log.warning("Telegram can't be reached", detail=error.message)
                    self._supervisor.status(texts.WAITING_FOR_TELEGRAM)
            except (AttributeError, KeyError, TypeError) as error:  # no user in its answer
                if attempts == 1:
                    log.warning("unreadable answer from Telegram", detail=repr(error))
            else:
                if not stop.is_set():
                    log.info("running", bot=self._parts.telegram_bot.username)
                    self._supervisor.status(texts.running_as(self._parts.telegram_bot.username))
                    self._logged_in.set()
                    return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s(attempts, longest_s=10.0)):
                    await stop.wait()
        return False

    async def _take_over(self) -> None:
        """Serve the chats, which another bot may have served before."""
        parts = self._parts
        before, now = parts.places.bot_id, parts.telegram_bot.id
        await parts.places.serve(now)
        self._may_send.set()
        if before not in (0, now):
            log.warning("another bot's database: its open invoices are sent again", was=before)
            parts.occasions.changed.set()

    async def _work(self) -> None:
        """The rows, once no other bot's messages are taken for this one's."""
        await self._may_send.wait()
        await self._parts.hands.run()

    async def _notify(self) -> None:
        """The owners, likewise."""
        await self._may_send.wait()
        await self._parts.notices.run()

    async def _show_knocks(self) -> None:
        """Who asks to be let in, once Telegram has said who this bot is: texts name it."""
        await self._is_serving.wait()
        await self._parts.knock_chats.run()

    async def _follow_access(self) -> None:
        """What goes by who the owners are: the claim link while there are none, and their menus."""
        await self._is_serving.wait()
        parts = self._parts
        attempts = 0
        while True:
            parts.access.changed.clear()
            try:
                await self._offer()
                all_set = await parts.menus.set_owners(parts.clock())
            except StoreUnavailable:
                attempts += 1
                await asyncio.sleep(pause_s(attempts, longest_s=10.0))
            else:
                attempts = 0
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if all_set else TIDY_S):
                        await parts.access.changed.wait()

    async def _offer(self) -> None:
        """The claim link, once a process, where whoever runs the bot can read it.

        Its code is redacted only afterwards: that line is the one place where it is meant to be.
        Whoever reads this log reads the settings as well, and a code that was used opens nothing.
        """
        code = await self._parts.grants.claim_code()
        if code and code != self._offered:
            self._offered = code
            url = claims.link(self._parts.telegram_bot.username, code)
            log.error(texts.claim_link(url))  # whatever level is set, this has to be seen
            logs.redact(code)

    async def _reload(self) -> None:
        """[access] and [limits] of the settings, read again whenever that is wanted."""
        while True:
            await self._reloads.wanted.wait()
            self._reloads.wanted.clear()
            try:
                self._use(await aside(self._reloads.read))
            except asyncio.CancelledError:
                self._reloads.wanted.set()  # what comes after the wait, or the stop, reads them
                raise
            except InvoiceBotError as error:
                log.warning("settings not reloaded: all stays as it was", why=texts.why_here(error))
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001 -- a bug; no setting ends a bot that runs
                # what it says, and its traceback, may quote a secret
                log.error("settings not reloaded", why=type(error).__name__)  # noqa: TRY400

    def _use(self, fresh: Settings) -> None:
        """What was read, as far as it can count at once."""
        before = self._now
        self._parts.access.reload(fresh.access, fresh.limits)
        self._parts.knocks.rung.set()  # there may be other owners
        self._reloads.fresh = {name: getattr(fresh, name) for name in RELOADED}
        changed = changed_sections(before, fresh)
        live = [name for name in changed if name in RELOADED]
        log.info("settings reloaded", changed=", ".join(live) or "nothing")
        if rest := [name for name in changed if name not in RELOADED]:
            log.warning("settings that need a restart have changed", changed=", ".join(rest))

    @property
    def _now(self) -> Settings:
        """The settings, with what of them was read again."""
        return self._settings.model_copy(update=self._reloads.fresh)

    def _compare(self, said: Said | None) -> None:
        """Say where the active process has other settings than this one, which waits."""
        others = ", ".join(differing(marks(self._now), said.marks)) if said is not None else ""
        if said is not None and others and others != self._others:
            log.warning(
                "the active process has other settings than this one",
                active=said.holder,
                sections=others,
            )
        self._others = others

    async def _say_marks(self) -> None:
        """Where other processes can compare them. Raises `StoreUnavailable`."""
        now = marks(self._now)
        if self._parts.store.is_shared and now != self._marks:
            await self._parts.store.do(_marks, now)
            self._marks = now

    async def _check(self) -> None:
        """The findings of `check`, for the log."""
        await self._parts.store.fence.passed()
        granted = self._parts.access.now.granted
        began_at = steady()
        for finding in await diagnose(
            self._settings, clock=self._host_clock, in_use=True, granted=granted
        ):
            write = log.info if finding.mark is Mark.FINE else log.warning
            action = texts.cure(finding)
            write("check: " + texts.found(finding), **({"cure": action} if action else {}))
            if finding.kind is Found.OWNER_NOT_MET:
                owner = finding.values["user_id"]
                if isinstance(owner, int):  # else nobody would hear that nobody was asked
                    self._parts.places.not_met(owner, asked_at=began_at)

    async def _heartbeat(self) -> None:
        """A file that is touched while rows can be written, for a container's health check."""
        is_away, in_a_row = False, 0
        while True:
            try:
                await self._parts.store.beat(self._parts.clock())
                await self._say_marks()
            except StoreUnavailable as error:
                in_a_row = 0
                if not is_away:
                    is_away = True
                    log.warning("database cannot be written", detail=error.detail)
                    self._parts.owners.database_is_away(error.detail)
            else:
                in_a_row += 1
                if is_away or in_a_row > 1:  # by then it is so also where this turn is new
                    is_away = False
                    self._parts.owners.database_is_back()
                with contextlib.suppress(OSError, LinkInTheWay):  # then it is not healthy
                    self._say_alive()
            await asyncio.sleep(HEARTBEAT_S)

    def _say_alive(self) -> None:
        database = self._settings.database.file
        say_alive(database, version=__version__, started_at=self._parts.started_at)

    async def _report(self) -> None:
        """The service manager hears that the start is over, and from then on that all goes on."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_AT_LATEST_S):
                await self._logged_in.wait()
        self._supervisor.ready()
        await self._signs()

    async def _signs(self) -> None:
        while self._supervisor.sign_every_s:
            self._supervisor.sign_of_life()
            await asyncio.sleep(self._supervisor.sign_every_s)

    async def _hear(self) -> None:
        """Ask Telegram something where it said nothing for long, as a webhook lets it, or where a
        call failed, which may have been that one call's fault."""
        await self._is_serving.wait()
        while True:
            seen, now = METER.telegram, steady()
            if seen.age_s(now) >= QUIET_S or seen.fails_for_s(now) >= 0:
                with contextlib.suppress(TelegramError):
                    await self._parts.telegram_bot.get_me()
            await asyncio.sleep(QUIET_S / 4)

    async def _count_inbox(self) -> None:
        """See how many updates wait, for whoever reads how this process is."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self._parts.inbox.count()
            await asyncio.sleep(HEARTBEAT_S)

    async def _tidy(self) -> None:
        """Remove what was done long ago, a little at a time."""
        keep_s = self._settings.database.keep_s
        unheard = False  # what waits at Telegram since before the start may be of any chat
        while True:
            # A host's clock that is ahead must not remove what is new.
            while (now := self._parts.ages.earliest_now()) is None:  # noqa: ASYNC110
                await asyncio.sleep(1.0)
            with contextlib.suppress(StoreUnavailable):
                await self._prune(now, keep_s, unheard=unheard)
            await asyncio.sleep(TIDY_S)
            unheard = True
            with contextlib.suppress(StoreUnavailable):
                await self._parts.invitations.leave()

    async def _prune(self, now: float, keep_s: float, *, unheard: bool) -> None:
        store, before = self._parts.store, now - keep_s
        await store.do(_prune_hints, before)
        await store.do(_prune_inbox, self._parts.places.bot_id, now - KEPT_S)
        await store.do(seats.forget_presses, now)
        for prune, limit in ((_prune_boards, PRUNE_BOARDS), (_prune_rows, PRUNE)):
            removed = limit
            while removed == limit:
                removed = await store.do(prune, before, limit, unheard=unheard)
                await asyncio.sleep(PRUNE_PAUSE_S)


def _listener(settings: Settings, store: Store, clock: Callable[[], float]) -> Listener:
    """Where Telegram delivers, by any process whose store is open."""
    from bot.chat.webhook import Webhook  # noqa: PLC0415 -- aiohttp's server is only for this
    from bot.listener import Listener  # noqa: PLC0415

    telegram = settings.telegram
    webhook = Webhook(
        store,
        token=telegram.token.get_secret_value(),
        address=telegram.webhook or "",
        clock=clock,
    )
    listener = Listener()
    listener.add(telegram.listen, webhook.routes)
    return listener


def _registration(
    settings: Settings,
    telegram_bot: TelegramBot,
    *,
    on_complete: Callable[[float], object],
    occasions: Occasions,
) -> Registration:
    from bot.chat.registration import Registration  # noqa: PLC0415
    from bot.chat.webhook import secret_of  # noqa: PLC0415

    return Registration(
        telegram_bot,
        address=settings.telegram.webhook or "",
        secret=secret_of(settings.telegram.token.get_secret_value()),
        on_complete=on_complete,
        notify=occasions.notify,
        over=occasions.over,
    )


def _first(group: BaseException) -> BaseException:
    """The error itself, of however many groups."""
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _payee(setting: str, identity: Identity, row: Invoice) -> str:
    """Whose node a row's invoice pays: as the owner names it, else as the node calls itself."""
    return setting or ("" if identity.is_others(row) else identity.alias)


def _bot_id(settings: Settings) -> int:
    """The bot's id as its token says, before Telegram has confirmed it."""
    return int(settings.telegram.token.get_secret_value().partition(":")[0])


def _said(tx: Tx) -> Said | None:
    return tx.terms.said()


def _settle(tx: Tx, owners: frozenset[int], now: float) -> int | None:
    return tx.doubts.settle(owners, now)


def _marks(tx: Tx, marks: str) -> None:
    tx.terms.say(marks)


def _prune_hints(tx: Tx, before: float) -> None:
    tx.memory.prune_hints(before, but=[UNINVITED])
    tx.occasions.prune(before)


def _prune_inbox(tx: Tx, bot_id: int, before: float) -> None:
    tx.inbox.prune(bot_id, before)


def _prune_boards(tx: Tx, before: float, limit: int, *, unheard: bool) -> int:
    return tx.boards.prune(before, limit, unheard=unheard)


def _prune_rows(tx: Tx, before: float, limit: int, *, unheard: bool) -> int:
    return tx.agenda.prune(before, limit, unheard=unheard)
