"""A person at a browser, as far as the demo needs one: logs in, agrees, uploads, reads."""

from pathlib import Path

import requests
from django.urls import reverse

_TIMEOUT_S = 60


class DemoError(RuntimeError):
    """A step of the demo did not work; the message says which."""


class DemoClient:
    """One session with the site over HTTP, with cookies and CSRF tokens as a browser has them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        # A proxy of the environment has no business between a demo and its own machine.
        self._session.trust_env = False

    def log_in(self, email: str, password: str) -> None:
        """Fills in the log-in page."""
        page = reverse("accounts:login")
        answer = self._post(page, {"username": email, "password": password})
        if answer.url.endswith(page):
            raise DemoError(f"{email} could not log in.")

    def agree(self, course_id: int) -> None:
        """Gives consent in a course; again is fine."""
        self._post(reverse("privacy:consent", args=[course_id]), {"agree": "on"})

    def withdraw(self, course_id: int) -> None:
        """Withdraws consent, which erases everything uploaded in the course."""
        self._post(reverse("privacy:withdraw", args=[course_id]), {})

    def upload(self, lesson_id: int, video: Path) -> None:
        """Uploads a recording; returns when the site has acknowledged it."""
        page = reverse("recordings:upload", args=[lesson_id])
        with video.open("rb") as file:
            answer = self._post(page, {}, {"video": (video.name, file, "video/mp4")})
        if answer.url.endswith(page):
            raise DemoError(f"The site did not accept {video.name}.")

    def stop(self, recording_id: object) -> None:
        """Stops the analysis of an own recording."""
        self._post(
            reverse("recordings:cancel", args=[recording_id]), {}, page=reverse("recordings:mine")
        )

    def analyse_again(self, recording_id: object) -> None:
        """Has an analysis run again that failed or was stopped."""
        self._post(
            reverse("recordings:retry", args=[recording_id]), {}, page=reverse("recordings:mine")
        )

    def cookies(self) -> dict[str, str]:
        """The session's cookies, for another client of the same person."""
        return dict(self._session.cookies)

    def get(self, path: str) -> requests.Response:
        """A page."""
        return self._session.get(self._url + path, timeout=_TIMEOUT_S)

    def _post(
        self,
        path: str,
        fields: dict[str, str],
        files: dict[str, object] | None = None,
        page: str = "",
    ) -> requests.Response:
        """Sends a form as the page has it on which it stands, its own address by default."""
        page = page or path
        _require(self.get(page), page)
        fields["csrfmiddlewaretoken"] = self._session.cookies["csrftoken"]
        answer = self._session.post(
            self._url + path,
            data=fields,
            files=files,  # type: ignore[arg-type]
            headers={"Referer": self._url + page},
            timeout=_TIMEOUT_S,
        )
        return _require(answer, path)


def _require(answer: requests.Response, path: str) -> requests.Response:
    if not answer.ok:
        raise DemoError(f"{path} answered {answer.status_code} {answer.reason}.")
    return answer
