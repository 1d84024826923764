"""`sup`: Kazoo's operator commands; the master account's administrators alone. Kazoo: cb_sup.

    GET sup/{module}                            the functions of a module, and what they take
    GET sup/{module}/{function}                 call one without arguments
    GET sup/{module}/{function}/{args}          or with one; several as further segments

A command that changes something is audited.
"""

from __future__ import annotations

from typing import Final

from mirliton.api import audit
from mirliton.api import sup as commands
from mirliton.api.context import Answer, Context, parameter
from mirliton.api.errors import BadIdentifier, InvalidData
from mirliton.api.routing import Route
from mirliton.api.sup import BadArguments, Sup, SupError, UnknownCommand

_NUMBERS: Final = tuple(f"arg{number}" for number in range(1, 7))


async def _functions(context: Context) -> Answer:
    try:
        found = commands.listed(parameter(context, "module"))
    except UnknownCommand as error:
        raise BadIdentifier(parameter(context, "module")) from error
    return Answer([{"function": one.function, "usage": one.usage, "help": one.help} for one in found])


async def _run(context: Context) -> Answer:
    module, function = parameter(context, "module"), parameter(context, "function")
    arguments = [context.parameters[name] for name in _NUMBERS if name in context.parameters]
    try:
        found = commands.find(module, function)
        found.bound(arguments)
    except UnknownCommand as error:
        raise BadIdentifier(f"{module} {function}") from error
    except BadArguments as error:
        raise InvalidData.of("args", "invalid", str(error)) from error
    if found.changes:
        await audit.note(context, "sup", module=module, function=function)
    services = context.services
    place = Sup(services.node, context.store, services.roots[0], through="api")
    try:
        return Answer(await commands.run(place, module, function, arguments))
    except SupError as error:
        raise InvalidData.of("args", "invalid", str(error)) from error


ROUTES: Final = (
    Route("sup/{module}", "sup", {"GET": _functions}, "master"),
    *(
        Route(
            "/".join(["sup/{module}/{function}", *map("{{{}}}".format, _NUMBERS[:count])]),
            "sup",
            {"GET": _run},
            "master",
        )
        for count in range(len(_NUMBERS) + 1)
    ),
)
