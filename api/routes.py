"""All URLs of the API."""

from __future__ import annotations

from mirliton.api.resources import (
    about,
    account_family,
    accounts,
    api_auth,
    callflows,
    cdrs,
    channels,
    chaos,
    devices,
    limits,
    media,
    menus,
    registrations,
    schemas,
    supervision,
    token_auth,
    user_auth,
    users,
    vmbox_messages,
    vmboxes,
)
from mirliton.api.routing import Route


def all_routes() -> list[Route]:
    """Every route, in the order of Kazoo's list of resources."""
    return [
        *about.ROUTES,
        *accounts.ROUTES,
        *account_family.ROUTES,
        *api_auth.ROUTES,
        *callflows.ROUTES,
        *cdrs.ROUTES,
        *channels.ROUTES,
        *devices.ROUTES,
        *limits.ROUTES,
        *media.ROUTES,
        *menus.ROUTES,
        *registrations.ROUTES,
        *schemas.ROUTES,
        *supervision.ROUTES,
        *chaos.ROUTES,
        *token_auth.ROUTES,
        *user_auth.ROUTES,
        *users.ROUTES,
        *vmboxes.ROUTES,
        *vmbox_messages.ROUTES,
    ]
