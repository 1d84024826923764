"""Settings, document schemas, and what operators copy. Imports nothing else of ours.

settings.py      every setting: default, bounds, unit        schemas/        Kazoo's document schemas
loading.py       from file and environment                   catalogue.py    reads them
values.py        one value: its type and bounds              validation.py   validate, conform
consistency.py   what must hold between settings             guard.py        is it JSON, is it bearable
secret.py        a text that never prints                    rules.py        errors in Crossbar's terms
display.py       settings as plain data                      filling.py      defaults
errors.py        this package's errors                       casting.py      values of nearly right type

host.py          the nodes of one host                       host_loading.py from a host file

mirliton.toml    an example with every setting               freeswitch/     configuration of a switch
host.toml        an example of a host file                   systemd/        a unit for `mirliton start`
prometheus/      alerting rules                              grafana/        a dashboard
"""

if __name__ != "mirliton.config":
    raise ImportError("import mirliton.config, not config: the bare name would give a second copy of every class")

from mirliton.config.catalogue import schema, schema_names
from mirliton.config.display import describe
from mirliton.config.errors import (
    ConfigError,
    InvalidDocument,
    SettingProblem,
    SettingsError,
    UnknownSchema,
    ValidationError,
    crossbar_body,
)
from mirliton.config.filling import defaults, with_defaults
from mirliton.config.host import Host, HostNode, HostSettings
from mirliton.config.host_loading import load_host
from mirliton.config.loading import load
from mirliton.config.secret import Secret
from mirliton.config.settings import (
    AmqpSettings,
    ApiSettings,
    ChaosSettings,
    ControlSettings,
    DemoSettings,
    EcallmgrSettings,
    EdgeSettings,
    EntitySettings,
    LegRecordSettings,
    LimitSettings,
    LoggingSettings,
    MediaSettings,
    MetricsSettings,
    NodeSettings,
    Settings,
    SimulatorSettings,
    SmtpSettings,
    StoreSettings,
    SwitchSettings,
    TimeoutSettings,
    XmlCurlSettings,
    ZoneSettings,
)
from mirliton.config.validation import Conformed, conform, is_private, public_fields, validate

__all__ = [
    "AmqpSettings",
    "ApiSettings",
    "ChaosSettings",
    "ConfigError",
    "Conformed",
    "ControlSettings",
    "DemoSettings",
    "EcallmgrSettings",
    "EdgeSettings",
    "EntitySettings",
    "Host",
    "HostNode",
    "HostSettings",
    "InvalidDocument",
    "LegRecordSettings",
    "LimitSettings",
    "LoggingSettings",
    "MediaSettings",
    "MetricsSettings",
    "NodeSettings",
    "Secret",
    "SettingProblem",
    "Settings",
    "SettingsError",
    "SimulatorSettings",
    "SmtpSettings",
    "StoreSettings",
    "SwitchSettings",
    "TimeoutSettings",
    "UnknownSchema",
    "ValidationError",
    "XmlCurlSettings",
    "ZoneSettings",
    "conform",
    "crossbar_body",
    "defaults",
    "describe",
    "is_private",
    "load",
    "load_host",
    "public_fields",
    "schema",
    "schema_names",
    "validate",
    "with_defaults",
]
