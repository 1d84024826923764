"""acdc: queues of callers and their agents. Kazoo: the acdc application.

app.py       the supervision tree
listener.py  tells agents what their phones do
metrics.py   for Prometheus

The actors are `actors/queue.py` and `actors/agent.py`; a caller is in a queue by the callflow action `acdc_member`.
"""
