"""Every setting, with its default, bounds and unit. `load` (in `loading`) makes a `Settings` from file and environment.

The defaults are those of `make run`: one node, everything below `var/`, all ports on 127.0.0.1, a simulated
switch and a demo account. Settings are read once, at start; a change takes effect at the next start.

Durations are seconds. Where a setting is one of Kazoo's (`system_config/ecallmgr`), it has Kazoo's name and
default, turned from milliseconds into seconds. `mirliton.toml` beside this file shows them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from mirliton.config.secret import Secret

APPS: Final = ("ecallmgr", "callflow", "cdr", "stepswitch", "hotornot", "acdc", "teletype", "hangups", "tasks", "api")
"""The applications that a node can run."""
_APP: Final = f"({'|'.join(APPS)})"
DEFAULT_SOCKET: Final = Path("control.sock")
LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a value must keep to besides its type. `low` and `high` are inclusive; `unit` names what they count."""

    low: float | None = None
    high: float | None = None
    unit: str = ""
    pattern: str | None = None
    wording: str = ""
    """Says what `pattern` asks for."""


def _setting(default: Any, **bounds: Any) -> Any:
    return field(default=default, metadata={"bounds": Bounds(**bounds)})


def _host(default: str) -> Any:
    return _setting(default, pattern=r"[A-Za-z0-9.:_-]{1,253}", wording="must be a host name or an IP address")


def _listening_port(default: int) -> Any:
    return _setting(default, low=0, high=65535, unit="0 takes any free port")


def _seconds(default: float, low: float, high: float) -> Any:
    return _setting(default, low=low, high=high, unit="seconds")


def _name(default: str) -> Any:
    return _setting(
        default,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(@[A-Za-z0-9._-]{1,189})?",
        wording="must be letters, digits, '.', '_' or '-', with an optional @host",
    )


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """The node: one OS process below its node supervisor."""

    name: str = _name("mirliton")
    """Appears in pids, logs and metrics; different on every node that shares a broker or a store."""
    apps: str = _setting(
        "",
        pattern=f"({_APP}([ ,]+{_APP}){{0,31}})?",
        wording=f"must be some of {', '.join(APPS)}, with spaces or commas between",
    )
    """The applications that it runs; empty: all. One that runs some needs a broker (`amqp.uri`) to reach the rest."""
    state_dir: Path = field(default=Path("var"))
    """Where everything that must outlive the process is kept; relative to the working directory. Created 0700."""
    shutdown_timeout: float = _seconds(30.0, 1, 3600)
    """How long the trees may take to shut down in order before the process ends regardless."""
    heartbeat_interval: float = _seconds(1.0, 0.05, 60)
    """How often the node tells its supervisor that its loop turns."""
    stall_timeout: float = _seconds(10.0, 1, 600)
    """Silence after which the node supervisor kills and restarts the node."""
    slow_handler: float = _seconds(0.1, 0.01, 60)
    """A handler that holds the event loop for so long is logged and counted, with its stack."""
    stalled_handler: float = _seconds(2.0, 0.05, 600)
    """A handler that holds the event loop for so long is ended: its process crashes and is restarted."""

    @property
    def all_apps(self) -> tuple[str, ...]:
        """What it runs."""
        chosen = self.apps.replace(",", " ").split()
        return tuple(app for app in APPS if app in chosen) if chosen else APPS


_AMQP_URI: Final = r"amqps?://[^\s@/]+@[A-Za-z0-9.:\[\]_-]{1,253}(/[^\s/?#]*)?"


@dataclass(frozen=True, slots=True)
class AmqpSettings:
    """The RabbitMQ over which nodes talk to one another; without a `uri` a node is alone. (Kazoo: `[amqp] uri`.)"""

    uri: Secret = field(
        default=Secret(""),
        metadata={
            "bounds": Bounds(
                pattern=rf"({_AMQP_URI}( +{_AMQP_URI}){{0,15}})?",
                wording="must be amqp(s)://user:password@host:port/vhost, or several with spaces between",
            )
        },
    )
    """The broker's nodes by preference; the next is tried when one is away. A secret, since it holds a password."""
    cookie: Secret = field(default=Secret(""))
    """What all nodes of a cluster know, 16 characters or more. It signs what they say; who has it may do everything."""
    old_cookie: Secret = field(default=Secret(""))
    """Accepted as well, while the cookie is being changed: node after node."""
    cafile: str = ""
    """Vouches for the broker, with amqps://; empty: what the system trusts."""
    certfile: str = ""
    """The certificate that this node shows the broker, with amqps://, where that asks for one."""
    keyfile: str = ""
    """Its key; empty: in the same file."""
    heartbeat: int = _setting(5, low=1, high=60, unit="seconds")
    """AMQP's own: the broker gives up a node that is silent for twice as long."""
    connect_timeout: float = _seconds(5.0, 0.1, 60)
    silence: float = _seconds(4.0, 1, 60)
    """How long another node may be silent before it counts as down."""
    outbox: int = _setting(20_000, low=100, high=1_000_000, unit="messages")
    """What may wait for one other node; its senders are refused more."""

    @property
    def all_uris(self) -> tuple[str, ...]:
        """Each of `uri`."""
        return tuple(self.uri.reveal().split())


