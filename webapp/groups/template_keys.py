"""Encryption of face templates at rest (Fernet: AES-128-CBC with HMAC-SHA256).

The keys are those of the setting `TEMPLATE_KEYS`: the first encrypts, and each of them decrypts, so
that a key is changed by putting the new one in front. The database alone is then of no use to
whoever copies it.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"engagement face templates 1"


class TemplateUnreadableError(Exception):
    """No key that the site has decrypts the template."""


def encrypt(plain: bytes) -> bytes:
    """The bytes under the newest key."""
    return _keys().encrypt(plain)


def decrypt(token: bytes) -> bytes:
    """What `encrypt` was given.

    Raises:
        TemplateUnreadableError: the template was made with a key that is gone, or was changed.
    """
    try:
        return _keys().decrypt(token)
    except InvalidToken as error:
        raise TemplateUnreadableError("No key of this site reads the template.") from error


def renew(token: bytes) -> bytes:
    """The same template under the newest key.

    Raises:
        TemplateUnreadableError: no key reads it.
    """
    return encrypt(decrypt(token))


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in settings.TEMPLATE_KEYS])


def _derived(secret: str) -> bytes:
    """Any long secret as a Fernet key."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return base64.urlsafe_b64encode(kdf.derive(secret.encode()))
