"""The switch side: it speaks with FreeSWITCH and knows who is on the phone.

app.py             the supervision tree
connection.py      one switch: commands out, events in
esl/               the event socket (framing, events, commands, the sockets in their own thread)
mapping.py         FreeSWITCH's headers in Kazoo's words
translate.py       Kazoo's commands in FreeSWITCH's terms
channels.py row.py the channel table
registrations.py   where phones are
switch_http.py     leg records and media over HTTP
simulator/         a switch for tests, demonstrations and benchmarks
"""

if __name__ != "mirliton.ecallmgr":
    raise ImportError("import mirliton.ecallmgr, not ecallmgr: the bare name would give a second copy of every class")