_ZONE: Final = r"[a-z0-9_-]{1,64}"


@dataclass(frozen=True, slots=True)
class ZoneSettings:
    """Places with a broker of their own, and the one of this node. (Kazoo: `[zone] name, amqp_uri`.)"""

    name: str = _setting("", pattern=f"({_ZONE})?", wording="must be small letters, digits, '_' or '-'")
    """Of this node's own, whose broker `amqp.uri` is; it is added to the node's name. Empty: there are no zones."""
    others: Secret = field(
        default=Secret(""),
        metadata={
            "bounds": Bounds(
                pattern=rf"({_ZONE}={_AMQP_URI}( +{_ZONE}={_AMQP_URI}){{0,63}})?",
                wording="must be zone=amqp(s)://user:password@host:port/vhost, or several with spaces between",
            )
        },
    )
    """The brokers of the others; a zone with several stands there several times. A secret, since it holds passwords."""

    @property
    def all_others(self) -> dict[str, tuple[str, ...]]:
        """The URIs of each other zone."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in self.others.reveal().split():
            zone, _, uri = entry.partition("=")
            found[zone] = (*found.get(zone, ()), uri)
        return found


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The REST API (Crossbar)."""

    host: str = _host(LOOPBACK)
    port: int = _listening_port(8000)
    max_body: int = _setting(8 * 1024 * 1024, low=1024, high=256 * 1024 * 1024, unit="bytes")
    """Largest request body; a larger one is answered with 413."""
    request_timeout: float = _seconds(30.0, 1, 600)
    token_lifetime: float = _seconds(3600.0, 60, 86400 * 30)
    """How long an authentication token is good for (Kazoo: 3600)."""
    page_size: int = _setting(50, low=1, high=10_000, unit="rows")
    """Rows of a listing when the request names no `page_size` (Kazoo: 50)."""
    login_secret: Secret = field(default=Secret(""))
    """By which users are found at login; the same on all nodes, and not in the store. Several with spaces between: the
    first is used, the others are still recognised. Empty: one is made and kept in the store."""
    bucket_tokens: int = _setting(10_000, low=0, high=10_000_000, unit="tokens; 0 sets no limit")
    """What a client of one address and account may ask at once; most requests cost 1, a login 35 (Kazoo: 100)."""
    bucket_fill: float = _setting(5000.0, low=0.01, high=1_000_000, unit="tokens per second")
    """How fast that comes back (Kazoo: 10). The defaults stop only a client that would take the node for itself."""
    trusted_proxies: str = _setting(
        "",
        pattern=r"([0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?( +|$))*",
        wording="must be addresses or networks like 10.0.0.0/8 with spaces between",
    )
    """Proxies whose `X-Forwarded-For` is believed."""
    schema_strict_validation: bool = False
    """Refuse text where a number or boolean is meant, instead of reading it as one."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Prometheus metrics, on a port of their own: whoever scrapes needs no access to the API, nor the reverse."""

    enabled: bool = True
    host: str = _host(LOOPBACK)
    port: int = _listening_port(9464)


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The control socket of the command line, and which of its powers are on at all."""

    socket: Path = field(default=DEFAULT_SOCKET)
    """Unix socket, mode 0600; relative to `node.state_dir`. Left at its default, that of a node with `node.apps` is
    called after the node: several may share a state directory."""
    allow_replace_state: bool = False
    """Whether `replace_state` may change the state of a running process."""


@dataclass(frozen=True, slots=True)
class ChaosSettings:
    """Killing and troubling by plan: `mirliton chaos`, and `/v2/supervision/chaos` of the API."""

    enabled: bool = False
    """Whether it may be done at all. Without it there is no process that could."""
    outside: str = ""
    """A TOML file: which host's programs, proxies and services plans over the API may trouble; empty: none."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The document store: embedded, or a CouchDB."""

    backend: Literal["sqlite", "couchdb"] = "sqlite"
    """"sqlite" needs nothing else; "couchdb" is shared by nodes of many hosts."""
    path: Path = field(default=Path("mirliton.db"))
    """The SQLite file; relative to `node.state_dir`. All nodes of one host may share it, over no network disk."""
    urls: str = _setting(
        "http://127.0.0.1:5984",
        pattern=r"https?://[A-Za-z0-9.:\[\]_-]{1,253}( +https?://[A-Za-z0-9.:\[\]_-]{1,253}){0,15}",
        wording="must be http(s)://host:port, or several with spaces between, without user and password",
    )
    """CouchDB's hosts in the order in which they are preferred; the next is asked when one is away."""
    user: str = _setting("", pattern=r"[^:\x00-\x1f\x7f]{0,128}", wording="must not hold a colon")
    password: Secret = field(default=Secret(""))
    keys: Secret = field(
        default=Secret(""),
        metadata={
            "bounds": Bounds(
                pattern=r"([a-z0-9]{1,16}:\S{32,}( +|$))*",
                wording="must be id:key, or several with spaces between, of 32 characters or more",
            )
        },
    )
    """Encrypt the secrets that must stay readable, such as SIP passwords; the same on all nodes. The first encrypts,
    all decrypt. Empty: SQLite has one in a file beside it, made when there is none; CouchDB has none, all is plain."""
    pool: int = _setting(32, low=1, high=1000, unit="connections")
    """Connections to CouchDB from one node."""

    @property
    def all_urls(self) -> tuple[str, ...]:
        """Each of `urls`."""
        return tuple(self.urls.split())


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """One FreeSWITCH, by its event socket."""

    name: str = _name("")
    host: str = _host(LOOPBACK)
    port: int = _setting(8021, low=1, high=65535)
    password: Secret = field(default=Secret(""))


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """The simulated switch: takes the place of FreeSWITCH in `make run`, tests and benchmarks."""

    enabled: bool = True
    name: str = _name("simulated")
    host: str = _host(LOOPBACK)
    port: int = _setting(8021, low=1, high=65535)
    """Of its own: the node must know where to connect to."""
    password: Secret = field(default=Secret("ClueCon"))


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """The edge: Kazoo's messages over AMQP, for SIP proxies and third parties. (Kazoo: [zone] name, amqp_uri.)"""

    amqp_uri: Secret = field(default=Secret(""))
    """RabbitMQ, as `amqp://user:password@host:port/vhost`. Of several, with spaces between, all are listened to, and
    what the edge has to say goes to the first that is there. Without one there is no edge."""
    zone: str = _setting("local", pattern=r"[A-Za-z0-9_-]{1,64}", wording="must be letters, digits, '_' or '-'")
    """The zone that nodes and proxies of one place have in common; proxies prefer switches of their own."""
    reconnect_first: float = _seconds(1.5, 0.01, 300)
    """Pause before the first new attempt to reach a broker; it doubles with each failure (Kazoo: 1.5)."""
    reconnect_most: float = _seconds(5.0, 0.01, 3600)
    """The longest such pause (Kazoo: 5)."""

    @property
    def all_uris(self) -> tuple[str, ...]:
        """Each of `amqp_uri`; they hold passwords."""
        return tuple(self.amqp_uri.reveal().split())


