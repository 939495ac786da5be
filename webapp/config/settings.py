"""Settings of the site, all from the environment and safe when nothing is set.

A site that answers to loopback names only (the default) is served over plain HTTP; as soon as
`ALLOWED_HOSTS` names another host, HTTPS is required unless `HTTPS=off` says otherwise.
"""

from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from webapp.config.broker import celery_url
from webapp.config.email import email_settings, site_url
from webapp.config.env import Environment
from webapp.config.languages import offered_languages
from webapp.config.secret import read_or_create_secret

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = Environment()

# Private storage: recordings, results, the SQLite database, the embedded broker's files.
DATA_DIR = env.folder("ENGAGEMENT_DATA_DIR", BASE_DIR / "var")
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY") or read_or_create_secret(DATA_DIR / "secret_key")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("SECRET_KEY must have at least 32 characters.")

# Face templates of group recordings; the first key encrypts, each one decrypts.
TEMPLATE_KEYS = env.words("TEMPLATE_KEY", []) or [read_or_create_secret(DATA_DIR / "template_key")]
if min(map(len, TEMPLATE_KEYS)) < 32:
    raise ImproperlyConfigured("Each key in TEMPLATE_KEY must have at least 32 characters.")

LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", LOOPBACK_HOSTS)
HTTPS = env.flag("HTTPS", default=not set(ALLOWED_HOSTS) <= set(LOOPBACK_HOSTS))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [])

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
if env.flag("BEHIND_PROXY", default=False):
    # Only for a proxy that sets this header itself on every request it passes on.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "webapp.accounts",
    "webapp.courses",
    "webapp.recordings",
    "webapp.marks",
    "webapp.reports",
    "webapp.summaries",
    "webapp.privacy",
    "webapp.disputes",
    "webapp.notices",
    "webapp.groups",
    "webapp.calibration",
    "webapp.exports",
    "webapp.uploads",
    "webapp.stack",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "webapp.config.middleware.log_in_again",
    "webapp.config.middleware.security_headers",
    "webapp.config.middleware.user_language",
    "webapp.config.middleware.user_time_zone",
]

ROOT_URLCONF = "webapp.config.urls"
WSGI_APPLICATION = "webapp.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "webapp" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "webapp.access.roles",
                "webapp.notices.context.bell",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.parse(
        env.text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'engagement.sqlite3'}"),
        conn_max_age=60,
        conn_health_checks=True,
    )
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A connection costs nothing to open, and one that lives on may hold a lock.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"] = {
        # Write transactions take the lock at once and wait for it, so that a web process and a
        # worker never fail with "database is locked" half-way through.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "courses:home"
LOGOUT_REDIRECT_URL = "accounts:login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# The texts are written in English; another language is offered once its catalogue is compiled.
LANGUAGE_CODE = "en-gb"
LOCALE_PATHS = [BASE_DIR / "webapp" / "locale"]
LANGUAGES = offered_languages(LANGUAGE_CODE, LOCALE_PATHS[0])
FORMAT_MODULE_PATH = ["webapp.config.formats"]
# A choice of language is no secret, but it need not be sent over plain HTTP either.
LANGUAGE_COOKIE_SECURE = HTTPS
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = env.text("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = env.folder("STATIC_ROOT", DATA_DIR / "static")
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "webapp" / "static"]
# Serves straight from the apps' folders, so that no collecting step stands before a start.
WHITENOISE_USE_FINDERS = True

# Uploads
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_MB", 2048, low=1, high=1_048_576) * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_PERMISSIONS = 0o600
# A resumable upload that is not finished by then is erased.
UPLOAD_EXPIRES_H = env.number("UPLOAD_EXPIRES_H", 72.0, low=0.001, high=8_760.0)
# A connection on which nothing has come for this long is given up; the client goes on with another.
UPLOAD_STALL_S = env.number("UPLOAD_STALL_S", 30.0, low=0.1, high=3_600.0)
# Threads of the web server, and how many of them uploads may take: the others are for pages.
WEB_THREADS = env.integer("WEB_THREADS", 32, low=2, high=1_024)
UPLOADS_AT_ONCE = env.integer("UPLOADS_AT_ONCE", max(1, WEB_THREADS - 8), low=1, high=1_024)

# Analyses
SAMPLING_FPS = env.number("SAMPLING_FPS", 5.0, low=0.1, high=60.0)
EXPRESSION_MODEL = env.text("EXPRESSION_MODEL", "auto")
ANALYSIS_MAX_ATTEMPTS = env.integer("ANALYSIS_MAX_ATTEMPTS", 3, low=1, high=20)
# A running analysis that has not been heard of for this long has lost its worker.
ANALYSIS_STALE_S = env.number("ANALYSIS_STALE_S", 60.0, low=2.0, high=86_400.0)
# A queued analysis is sent again after this long, in case its message was lost.
ANALYSIS_RESEND_S = env.number("ANALYSIS_RESEND_S", 600.0, low=1.0, high=86_400.0)
REAPER_INTERVAL_S = env.number("REAPER_INTERVAL_S", 20.0, low=0.5, high=3_600.0)
# One analysis uses several cores well, so a worker runs one at a time unless told otherwise.
WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 1, low=1, high=64)
# Threads of the numeric libraries in each worker process; 0: the cores shared out evenly.
WORKER_THREADS = env.integer("WORKER_THREADS", 0, low=0, high=256)

# The broker
REDIS_URL = env.text("REDIS_URL")
CELERY_BROKER_URL = celery_url(REDIS_URL, DATA_DIR)

# E-mail: none leaves the machine, and none is written, until EMAIL_URL says where it goes.
MAIL_ENABLED = env.text("EMAIL_URL") != ""
globals().update(email_settings(env.text("EMAIL_URL")))
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Engagement <engagement@localhost>")
# Where the links in e-mails lead.
SITE_URL = site_url(env.text("SITE_URL"), ALLOWED_HOSTS, https=HTTPS)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
}
