"""The REST API: Crossbar's URLs, envelope and errors (`/v2/…`), and the node's metrics.

app.py            what it starts: its supervision tree as data
server.py         the HTTP server, a process            listening.py   its socket
dispatch.py       one request, step by step             routing.py     which URL is which resource
body.py           what a request says                   envelope.py    what an answer looks like
errors.py         every refusal                         faults.py      other packages' errors as refusals
tokens.py         making and reading tokens             logins.py      whose credentials these are
identity.py       who asks                              rights.py      what they may do
throttle.py       bounds on attempts                    locks.py       one change at a time
restrictions.py   what a token may ask for              letting_in.py   from credentials to a token
second_factor.py  codes of an app                       attempts.py     who tried to log in
taking.py         what is there once, between servers   single.py       a document of which an account has one
context.py        what a handler is given
documents.py      a resource's documents, generic       resource.py    how a resource is declared
merging.py        what PATCH does                       unique.py      what must be there only once
paging.py         lists in pages                        filters.py     query-string filters
audit.py          who used power over processes
metrics.py        Prometheus                            counters.py    what it counts
resources/        one file per resource
cli/              the `mirliton` command
"""

if __name__ != "mirliton.api":
    raise ImportError("import mirliton.api, not api: the bare name would give a second copy of every class")
