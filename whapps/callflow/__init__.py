"""callflow: decides which callflow a call takes, and runs it. Kazoo: the callflow application.

app.py         the supervision tree
listener.py    answers routing questions, starts executors
overload.py    when new calls are refused
routing.py     which callflow: exact number, then pattern, then no_match
executor.py    one process per call, which goes through the flow action by action
script.py      what an action can do with its call
checkpoint.py  where in its flow a call is, kept on the switch
endpoints.py   devices and users as endpoints to ring: attributes.py what holds for one, wishes.py what an action wants,
               sip_endpoint.py its phone, forwarding.py where its calls go instead
ringing.py     ringing them, and what comes of it
talking.py     announcements, keys and digits
calling.py     going on where another number leads
queueing.py    asking queues and agents; conferences.py  coming into a conference
calling_out.py calling the outside world by carriers
restrictions.py who may call which numbers
built_in.py    callflows of ours; preflows
missed_calls.py who is told of calls that nobody took
caller_id.py   who a call says it is
temporal.py    rules of days and hours
groups.py      groups, number_lists.py lists of numbers, own_documents.py the caller's own user or device
picking_up.py  taking over calls; listening_in.py, parking_slots.py, recordings.py, feature_flags.py: as they say
lamps.py       lamps of slots, and those that are set by hand
media.py       what documents call a medium, as a switch can play it
fields.py      documents that anybody may have written
patterns.py    patterns of tenants, in bounded time
actions/       one file per action
voicemail/     the voicemail action, which is a larger one
"""
