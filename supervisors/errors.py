"""Every error of this package.

SupervisionFault
├── SpecError                 what was declared is wrong; `reason` is OTP's error term
│   ├── InvalidFlags          strategy, intensity, period or auto_shutdown
│   └── InvalidChildSpec      one child
├── RequestRefused            a supervisor answered a request with an error
└── ApplicationFault
    ├── ApplicationRefused    the application controller answered a request with an error
    └── UnknownApplication    no application of that name was given to the controller
"""

from __future__ import annotations


class SupervisionFault(Exception):
    """Base of all errors of supervision."""


class SpecError(SupervisionFault):
    """A tree or child spec that no supervisor would start. `reason` is the term OTP answers with."""

    def __init__(self, where: str, reason: object) -> None:
        super().__init__(f"{where}: {describe(reason)}")
        self.where = where
        self.reason = reason


class InvalidFlags(SpecError):
    """A supervisor's own settings are wrong."""


class InvalidChildSpec(SpecError):
    """A child spec is wrong."""


class RequestRefused(SupervisionFault):
    """A supervisor refused `request`; `reason` is OTP's error term (`"not_found"`, `"running"`, a start error ...)."""

    def __init__(self, supervisor: object, request: object, reason: object) -> None:
        super().__init__(f"{supervisor} refused {request!r}: {describe(reason)}")
        self.supervisor = supervisor
        self.request = request
        self.reason = reason


class ApplicationFault(SupervisionFault):
    """Base of what goes wrong with applications."""


class ApplicationRefused(ApplicationFault):
    """The application controller refused to start or stop `application`; `reason` is OTP's error term."""

    def __init__(self, application: str, reason: object) -> None:
        super().__init__(f"application {application!r}: {describe(reason)}")
        self.application = application
        self.reason = reason


class UnknownApplication(ApplicationFault):
    """The controller was given no application of this name."""

    def __init__(self, application: str) -> None:
        super().__init__(f"no application is called {application!r}")
        self.application = application


def describe(reason: object) -> str:
    """An error term in words where there are some, as it is otherwise."""
    match reason:
        case ("start_spec", inner):
            return f"child spec: {describe(inner)}"
        case ("supervisor_data", inner):
            return describe(inner)
        case ("duplicate_child_name", name):
            return f"two children have the id {name!r}"
        case ("bad_start_spec", specs):
            count = len(specs) if isinstance(specs, list | tuple) else repr(specs)
            return f"simple_one_for_one needs exactly one child spec as its template, not {count}"
        case ("bad_combination", pairs) if isinstance(pairs, list):
            return "not together: " + " and ".join(f"{key}={value!r}" for key, value in pairs)
        case (str(fault), value) if fault.startswith("invalid_"):
            return f"{fault.removeprefix('invalid_').replace('_', ' ')} {value!r} is not valid"
        case "missing_id":
            return "a child spec needs an id"
        case "missing_start":
            return "a child spec needs a start"
        case _:
            return repr(reason)
