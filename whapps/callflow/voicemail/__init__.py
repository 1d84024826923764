"""Voicemail: leaving a message, and hearing the messages of a mailbox. Kazoo: cf_voicemail, kvm_messages.

    flow.py        a visit as a chain of steps
    visit.py       what every step is given
    box.py         mailbox documents, and whose they are
    messages.py    the messages of a mailbox, as documents
    delivery.py    how a recording gets from the switch into the store
    compose.py     the greeting, and what a caller may press in it
    recording.py   record, review, store
    operator.py    whom the operator's key reaches
    login.py       which mailbox, and the PIN
    inbox.py       the main menu, hearing messages, passing one on
    settings.py    the menu of settings, and the PIN
    greetings.py   greetings, usual and temporary, and the owner's name

Left out, compared with Kazoo: transcription, the setup wizard, rewinding and forwarding within a message, a spoken
introduction to a message that is passed on.
"""
