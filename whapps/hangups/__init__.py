"""hangups: how often calls end for each cause, and an alert when one becomes too frequent. Kazoo: hangups.

    meter       rates over one, five and fifteen minutes and a day        monitor    counts what the channel table tells
    settings    which causes are watched, and from which rate             app        the tree

The rates are of this node since its last start: they describe a flow, and a restart has them begin anew. What happened
to each call is in its record.
"""
