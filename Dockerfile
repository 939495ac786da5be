# One image for the web server and the worker.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 ENGAGEMENT_DATA_DIR=/data
WORKDIR /app

# OpenCV's headless wheel needs glib, tesseract reads name tags in recordings of a meeting, and PDF
# reports are drawn with Pango in the DejaVu fonts; everything else comes in wheels.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes libglib2.0-0 tesseract-ocr \
        libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*

COPY pyproject.toml README.md LICENSE NOTICE manage.py ./
COPY engagement engagement
COPY webapp webapp
COPY workers workers
RUN pip install --editable '.[web]' \
    && useradd --create-home --uid 1000 app && mkdir /data && chown app /data

USER app
VOLUME /data
EXPOSE 8000
