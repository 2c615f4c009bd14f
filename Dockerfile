# Any base with Python 3.11 to 3.14 as `python3`, its `venv` module and CA certificates will do. A tag moves; to
# build the same image again next year, name the base by digest:
#   docker build --build-arg BASE=python:3.13-slim@sha256:… -t bulk .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# Two environments: tools, which stay behind, and /opt/bulk, which is carried over and has no pip in it.
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /tools \
 && /tools/bin/pip install --quiet --require-hashes -r requirements-build.lock \
 && python3 -m venv --without-pip /opt/bulk \
 && /tools/bin/pip --python /opt/bulk/bin/python install --quiet --require-hashes --only-binary :all: \
      --no-compile -r requirements.lock

COPY LICENSE README.md pyproject.toml ./
COPY bulk bulk
# Bytecode that is never compared with its source needs no matching times and works on a read-only root.
RUN /tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /tools/bin/pip --python /opt/bulk/bin/python install --quiet --no-index --no-deps --no-compile /wheels/*.whl \
 && /opt/bulk/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/bulk/lib

FROM ${BASE}
COPY --from=build /opt/bulk /opt/bulk
# HOME and the lock folder stand in the volume: the user has no other place, and containers that share the volume
# see each other's locks.
ENV PATH=/opt/bulk/bin:$PATH \
    HOME=/data \
    BULK_STATE_DIR=/data/.bulk \
    PYTHONUNBUFFERED=1
# Starting it once proves that it starts, and leaves bytecode of the standard library where the base has none.
# The volume is open to whatever user a cluster picks; what bulk writes there, only that user can read.
RUN bulk --help > /dev/null \
 && rm -rf /data \
 && mkdir -m 1777 /data \
 && chown 65532:65532 /data
ENV PYTHONDONTWRITEBYTECODE=1

ARG REVISION=unknown
LABEL org.opencontainers.image.title="bulk" \
      org.opencontainers.image.description="Carry large contact files into customer-messaging systems" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.revision="${REVISION}"

USER 65532:65532
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["bulk"]
