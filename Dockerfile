# A tag moves; a digest does not. To build on one image only, pull it, read its digest, and name it:
#   docker pull python:3.11-slim
#   docker image inspect --format '{{index .RepoDigests 0}}' python:3.11-slim
#   docker build --build-arg BASE=python@sha256:... .
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements/run.txt requirements/build.txt requirements/
# The bot goes to /opt/bot, without pip. The build tools stay in /opt/build, in this stage.
RUN python -m venv --without-pip /opt/bot \
    && pip --python /opt/bot/bin/python install --only-binary :all: --require-hashes -r requirements/run.txt \
    && python -m venv --without-pip /opt/build \
    && pip --python /opt/build/bin/python install --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
RUN /opt/build/bin/python -m hatchling build --target wheel --directory /tmp/wheel \
    && pip --python /opt/bot/bin/python install --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/bot/bin/invoice-bot --version

FROM ${BASE}
LABEL org.opencontainers.image.title="lightning-invoice-bot" \
      org.opencontainers.image.description="A Telegram bot that makes invoices at your own LND node" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 bot \
    && useradd --uid 10001 --gid bot --home-dir /data --no-create-home --shell /usr/sbin/nologin bot \
    && install --directory --owner bot --group bot --mode 0700 /data
COPY --from=build /opt/bot /opt/bot
# Modules were compiled when they were installed, so the bot writes only to /data.
ENV PATH=/opt/bot/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
USER 10001:10001
# While it runs, the bot touches a file beside its database every ten seconds.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "find /data -maxdepth 1 -name '*.alive' -mmin -1 | grep -q ."]
ENTRYPOINT ["invoice-bot"]
CMD ["run"]