@dataclass(frozen=True, slots=True)
class LegRecordSettings:
    """The HTTP receiver of the record that a switch posts for each leg (mod_json_cdr)."""

    enabled: bool = True
    host: str = _host(LOOPBACK)
    port: int = _listening_port(8022)
    path: str = _setting("/leg-records", pattern=r"/[A-Za-z0-9._~/-]{0,127}", wording="must be a path like /name")
    username: str = _setting("mirliton", pattern=r"[^:\x00-\x1f\x7f]{0,64}", wording="must not hold a colon")
    password: Secret = field(default=Secret(""))
    """Basic authentication; without a password none is asked for, which only a loopback address allows."""
    max_body: int = _setting(1024 * 1024, low=16 * 1024, high=64 * 1024 * 1024, unit="bytes")


@dataclass(frozen=True, slots=True)
class XmlCurlSettings:
    """What switches may look up (mod_xml_curl), at the receiver of leg records and with its credentials."""

    enabled: bool = True
    """Whether anything is answered; a switch asks only when it is told to (config/freeswitch)."""
    path: str = _setting("/fetch", pattern=r"/[A-Za-z0-9._~/-]{0,127}", wording="must be a path like /name")


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Media that are no files of the switch."""

    speaker: str = _setting("espeak-ng", pattern=r"[A-Za-z0-9_./+-]{0,128}", wording="must be a program's name or path")
    """What speaks texts; empty: only the switch does. It takes espeak-ng's arguments `-v VOICE -w FILE --stdin`."""
    spoken: Path = field(default=Path("spoken"))
    """The folder of what was spoken; relative to `node.state_dir`."""
    spoken_most: int = _setting(256 * 1024 * 1024, low=1024 * 1024, high=1024**4, unit="bytes")
    """How much is kept there; what has not been heard for longest makes room."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The mail server. Names and defaults are Kazoo's (`system_config/smtp_client`), except that there is no relay."""

    relay: str = _setting("", pattern=r"[A-Za-z0-9.:_-]{0,253}", wording="must be a host name or an IP address")
    """Without one no mail is sent: what is to be sent stays in the store until there is."""
    port: int = _setting(25, low=1, high=65535)
    username: str = _setting("", pattern=r"[^\x00-\x1f\x7f]{0,254}", wording="must be one line")
    password: Secret = field(default=Secret(""))
    auth: Literal["never", "if_available", "always"] = "if_available"
    tls: Literal["never", "if_available", "always"] = "if_available"
    """STARTTLS."""
    use_ssl: bool = False
    """TLS from the first byte (port 465)."""
    send_timeout: float = _seconds(10.0, 0.1, 60)
    """Each answer of the mail server."""
    default_from: str = _setting(
        "no_reply@localhost", pattern=r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9.-]{1,189}", wording="must be a mail address"
    )
    """Whom mails are from whose template says nothing else."""


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """The demo account of `make run`."""

    enabled: bool = True
    """Whether a demo account is loaded into an empty store."""


