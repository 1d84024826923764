"""registrar: tells SIP proxies the passwords of phones. Kazoo: the registrar application.

app       its tree                                     lookup   realm and username to a device, in the store
listener  hears the questions and answers them         known    realms that exist, and what is not to be looked up again
answer    what a proxy is told of a device             metrics  for Prometheus

Where phones are registered is kept by ecallmgr's registrar, which the proxies report to.
"""
