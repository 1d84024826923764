"""The tree of a node of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mirliton.api.cli import joined, root
from mirliton.config import Settings, SettingsError, load
from mirliton.config.settings import APPS
from mirliton.runtime import Name, Node
from mirliton.supervisors import Tree

CLUSTER = {
    "MIRLITON_AMQP_URI": "amqp://user:password@broker/nodes",
    "MIRLITON_AMQP_COOKIE": "what all nodes know",
    "MIRLITON_EDGE_AMQP_URI": "amqp://user:password@broker/kazoo",
}


def settings(folder: Path, **more: str) -> Settings:
    return load(environment={"MIRLITON_NODE_STATE_DIR": str(folder), "MIRLITON_CHAOS_ENABLED": "true"} | more)


def names(tree: Tree) -> Iterator[Name]:
    """Of all that a tree starts, at whatever depth."""
    for child in tree.children:
        if isinstance(child.name, Name):
            yield child.name
        for argument in child.start.args if child.start is not None else ():
            if isinstance(argument, Tree):
                yield from names(argument)
            elif isinstance(argument, tuple):
                yield from names(Tree("one_for_one", [spec for spec in argument if hasattr(spec, "start")]))


def services(tree: Tree) -> set[Name]:
    return {name for name in names(tree) if name.kind in ("service", "switch")}


def test_a_node_of_a_cluster_with_all_applications_runs_what_a_lone_node_runs(tmp_path: Path) -> None:
    alone = services(root.tree(settings(tmp_path, MIRLITON_EDGE_AMQP_URI=CLUSTER["MIRLITON_EDGE_AMQP_URI"])))
    assert len(alone) > 12
    found = services(joined.tree(settings(tmp_path, **CLUSTER)))
    assert found == alone, "an application is named in config.settings.APPS and started in joined.py"


def test_each_application_is_known_by_its_name(tmp_path: Path) -> None:
    assert set(APPS) == {*joined.EVERYWHERE, *joined.ACTING, "ecallmgr", "api"}
    own = services(joined.tree(settings(tmp_path, **CLUSTER, MIRLITON_NODE_APPS="cdr")))
    assert own == {
        Name("service", key)
        for key in ("store", "store_follower", "entity_server", "cdr", "metrics", "cluster", "control", "chaos")
    }


def test_what_nodes_share_is_there(tmp_path: Path) -> None:
    run = services(joined.tree(settings(tmp_path, **CLUSTER)))
    assert {name for name in joined.SHARED if isinstance(name, Name)} <= run


def test_old_and_new_cookie_and_several_brokers_are_taken(tmp_path: Path) -> None:
    given = CLUSTER | {
        "MIRLITON_AMQP_URI": "amqp://a:b@one amqp://a:b@two:5673/vhost",
        "MIRLITON_AMQP_OLD_COOKIE": "what they knew before",
    }
    taken = settings(tmp_path, **given)
    assert len(taken.amqp.all_uris) == 2
    assert "b@one" not in repr(taken)
    assert joined.media_secret(taken.amqp) == joined.media_secret(settings(tmp_path, **CLUSTER).amqp)


def test_certificates_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("none")
    given = CLUSTER | {
        "MIRLITON_AMQP_URI": "amqps://user:password@broker/nodes",
        "MIRLITON_AMQP_CERTFILE": str(certificate),
    }
    with pytest.raises(OSError, match="PEM"):
        joined.distribution(Node("a@host"), settings(tmp_path, **given).amqp)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"MIRLITON_AMQP_COOKIE": "short"}, "amqp.cookie is 5 characters, but must be the secret of all nodes"),
        ({"MIRLITON_AMQP_COOKIE": ""}, "amqp.cookie must be the secret of all nodes"),
        ({"MIRLITON_AMQP_OLD_COOKIE": "what all nodes know"}, "amqp.old_cookie must differ from amqp.cookie"),
        ({"MIRLITON_AMQP_URI": "http://broker"}, "amqp.uri must be amqp(s)://user:password@host:port/vhost"),
        ({"MIRLITON_AMQP_CAFILE": "/nowhere"}, "amqp.cafile is '/nowhere', but must be a file"),
        ({"MIRLITON_ENTITIES_LEASE": "5"}, "entities.lease is 5, but must be below amqp.heartbeat"),
        ({"MIRLITON_NODE_APPS": "callflow nonsense"}, "node.apps is 'callflow nonsense', but must be some of ecallmgr"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_told_without_its_secrets(
    tmp_path: Path, more: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(tmp_path, **CLUSTER | more)
    assert complaint in str(caught.value)
    assert "what all nodes know" not in str(caught.value)
