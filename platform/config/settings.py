"""Django's settings: one file, read from the environment by typed readers. docs/configuration.md lists all of them.

Nothing here starts anything. Where DATABASE_URL or REDIS_URL is unset, the addresses are those of the embedded servers
under var/, which `manage.py` and `make run` start.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

from core import env, logs
from core.embedded import paths, urls
from core.mail_settings import mail_settings

# Lets ModelAdmin[Copy] and the like be written outside annotations.
django_stubs_ext.monkeypatch()

ROOT = Path(__file__).resolve().parents[2]
VAR = paths.var_dir()

DEBUG = env.flag("COPYLIFT_DEBUG", about="Django's debug pages. Never on a machine others can reach.")
SECRET_KEY = env.secret(
    "COPYLIFT_SECRET_KEY",
    paths.secrets()["secret_key"] if urls.is_embedded() else None,
    about="Signs sessions and links. Generated for the embedded servers; needed where DATABASE_URL is set.",
)
ALLOWED_HOSTS = env.words(
    "COPYLIFT_ALLOWED_HOSTS",
    ("localhost", "127.0.0.1", "[::1]"),
    about="Host names the site answers to, separated by commas.",
)
HTTPS = env.flag(
    "COPYLIFT_HTTPS", about="The site is served over HTTPS (behind a proxy): secure cookies, HSTS, redirects."
)
PUBLIC_URL = env.text(
    "COPYLIFT_PUBLIC_URL", "http://localhost:8000", about="The address people and shops reach the site at."
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if HTTPS else []

# --- services ---------------------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **env.database(
            env.text("DATABASE_URL", about="postgres://user:password@host:5432/name. Unset: embedded.")
            or urls.database_url()
        ),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
    }
}
REDIS_URL = env.text("REDIS_URL", about="redis://host:6379/0. Unset: embedded.") or urls.redis_url()
REDIS_CLIENT_URL = REDIS_URL.replace("redis+socket://", "unix://", 1)

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Redis gives an unacknowledged message to a second worker after this long. Jobs are protected by their lease; this
# only has to be longer than any task, or a training run would be handed out twice.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7 * 24 * 3600,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep-jobs": {"task": "core.sweep_jobs", "schedule": 5.0, "options": {"expires": 10}},
    "deliver-webhooks": {"task": "core.deliver_webhooks", "schedule": 3.0, "options": {"expires": 6}},
    "fold-events": {"task": "experiments.fold_events", "schedule": 3.0, "options": {"expires": 6, "queue": "ingest"}},
    "refresh-analyses": {"task": "experiments.refresh_analyses", "schedule": 5.0, "options": {"expires": 10}},
    "trip-breached": {"task": "campaigns.trip_breached", "schedule": 5.0, "options": {"expires": 10}},
    "launch-due-campaigns": {"task": "campaigns.launch_due_campaigns", "schedule": 15.0, "options": {"expires": 30}},
    "settle-campaigns": {"task": "campaigns.settle_campaigns", "schedule": 30.0, "options": {"expires": 60}},
    "send-waiting-messages": {
        "task": "campaigns.send_waiting_messages",
        "schedule": 10.0,
        "options": {"expires": 20},
    },
    "forget-old-messages": {"task": "campaigns.forget_old_messages", "schedule": 3600.0},
    "score-copy": {
        "task": "campaigns.score_waiting_copy",
        "schedule": 15.0,
        "options": {"expires": 30, "queue": "gpu"},
    },
    "forget-deliveries": {"task": "core.forget_deliveries", "schedule": 3600.0},
    "send-digests": {"task": "campaigns.send_digests", "schedule": 900.0, "options": {"expires": 900}},
    "mail-notices": {"task": "core.mail_notices", "schedule": 30.0, "options": {"expires": 60}},
    "update-allocations": {"task": "experiments.update_allocations", "schedule": 60.0, "options": {"expires": 120}},
    "learn-priors": {"task": "experiments.learn_priors", "schedule": 3600.0},
    "keep-partitions": {"task": "experiments.keep_partitions", "schedule": 3600.0},
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_CLIENT_URL,
        "KEY_PREFIX": "copylift",
    }
}

# --- applications -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "ninja",
    "core",
    "experiments",
    "models_ml",
    "campaigns",
]
MIDDLEWARE = [
    "core.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.SecurityHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "core.session_limits.SessionLimitsMiddleware",
    "core.upload_limits.UploadLimitMiddleware",
    "core.middleware.MemberLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.middleware.ProblemMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.context.navigation",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "core.templatetags.copylift"],
        },
    }
]

# --- people -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "core.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
COPYLIFT_SESSION_IDLE_MINUTES = env.integer(
    "COPYLIFT_SESSION_IDLE_MINUTES",
    720,
    minimum=1,
    maximum=525_600,
    about="A session ends after this long without a sign of its member.",
)
SESSION_COOKIE_AGE = 3600 * env.integer(
    "COPYLIFT_SESSION_HOURS",
    14 * 24,
    minimum=1,
    maximum=8760,
    about="A session ends this long after signing in, whatever its member does.",
)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "core.views.errors.csrf_failure"

# --- language, time, files --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = env.text(
    "COPYLIFT_TIME_ZONE", "UTC", about="The shop's time zone, for pages and reports, such as Asia/Shanghai."
)
STATIC_URL = "static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns about a folder that is not there yet
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(VAR / "media")}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}
# Outside `make run` nothing has collected the files; they are served from their sources then.
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer(
    "COPYLIFT_MAX_REQUEST_BYTES", 8 * 1024 * 1024, minimum=65_536, about="The largest request body read, in bytes."
)
# Where the database's files lie, as far as this machine can know.
DATA_FOLDER = VAR if urls.is_embedded() else None
COPYLIFT_FEED_MAX_BYTES = env.integer(
    "COPYLIFT_FEED_MAX_BYTES", 100 * 1024 * 1024, minimum=1024, about="The largest product feed taken in, in bytes."
)
COPYLIFT_INGEST_BACKLOG = env.integer(
    "COPYLIFT_INGEST_BACKLOG",
    5_000_000,
    minimum=0,
    about="Events are turned away (429) while more than this many wait to be counted. 0: never.",
)
COPYLIFT_INGEST_FREE_MB = env.integer(
    "COPYLIFT_INGEST_FREE_MB",
    500,
    minimum=0,
    about="Events are turned away while the embedded database's disk has less than this free, in megabytes.",
)
COPYLIFT_INGEST_AT_ONCE = env.integer(
    "COPYLIFT_INGEST_AT_ONCE", 16, minimum=1, about="Batches of events one web process takes in at the same time."
)
COPYLIFT_EVENT_RETENTION_DAYS = env.integer(
    "COPYLIFT_EVENT_RETENTION_DAYS",
    0,
    minimum=0,
    maximum=36_500,
    about="Raw events are dropped when they are older than this many days and nothing needs them. 0: kept for ever.",
)
COPYLIFT_ALLOW_PRIVATE_ADDRESSES = env.flag(
    "COPYLIFT_ALLOW_PRIVATE_ADDRESSES",
    about="Images and webhooks may be called inside this network and at any port. For development only.",
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
globals().update(
    mail_settings(
        env.secret(
            "COPYLIFT_EMAIL_URL",
            "",
            about="Where e-mail goes: smtp://user:password@host:587?tls=1 or smtps://…. Unset: the console.",
        )
    )
)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text(
    "COPYLIFT_EMAIL_FROM", "Copylift <copylift@localhost>", about="The sender of e-mail to members."
)
PASSWORD_RESET_TIMEOUT = 24 * 3600
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.insert(0, "django.forms")

LOGGING = logs.configuration(
    style=env.choice(
        "COPYLIFT_LOG_STYLE", "plain", {"plain": "plain", "json": "json"}, about="plain lines, or json for collectors."
    ),
    level=env.choice(
        "COPYLIFT_LOG_LEVEL",
        "info",
        {word: word.upper() for word in ("debug", "info", "warning", "error")},
        about="The least level logged.",
    ),
)

# --- the platform itself ----------------------------------------------------------------------------------------
COPYLIFT_MODEL = env.text(
    "COPYLIFT_MODEL",
    str(ROOT / "models_ml" / "starter"),
    about="A causal language model: a hub id or a folder. Unset: the starter model.",
)
COPYLIFT_TORCH_THREADS = env.integer(
    "COPYLIFT_TORCH_THREADS",
    1,
    minimum=1,
    maximum=256,
    about="Threads of one torch process. More than one only where it has the machine alone.",
)
COPYLIFT_ENCODER = env.text(
    "COPYLIFT_ENCODER",
    about="The encoder under the scorer: a hub id or a folder. Unset: the optional embedded one, else text features.",
)
COPYLIFT_PROVIDER_URL = env.text(
    "COPYLIFT_PROVIDER_URL",
    about="An OpenAI-compatible server that writes instead of the local model, such as http://gpu:8000/v1.",
)
COPYLIFT_PROVIDER_MODEL = env.text("COPYLIFT_PROVIDER_MODEL", about="The model that server is asked for.")
COPYLIFT_PROVIDER_KEY = env.secret(
    "COPYLIFT_PROVIDER_KEY", "", about="The key for that server. Never logged, never shown."
)
COPYLIFT_PROVIDER_TIMEOUT = env.integer(
    "COPYLIFT_PROVIDER_TIMEOUT", 60, minimum=1, maximum=3600, about="Seconds one call to that server may take."
)
COPYLIFT_PROVIDER_PRICE_IN = env.amount(
    "COPYLIFT_PROVIDER_PRICE_IN", about="What a million prompt tokens cost there; unset: costs are not counted."
)
COPYLIFT_PROVIDER_PRICE_OUT = env.amount(
    "COPYLIFT_PROVIDER_PRICE_OUT", about="What a million written tokens cost there."
)
COPYLIFT_PROVIDER_CURRENCY = env.text(
    "COPYLIFT_PROVIDER_CURRENCY", "USD", about="The currency of those prices, three letters."
)
# What `make run` starts beside the platform for the demo shop: arguments of manage.py, one list a process.
COPYLIFT_DEMO_PROCESSES: list[list[str]] = [["play_demo"]]
NINJA_PAGINATION_PER_PAGE = 100
SILENCED_SYSTEM_CHECKS = [] if HTTPS else ["security.W004", "security.W008", "security.W012", "security.W016"]
