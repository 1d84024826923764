"""stepswitch: by which carriers a number of the outside world can be called. Kazoo: the stepswitch application.

app.py         the supervision tree
listener.py    answers who asks for a way to a number, and knows which carriers fail just now
messages.py    what it is asked and told
resource.py    carriers as documents: rules, weights, flags, gateways
choosing.py    which of them may take a call, in which order
endpoints.py   a gateway as the endpoint to ring
formatters.py  numbers as a carrier wants them
metrics.py     what it counts

Who asks rings the endpoints itself, so that a call depends on nobody but its own executor.
"""
