"""What the API starts.

    api (one_for_one)
    ├── api        the REST API
    └── metrics    Prometheus, on its own port

Five restarts in ten seconds each: a server that cannot be kept up that way will not be by trying harder, and whoever
stands above may start it afresh. Calls do not depend on either.
"""

from __future__ import annotations

from typing import Final

from mirliton.api.metrics import METRICS, MakeCollector, MetricsServer
from mirliton.api.server import API, ApiServer
from mirliton.config import Settings
from mirliton.runtime import Name
from mirliton.supervisors import ChildSpec, Tree, supervisor, worker

API_SUPERVISOR: Final = Name("supervisor", "api")
NODE_SUPERVISOR: Final = Name("supervisor", "mirliton")
"""The top of a node's own tree."""


def children(
    settings: Settings,
    roots: tuple[Name, ...] = (NODE_SUPERVISOR,),
    collectors: tuple[MakeCollector, ...] = (),
    *,
    rest: bool = True,
) -> list[ChildSpec]:
    """What the node's tree takes in: the tree below."""
    return [supervisor(tree(settings, roots, collectors, rest=rest))]


def tree(
    settings: Settings, roots: tuple[Name, ...], collectors: tuple[MakeCollector, ...] = (), *, rest: bool = True
) -> Tree:
    """The tree. `roots` are the supervisors that `/v2/supervision` starts from; `collectors` are more metrics. Without
    `rest` there is no REST API: another node has it."""
    servers = [worker(ApiServer, settings.api, roots, id="api", name=API)] if rest else []
    if settings.metrics.enabled:
        servers.append(worker(MetricsServer, settings.metrics, collectors, id="metrics", name=METRICS))
    return Tree("one_for_one", servers, intensity=5, period=10.0, name=API_SUPERVISOR)
