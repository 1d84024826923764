"""What Prometheus reads."""

import re

import pytest

from mirliton.api.listening import Where
from mirliton.api.metrics import METRICS, MetricsServer
from mirliton.config import MetricsSettings
from mirliton.runtime import StartError


async def scrape(world):
    where = await world.node.call(METRICS, Where())
    async with world.session.get(f"http://{where.host}:{where.port}/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        return await response.text()


def value(text, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else None


@pytest.fixture
async def metrics(world):
    await world.node.start(MetricsServer, MetricsSettings(port=0), name=METRICS)
    return world


async def test_processes_supervisors_and_requests_are_there(metrics):
    account_id, token = await metrics.admin("acme")
    await metrics.get(f"/accounts/{account_id}/menus", token)
    await metrics.get(f"/accounts/{account_id}/menus", token)
    await metrics.get(f"/accounts/{account_id}/menus/none", token)
    await metrics.get("/nonsense")
    await metrics.put("/user_auth", metrics.credentials(account_id, "admin_acme", "wrong"))
    text = await scrape(metrics)
    assert value(text, 'mirliton_processes{class="ApiServer"}') == 1
    assert value(text, 'mirliton_api_requests_total{method="GET",resource="menus",status="2xx"}') == 2
    assert value(text, 'mirliton_api_requests_total{method="GET",resource="menus",status="4xx"}') == 1
    assert value(text, 'mirliton_api_requests_total{method="GET",resource="unknown",status="4xx"}') == 1
    assert value(text, "mirliton_api_logins_failed_total") == 1
    assert value(text, "mirliton_api_requests_in_flight") == 0
    assert value(text, 'mirliton_api_request_seconds_total{resource="menus"}') > 0
    assert "# TYPE mirliton_supervisor_restarts_total counter" in text


async def test_labels_are_bounded_by_the_code_not_by_the_client(metrics):
    account_id, token = await metrics.admin("acme")
    for path in ("/x", "/y/z", f"/accounts/{account_id}/menus/1", f"/accounts/{account_id}/menus/2"):
        await metrics.get(path, token)
    await metrics.ask("PROPFIND", "/q")
    text = await scrape(metrics)
    resources = set(re.findall(r'mirliton_api_requests_total{.*resource="([^"]+)"', text))
    methods = set(re.findall(r'mirliton_api_requests_total{method="([^"]+)"', text))
    assert resources == {"unknown", "menus", "user_auth"}
    assert methods <= {"GET", "PUT", "other"}
    assert account_id not in text


async def test_counts_outlive_the_server(metrics):
    await metrics.get("/schemas")
    pid = metrics.node.whereis(METRICS)
    metrics.node.exit(pid, "kill")
    await metrics.node.wait_exit(pid)
    await metrics.node.start(MetricsServer, MetricsSettings(port=0), name=METRICS)
    assert (
        value(await scrape(metrics), 'mirliton_api_requests_total{method="GET",resource="schemas",status="2xx"}') == 1
    )


async def test_a_port_in_use_is_a_start_error_that_names_it(metrics):
    where = await metrics.node.call(METRICS, Where())
    with pytest.raises(StartError, match=f"127.0.0.1:{where.port}: address already in use"):
        await metrics.node.start(MetricsServer, MetricsSettings(port=where.port))
