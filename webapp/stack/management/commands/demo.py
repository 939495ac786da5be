"""`manage.py demo`: from nothing to an instructor's report, over the site's own pages."""

import hashlib
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from webapp.config.env import Environment
from webapp.recordings.models import Analysis, Recording
from webapp.stack import demo_data, simulated_course
from webapp.stack.demo_client import DemoClient, DemoError
from webapp.stack.processes import StartError
from webapp.stack.simulated_films import ClipError
from webapp.stack.supervisor import Stack, port_or_free, stop_on_terminate
from webapp.stack.valkey import ValkeyError

_SAMPLE = settings.BASE_DIR / "engagement" / "sample" / "sample.mp4"
_PATIENCE_S = 900.0


class Command(BaseCommand):
    help = (
        "Starts the site with a demo course and a simulated one, uploads the sample recording as "
        "its student, waits for the analysis, prints the report's address and the log-ins, and "
        "serves until Ctrl-C. With DEMO_EXIT=1 it stops after printing and succeeds only if the "
        "report is there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="used if it is free")
        parser.add_argument("--video", type=Path, default=_SAMPLE, help="recording to upload")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(file=self.stdout._out, highlight=False, soft_wrap=True)
        stop_on_terminate()
        video: Path = options["video"]
        if not video.is_file():
            raise CommandError(f"{video} is not there. Name a video with --video.")
        port = port_or_free(options["host"], options["port"])
        try:
            with Stack(options["host"], port, quiet=True) as stack:
                self._show(stack, video)
                if Environment().flag("DEMO_EXIT", default=False):
                    return
                self.console.print("\nCtrl-C stops the demo.")
                name = stack.watch()
        except KeyboardInterrupt:
            self.console.print("Stopped.")
        except (StartError, ValkeyError, DemoError, ClipError) as error:
            logs = settings.DATA_DIR / "logs"
            raise CommandError(f"{error} The parts' output is in {logs}.") from error
        else:
            raise CommandError(f"{name} ended by itself, so everything was stopped.")

    def _show(self, stack: Stack, video: Path) -> None:
        data = demo_data.create(Environment().text("DEMO_PASSWORD"))
        self.console.print(f"The site is at {stack.url}/")
        made = simulated_course.create(data.logins)
        self.console.print(f"{made.course} has {made.reports} simulated reports to look at.")
        student, instructor = data.logins["student"], data.logins["instructor"]
        recording = self._upload(stack, data, student, video)
        self._wait(stack, recording)
        report = reverse("reports:recording", args=[recording.pk])
        reader = DemoClient(stack.url)
        reader.log_in(instructor.user.email, instructor.password)
        answer = reader.get(report)
        if answer.status_code != 200:
            raise DemoError(f"The report's page answered {answer.status_code}.")
        self.console.print(f"\nThe instructor's report: {stack.url}{report}\n")
        for login in data.logins.values():
            self.console.print(f"  {login.role:<11} {login.user.email:<25} {login.password}")

    def _upload(
        self, stack: Stack, data: demo_data.DemoData, student: demo_data.Login, video: Path
    ) -> Recording:
        digest = hashlib.sha256(video.read_bytes()).hexdigest()
        copies = Recording.objects.filter(student=student.user, sha256=digest)
        # One copy of the sample is enough, however often the demo has run.
        copies.delete()
        client = DemoClient(stack.url)
        client.log_in(student.user.email, student.password)
        client.agree(data.lesson.course_id)
        client.upload(data.lesson.pk, video)
        recording = copies.first()
        if recording is None:
            raise DemoError("The uploaded recording is not in the database.")
        self.console.print(f"{video.name} is uploaded as {student.user.email}.")
        return recording

    def _wait(self, stack: Stack, recording: Recording) -> None:
        columns = (
            TextColumn("Analysis"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
        )
        end = time.monotonic() + _PATIENCE_S
        with Progress(*columns, console=self.console) as progress:
            bar = progress.add_task("analysis", total=1.0, left="")
            while True:
                analysis = Analysis.objects.filter(recording=recording).latest("created_at")
                left = f"{analysis.time_left} left" if analysis.time_left else ""
                progress.update(bar, completed=analysis.progress, left=left)
                if analysis.state == Analysis.State.FINISHED:
                    return
                if analysis.state == Analysis.State.FAILED:
                    raise DemoError(f"The analysis failed: {analysis.error_text}")
                if analysis.state == Analysis.State.CANCELLED:
                    raise DemoError("The analysis was stopped on its page.")
                if name := stack.ended():
                    raise DemoError(f"{name} ended by itself.")
                if time.monotonic() > end:
                    raise DemoError(f"The analysis did not finish in {_PATIENCE_S:.0f} s.")
                time.sleep(0.5)
