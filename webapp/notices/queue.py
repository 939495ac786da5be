"""Telling the workers that there is an e-mail to send.

Its tasks have a queue of their own, which workers look at first: an e-mail waits for the analysis
that runs, not for all that are queued.
"""

from webapp.recordings import queue

MAIL_TASK = "workers.notices.mail"


def send_mail_of(user_id: int) -> bool:
    """Asks a worker to mail what is due to the user; False if the broker is away.

    Nothing is lost then: the reaper finds what is due.
    """
    return queue.send(MAIL_TASK, user_id)
