# Three images from one file:
#   docker build --target web  .    web, default worker, clock, migrations: no torch
#   docker build --target cpu  .    the gpu-queue worker without a GPU
#   docker build --target cuda .    the gpu-queue worker on NVIDIA GPUs
# docker-compose.yml uses them. Nothing runs as root; data lies in /var/lib/copylift.
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app:/app/platform \
    PATH=/venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=config.settings \
    COPYLIFT_VAR=/var/lib/copylift \
    COPYLIFT_LOG_STYLE=json
# What draws reports as PDF, with letters for both languages.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
        fonts-dejavu-core fonts-wqy-zenhei \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 copylift \
    && useradd --uid 10001 --gid copylift --home-dir /var/lib/copylift --shell /usr/sbin/nologin copylift \
    && install -d -o copylift -g copylift -m 0750 /var/lib/copylift

# --- packages, in layers that change rarely ---------------------------------------------------------------------
FROM base AS web-packages
COPY requirements-web.txt /requirements/
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements/requirements-web.txt

FROM web-packages AS cpu-packages
# Without a CPU index, Linux gets the CUDA build: several gigabytes more, and it runs all the same. PyTorch's install page
# gives the address: docker compose build --build-arg TORCH_CPU_INDEX=… The pin in requirements.txt is then satisfied.
ARG TORCH_CPU_INDEX=
COPY requirements.txt /requirements/
RUN if [ -n "$TORCH_CPU_INDEX" ]; then \
        /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --index-url "$TORCH_CPU_INDEX" \
            "$(grep '^torch==' /requirements/requirements.txt)"; \
    fi \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements/requirements.txt

FROM web-packages AS cuda-packages
# The ordinary Linux build of torch brings its CUDA libraries along; the driver comes from the host.
COPY requirements.txt /requirements/
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements/requirements.txt

# --- code -------------------------------------------------------------------------------------------------------
FROM base AS code
WORKDIR /app
COPY . /app
VOLUME /var/lib/copylift
# By number, so that Kubernetes' runAsNonRoot can tell.
USER 10001:10001

FROM code AS worker-base
ENV OMP_NUM_THREADS=1 \
    HF_HOME=/var/lib/copylift/huggingface
CMD ["celery", "-A", "config", "worker", "-Q", "gpu", "-c", "1", "-n", "gpu-worker@%h", "-l", "INFO"]
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD celery -A config inspect ping -d "gpu-worker@$(hostname)" -t 10 || exit 1

FROM worker-base AS cpu
COPY --from=cpu-packages /venv /venv

FROM worker-base AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=cuda-packages /venv /venv

FROM code AS web
COPY --from=web-packages /venv /venv
EXPOSE 8000
# Static files belong to the version of the code, and the volume outlives it: collected at each start.
CMD ["sh", "-c", "python manage.py collectstatic --noinput --verbosity 0 && exec gunicorn config.wsgi:application --bind 0.0.0.0:8000 --worker-class gthread --workers ${WEB_WORKERS:-2} --threads 4 --no-control-socket"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import sys, urllib.request as r; sys.exit(r.urlopen('http://127.0.0.1:8000/healthz', timeout=4).status != 200)"]
