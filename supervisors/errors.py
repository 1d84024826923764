"""Every error of this package.

SupervisionFault
├── SpecError                 what was declared is wrong; `reason` is OTP's error term
│   ├── InvalidFlags          strategy, intensity, period or auto_shutdown
│   └── InvalidChildSpec      one child
├── RequestRefused            a supervisor answered a request with an error
├── NoSuchProcess             what an operator named is no process, or not only one
├── BadRequest                what came over the control socket makes no sense
└── ApplicationFault
    ├── ApplicationRefused    the application controller answered a request with an error
    ├── UnknownApplication    no application of that name was given to the controller
    └── UpgradeFailed         an application could not be upgraded, and runs on as it was
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


class NoSuchProcess(SupervisionFault):
    """What an operator called `process` is none, or one of the `found` that are called so."""

    def __init__(self, process: str, found: int = 0) -> None:
        super().__init__(f"{found or 'no'} process{'es are' if found else ' is'} called {process!r}")
        self.process = process
        self.found = found


class BadRequest(SupervisionFault):
    """A request over the control socket that cannot be understood; the text says what was expected."""


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


class UpgradeFailed(ApplicationFault):
    """A hot upgrade did not come about; everything is as it was before.

    `stage` says how far it came: "refused", "load", "plan", "suspend", "convert", "tree", "code_change", "children",
    "apply" or "internal". `where` is what failed: a module, class, process, child or function. `reason` says why.
    `application` is "" until the upgrade knows it.
    """

    def __init__(self, stage: str, where: object, reason: object, application: str = "") -> None:
        super().__init__(f"{stage} failed at {where}: {reason}")
        self.stage = stage
        self.where = str(where)
        self.reason = reason
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
        case ("bad_return", ((str(name), str(callback), list(arguments)), answer)):
            return f"{callback} of {name!r} {_called_with(arguments)}: {_badly(answer)}"
        case (inner, (str(name), "start" | "start_phase" as callback, list(arguments))):
            return f"{callback} of {name!r} {_called_with(arguments)}: {describe(inner)}"
        case "missing_id":
            return "a child spec needs an id"
        case "missing_start":
            return "a child spec needs a start"
        case _:
            return repr(reason)


def _called_with(arguments: list[object]) -> str:
    return f"({', '.join(map(repr, arguments))})"


def _badly(answer: object) -> str:
    match answer:
        case ("EXIT", reason):
            return f"raised {reason}"
        case _:
            return f"answered {answer!r}"
