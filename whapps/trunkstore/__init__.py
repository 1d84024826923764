"""trunkstore: customers with a PBX of their own. Kazoo: the trunkstore application, the documents `sys_info`.

servers.py   a customer's servers as documents
inbound.py   a call to one of the customer's numbers: its server is rung, and what it has for a failure
outbound.py  a call from a server: out by the carriers, with the server's caller id

Both run as actions of the call's own executor, in callflows that are in no store (`callflow/built_in.py`).
"""
