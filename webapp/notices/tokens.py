"""Links in e-mails that end e-mails: signed, good without a log-in, and for nothing else."""

from collections.abc import Sequence

from django.core import signing

_SALT = "webapp.notices.unsubscribe"
NAMES = ("analyses", "disputes", "weekly")


def token_for(user_id: int, names: Sequence[str]) -> str:
    """Names the user and which of their preferences it turns off. It does not run out."""
    return signing.dumps([user_id, *sorted(names)], salt=_SALT, compress=True)


def read_token(token: str) -> tuple[int, list[str]]:
    """The user's id and the preferences.

    Raises:
        ValueError: the token was not made by this site.
    """
    try:
        user_id, *names = signing.loads(token, salt=_SALT)
    except signing.BadSignature as error:
        raise ValueError("This is no link of this site.") from error
    return int(user_id), [name for name in names if name in NAMES]
