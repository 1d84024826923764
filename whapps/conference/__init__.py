"""conference: rooms where calls meet. Kazoo: the conference application.

app.py      the supervision tree
keeper.py   starts conferences
metrics.py  for Prometheus

The actor is `actors/conference.py`; calls come in by the callflow actions `conference` and `conference_feature`.
"""