@dataclass(frozen=True, slots=True)
class EcallmgrSettings:
    """How calls are handled on the switches. Names and defaults are Kazoo's, except `sip_interface`."""

    freeswitch_context: str = _setting("context_2", pattern=r"[A-Za-z0-9._-]{1,64}", wording="must be a name")
    """The dialplan context that parks our calls; other calls on the switch are left alone."""
    sip_interface: str = _setting("sipinterface_1", pattern=r"[A-Za-z0-9._-]{1,64}", wording="must be a name")
    """The SIP profile that calls to phones leave by, unless the device names its own."""
    default_ringback: str = _setting("%(2000,4000,440,480)", pattern=r"[^\r\n]{0,256}", wording="must be one line")
    default_recording_extension: Literal[".mp3", ".wav"] = ".mp3"
    record_sample_rate: int = _setting(8000, low=8000, high=48000, unit="Hz")
    record_stereo_sample_rate: int = _setting(16000, low=8000, high=48000, unit="Hz")
    node_down_grace_period: float = _seconds(10.0, 0, 3600)
    """How long a switch may be away before its channels are given up."""
    max_timeout_for_node_restart: float = _seconds(10.0, 0, 3600)
    """How long a call's command queue waits for a switch that is away."""
    max_channel_cleanup_timeout: float = _seconds(60.0, 1, 3600)
    """Pause between comparisons of the channel table with what the switch says."""
    max_channel_uptime: float = _seconds(0.0, 0, 86400 * 7)
    """Longest life of a channel; 0 sets no limit."""
    expires_deviation_time: float = _seconds(180.0, 0, 3600)
    """How much longer a registration is believed than it asked for."""
    user_cache_time: float = _seconds(3600.0, 0, 86400)
    fetch_timeout: float = _seconds(2.6, 0.1, 60)
    """How long a switch waits for what it looks up; where a call goes has `timeouts.route`."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds that keep one node standing under any load."""

    calls: int = _setting(2000, low=1, high=1_000_000, unit="calls")
    """Calls at once; beyond them new ones are refused with 503 and Retry-After."""
    call_delay: float = _seconds(0.2, 0.01, 60)
    """What a channel table may take to answer; where it takes longer for a second new calls are refused with 503."""
    mailbox: int = _setting(10_000, low=16, high=10_000_000, unit="messages")
    """Messages waiting for one process, where its mailbox is bounded and says nothing else."""
    dossiers: int = _setting(1000, low=1, high=1_000_000, unit="dossiers")
    """Crash dossiers kept; the oldest make room."""
    event_frame: int = _setting(16 * 1024 * 1024, low=64 * 1024, high=256 * 1024 * 1024, unit="bytes")
    """Largest frame taken from an event socket; a larger one ends the connection."""
    event_backlog: int = _setting(50_000, low=100, high=1_000_000, unit="events")
    """Events read from a switch and not yet handled; beyond them the connection is dropped and resynchronised."""


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """Deadlines; every wait has one."""

    call: float = _seconds(5.0, 0.1, 600)
    """A request from one process to another, where it names no other (OTP: 5)."""
    store: float = _seconds(5.0, 0.1, 600)
    """One operation of the store."""
    switch_connect: float = _seconds(5.0, 0.1, 300)
    """Connecting and logging in to a switch."""
    switch_command: float = _seconds(10.0, 0.1, 600)
    """The reply to one command on the event socket."""
    switch_silence: float = _seconds(60.0, 5, 3600)
    """Silence of a switch, heartbeats (every 20 s) included, after which its connection is made anew."""
    switch_reconnect_first: float = _seconds(1.0, 0.01, 300)
    """Pause before the first new attempt to reach a switch; it doubles with each failure."""
    switch_reconnect_most: float = _seconds(30.0, 0.01, 3600)
    """The longest such pause."""
    route: float = _seconds(3.0, 0.1, 60)
    """From a call's arrival to the decision where it goes (Kazoo: route_win within 3)."""


