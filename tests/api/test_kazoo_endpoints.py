"""Each URL shape and method of Kazoo's own list is served, or stands here with the reason why it is not."""

from mirliton.api.routes import all_routes

OF_APPS_TO_COME = {
    "acdc_call_stats": "acdc's statistics",
    "acls": "a switch's access lists, told to proxies",
    "apps_link": "Monster UI",
    "apps_store": "Monster UI",
    "att_handlers_errors": "storage",
    "braintree": "a payment service of one vendor",
    "call_inspector": "SIP traces",
    "cccps": "cccp",
    "contact_list": "Monster UI",
    "dialplans": "Kazoo's system_config of its own callflows",
    "faxboxes": "fax",
    "faxes": "fax",
    "functions": "JavaScript in a callflow",
    "migrations": "Monster UI",
    "mms": "doodle",
    "notifications": "teletype's templates over REST",
    "pivot": "pivot",
    "port_requests": "porting",
    "rate_limits": "frontier",
    "resource_templates": "Monster UI",
    "skels": "a pattern for modules",
    "sms": "doodle",
    "transactions": "a payment service",
    "webhooks": "webhooks",
    "websockets": "blackhole",
    "whitelabel": "Monster UI",
}
"""Resources without an application here, and whose they are."""

LEFT_OUT = {
    "agents/stats": "acdc's statistics",
    "alerts": "messages of the system to people at its user interface",
    "auth/apps": "OAuth",
    "auth/apps/{}": "OAuth",
    "auth/authorize": "OAuth",
    "auth/callback": "OAuth",
    "auth/links": "OAuth",
    "auth/links/{}": "OAuth",
    "auth/providers": "OAuth",
    "auth/providers/{}": "OAuth",
    "alerts/{}": "messages of the system to people at its user interface",
    "clicktocall/{}/connect": "calls that nobody has placed yet",
    "clicktocall/{}/history": "calls that nobody has placed yet",
    "comments": "notes of people to documents",
    "comments/{}": "notes of people to documents",
    "channels/{} PUT": "metaflows of a call from outside",
    "devices/{} PUT": "the same as POST",
    "devices/{}/sync": "telling phones to provision",
    "ips": "addresses of one's own for calls out",
    "ips/assigned": "addresses of one's own for calls out",
    "ips/hosts": "addresses of one's own for calls out",
    "ips/zones": "addresses of one's own for calls out",
    "ips/{}": "addresses of one's own for calls out",
    "phone_numbers/locality": "carriers outside",
    "phone_numbers/prefix": "carriers outside",
    "presence/report-{id}": "which phones watch: each proxy knows",
    "queues/eavesdrop": "listening to queues",
    "queues/stats": "acdc's statistics",
    "queues/{}/eavesdrop": "listening to queues",
    "quickcall/{}": "calls that nobody has placed yet",
    "resource_selectors": "routing by selectors",
    "resource_selectors/name": "routing by selectors",
    "resource_selectors/name/{}": "routing by selectors",
    "resource_selectors/name/{}/resource/{}": "routing by selectors",
    "resource_selectors/resource": "routing by selectors",
    "resource_selectors/resource/{}": "routing by selectors",
    "resource_selectors/resource/{}/name/{}": "routing by selectors",
    "resource_selectors/rules": "routing by selectors",
    "resource_selectors/{}": "routing by selectors",
    "resources/jobs": "jobs",
    "resources/jobs/{}": "jobs",
    "system_status": "reports of a cluster to its vendor",
    "vmboxes/{}/messages PUT": "messages that no call has left",
    "vmboxes/{}/messages/raw": "archives of messages",
    "vmboxes/{}/messages/{}/raw PUT": "messages that no call has left",
}
"""What of resources that could be here is not: shapes, with a method where the others are there."""

BEING_MADE = {"media", "recordings", "services", "storage"}
"""Resources of which not all is there yet, and more is from one version to the next."""

PARENTS = ("", "accounts/{}/", "accounts/{}/users/{}/", "accounts/{}/devices/{}/", "accounts/{}/callflows/{}/")


def shape_of(shape: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in shape.split("/"))


def kazoos(reference) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in (reference / "kazoo-endpoints.tsv").read_text().splitlines()[1:]]
    return [(shape_of(shape), method) for _, shape, methods in rows for method in methods.split(",")]


def ours() -> set[tuple[str, str]]:
    return {(shape_of(route.shape), method) for route in all_routes() for method in route.methods}


def missing(reference) -> set[tuple[str, str]]:
    served = ours()
    return {
        (shape, method)
        for shape, method in kazoos(reference)
        if not any((parent + shape, method) in served for parent in PARENTS)
    }


def test_what_is_not_served_is_left_out_for_a_reason(reference):
    unexplained = {
        (shape, method)
        for shape, method in missing(reference)
        if shape.split("/")[0] not in OF_APPS_TO_COME
        and shape not in LEFT_OUT
        and f"{shape} {method}" not in LEFT_OUT
        and shape.split("/")[0] not in BEING_MADE
    }
    assert not unexplained


def test_what_is_said_to_be_left_out_is(reference):
    left = missing(reference)
    shapes = {shape for shape, _ in left}
    for entry in LEFT_OUT:
        shape, _, method = entry.partition(" ")
        assert (shape, method) in left if method else shape in shapes, entry
    nouns = {shape.split("/")[0] for shape, _ in ours()} | {route.resource for route in all_routes()}
    assert not set(OF_APPS_TO_COME) & nouns
