"""The settings of zones: what they mean, and what does not fit together."""

from __future__ import annotations

import pytest

from mirliton.config import Settings, SettingsError, load

WEST = "amqp://user:secret@west/nodes"
GIVEN = {
    "MIRLITON_NODE_NAME": "a@host",
    "MIRLITON_AMQP_URI": "amqp://user:secret@east/nodes",
    "MIRLITON_AMQP_COOKIE": "what all nodes know",
    "MIRLITON_ZONES_NAME": "east",
    "MIRLITON_ZONES_OTHERS": f"west={WEST}1 north=amqps://user:secret@north/nodes  west={WEST}2",
}


def test_a_nodes_name_ends_in_its_zone_and_each_other_zone_has_its_brokers() -> None:
    settings = load(environment=GIVEN)
    assert settings.node_name == "a@host+east"
    assert settings.zones.all_others == {
        "west": (f"{WEST}1", f"{WEST}2"),
        "north": ("amqps://user:secret@north/nodes",),
    }
    assert "secret@" not in repr(settings)


def test_without_zones_a_node_is_called_as_it_is() -> None:
    assert (Settings().node_name, Settings().zones.all_others) == ("mirliton", {})


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"MIRLITON_ZONES_NAME": ""}, "zones.name must be given"),
        ({"MIRLITON_ZONES_NAME": "west"}, "zones.others is west, but must not name the zone of the node itself"),
        ({"MIRLITON_ZONES_NAME": "East"}, "must be small letters"),
        ({"MIRLITON_ZONES_OTHERS": "amqp://user:secret@west/nodes"}, "must be zone=amqp"),
        ({"MIRLITON_ZONES_OTHERS": "we st=amqp://user:secret@west/nodes"}, "must be zone=amqp"),
        ({"MIRLITON_AMQP_URI": ""}, "amqp.uri must be given"),
        ({"MIRLITON_NODE_NAME": f"{'a' * 64}@{'b' * 189}"}, "must be 255 characters with its zone"),
    ],
)
def test_what_does_not_fit_together_is_told_without_a_password(changed: dict[str, str], problem: str) -> None:
    with pytest.raises(SettingsError) as told:
        load(environment=GIVEN | changed)
    assert problem in " ".join(str(told.value).split())
    assert "secret@" not in str(told.value)
