"""teletype: sends mails about what happened. Kazoo: the teletype application.

    actors/mailing   puts a notification into the spool        spool      takes them out, one mail each
    notices          what each kind of mail is made of         smtp       the mail server
    template         subject, addresses and text, by account   envelope   the mail itself

A notification stays in the spool until the mail server has taken its mail, however often anything is killed meanwhile.
A kill between the server's answer and the note of it sends a mail once more, with the same Message-ID.

Left out, compared with Kazoo: all templates but voicemail_to_email, missed_call, password_recovery and system_alert;
previews; and of Django's template language what loops within loops (`rendering.py`).
"""
