"""What a switch looks up over HTTP (mod_xml_curl) instead of in its files. Kazoo: the fetch handlers of ecallmgr.

    request.py        what is asked
    document.py       answers as XML that FreeSWITCH can carry out nothing of
    answering.py      which of these answers:
    dialplan.py       where a new call goes
    directory.py      who a phone is
    configuration.py  which file of the configuration is asked for …
    acls.py           … acl.conf: who may call without a password
    sofia.py          … sofia.conf: SIP profiles and carriers that want us registered
    conference.py     … conference.conf: profiles and keys of conferences

What is not ours to know is "not found": the switch goes on with its own files then, as it does when nobody answers.
"""
