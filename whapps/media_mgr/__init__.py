"""media_mgr: where media are that have no place on the switch. Kazoo: the application media_mgr.

app        its tree                               speech   texts spoken by a program
listener   hears where a medium is asked for      spoken   what was spoken, kept on the disk
prompts    an account's own announcements

The files themselves are served by ecallmgr's HTTP (`ecallmgr/media_http.py`).
"""
