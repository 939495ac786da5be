"""`manage.py serve`: the whole site on this machine until Ctrl-C."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.stack.processes import StartError
from webapp.stack.supervisor import Stack, stop_on_terminate
from webapp.stack.valkey import ValkeyError


class Command(BaseCommand):
    help = (
        "Runs the whole site: the embedded broker (unless REDIS_URL is set), migrations, the web "
        "server and a worker. Stops all of them on Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port; 0 takes a free one")

    def handle(self, *args: Any, **options: Any) -> None:
        stop_on_terminate()
        try:
            with Stack(options["host"], options["port"]) as stack:
                self.stdout.write(f"The site is at {stack.url}/ . Ctrl-C stops it.")
                name = stack.watch()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        except (StartError, ValkeyError) as error:
            raise CommandError(str(error)) from error
        else:
            raise CommandError(f"{name} ended by itself, so everything was stopped.")
