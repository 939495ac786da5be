"""`manage.py seed_demo`: a course of simulated analyses, so that every page can be looked at."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.config.env import Environment
from webapp.stack import demo_data, simulated_course
from webapp.stack.simulated_films import ClipError

_FEWEST_STUDENTS = 8


class Command(BaseCommand):
    help = (
        "Fills a course with simulated students and analyses: nobody was recorded and no model is "
        "run, and every page says so. The same every time; run again it only gives the demo's "
        "people new passwords (DEMO_PASSWORD sets one for all)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--students", type=int, default=24, help="how many (24; 8 at least)")
        parser.add_argument("--lessons", type=int, default=8, help="how many (8)")
        parser.add_argument("--remove", action="store_true", help="erase the course instead")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove"]:
            removed = simulated_course.remove()
            self.stdout.write("The simulated course is erased." if removed else "There is none.")
            return
        students, lessons = options["students"], options["lessons"]
        if students < _FEWEST_STUDENTS or lessons < 1:
            raise CommandError(f"Ask for {_FEWEST_STUDENTS} students and 1 lesson at least.")
        logins = demo_data.create(Environment().text("DEMO_PASSWORD")).logins
        try:
            made = simulated_course.create(logins, students, lessons)
        except ClipError as error:
            raise CommandError(str(error)) from error
        verb = "is made" if made.is_new else "was there already (--remove erases it)"
        self.stdout.write(f"{made.course} {verb}: {made.reports} simulated reports.\n\n")
        for login in logins.values():
            self.stdout.write(f"  {login.role:<11} {login.user.email:<25} {login.password}")
