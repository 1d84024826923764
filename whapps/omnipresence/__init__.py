"""omnipresence: tells SIP proxies who is on the phone and who has messages. Kazoo: the omnipresence application.

app       its tree                                    dialogs     which calls are told of, and in which state
listener  hears calls, mailboxes, lamps and proxies   mailboxes   how many messages a phone's owner has
wording   values that a proxy can take                lamps       what other things than calls light
readings  which accounts have been read               accounts    what an account's documents light
"""