@dataclass(frozen=True, slots=True)
class EntitySettings:
    """Accounts, ledgers, conferences, queues and agents: each lives on one node of the cluster at a time."""

    shards: int = _setting(64, low=1, high=4096, unit="shards")
    """Into how many parts they are divided among the nodes: the same on all nodes, and for the life of the store."""
    lease: float = _seconds(3.0, 1, 60)
    """A node of whose broker nothing is heard for so long drops its entities; shorter than `amqp.heartbeat`."""
    give_back: float = _seconds(5.0, 0.5, 60)
    """How long an orderly hand-over of a part may take."""
    park_for: float = _seconds(10.0, 1, 600)
    """How long a message waits for an entity that no node has."""


@dataclass(frozen=True, slots=True)
class LoggingSettings:
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one node. Relative paths of `control` and `store` lie below `node.state_dir`."""

    node: NodeSettings = field(default_factory=NodeSettings)
    amqp: AmqpSettings = field(default_factory=AmqpSettings)
    zones: ZoneSettings = field(default_factory=ZoneSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    control: ControlSettings = field(default_factory=ControlSettings)
    chaos: ChaosSettings = field(default_factory=ChaosSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    switches: tuple[SwitchSettings, ...] = ()
    simulator: SimulatorSettings = field(default_factory=SimulatorSettings)
    edge: EdgeSettings = field(default_factory=EdgeSettings)
    leg_records: LegRecordSettings = field(default_factory=LegRecordSettings)
    xml_curl: XmlCurlSettings = field(default_factory=XmlCurlSettings)
    media: MediaSettings = field(default_factory=MediaSettings)
    smtp_client: SmtpSettings = field(default_factory=SmtpSettings)
    demo: DemoSettings = field(default_factory=DemoSettings)
    ecallmgr: EcallmgrSettings = field(default_factory=EcallmgrSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    timeouts: TimeoutSettings = field(default_factory=TimeoutSettings)
    entities: EntitySettings = field(default_factory=EntitySettings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)

    @property
    def control_socket(self) -> Path:
        """Where the control socket is, from the working directory."""
        own = self.node.apps and self.control.socket == DEFAULT_SOCKET
        return self.node.state_dir / (f"{self.node.name}.sock" if own else self.control.socket)

    @property
    def store_path(self) -> Path:
        """Where the store's file is, from the working directory."""
        return self.node.state_dir / self.store.path

    @property
    def node_name(self) -> str:
        """What the node is called in its cluster, with its zone: `whapps1@host+east`."""
        return f"{self.node.name}+{self.zones.name}" if self.zones.name else self.node.name

    @property
    def all_switches(self) -> tuple[SwitchSettings, ...]:
        """The switches to connect to: the configured ones, and the simulated one where it is enabled.

        With `simulator.port` 0 its entry has port 0 too: whoever starts the simulator puts in the port it got.
        """
        if not self.simulator.enabled:
            return self.switches
        own = self.simulator
        return (*self.switches, SwitchSettings(own.name, own.host, own.port, own.password))
