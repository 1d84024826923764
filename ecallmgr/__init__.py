"""The switch side: it speaks with FreeSWITCH and knows who is on the phone.

app.py               the supervision tree

commands out         connection.py      one switch: commands out, events in
                     sockets.py         its two event sockets
                     switch_commands.py what is sent for what is asked
                     translate.py       Kazoo's commands in FreeSWITCH's terms …
                     dialling.py        … bridges
                     media.py           … media names
                     conferences.py     … conferences, and what they tell
                     party.py           … how a party sounds, is shown, is held
                     plan.py            what a translation is made of
events in            mapping.py         FreeSWITCH's headers in Kazoo's words
                     call_events.py     its events as Kazoo's call events
                     leg_record.py      a leg's record, from its last event or as the switch posts it
who is on the phone  channels.py        the channel table: its actor
                     table.py row.py    the rows
                     queries.py         Kazoo's questions
                     records.py         ended legs are reported until they are stored
                     call_keeper.py     calls have their actors
where phones are     registrations.py
HTTP                 switch_http.py     leg records
                     media_http.py      media
                     xml_curl/          what a switch looks up

esl/                 the event socket (framing, events, commands, the sockets in their own thread)
simulator/           a switch for tests, demonstrations and benchmarks
"""

if __name__ != "mirliton.ecallmgr":
    raise ImportError("import mirliton.ecallmgr, not ecallmgr: the bare name would give a second copy of every class")
