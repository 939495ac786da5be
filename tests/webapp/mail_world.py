"""A mail server that a test can make say no, and settings that send to it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller

from webapp.config.email import email_settings


class Box:
    """What the server has taken; `answers` are what it says to the next messages instead."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content))
        return answer


@contextmanager
def mail_server(settings: Any) -> Iterator[Box]:
    """A real SMTP server to which the e-mail of this process goes."""
    with listening() as (box, url):
        for name, value in email_settings(url).items():
            setattr(settings, name, value)
        yield box


@contextmanager
def listening() -> Iterator[tuple[Box, str]]:
    """A real SMTP server on a free port, and the `EMAIL_URL` that leads to it."""
    box = Box()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"smtp+plain://127.0.0.1:{port}"
    finally:
        controller.stop()


def text_of(message: Message) -> str:
    """The words of a message."""
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()
