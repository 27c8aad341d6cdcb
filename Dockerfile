# One image for every Airflow component and for the `livedash` command; docs/production.md says how to run it.
FROM python:3.11-slim-bookworm

# dumb-init reaps what Airflow's task processes leave behind and hands SIGTERM on.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends dumb-init \
    && rm -rf /var/lib/apt/lists/*

ENV AIRFLOW_HOME=/opt/airflow \
    PYTHONUNBUFFERED=1

# A volume mounted on logs/ takes over this owner.
RUN useradd --uid 50000 --user-group --create-home --home-dir "$AIRFLOW_HOME" --shell /usr/sbin/nologin airflow \
    && install --directory --owner=airflow --group=airflow "$AIRFLOW_HOME/logs"

# The dependencies in a layer of their own: without livedash_core this installs them and an empty package,
# and a change of our code does not install them again.
WORKDIR /usr/src/livedash
COPY pyproject.toml requirements.txt README.md LICENSE ./
# uv checks the hashes of the pins, which pip cannot do for constraints beside a local folder.
RUN pip install --no-cache-dir "uv==0.13.9" \
    && uv pip install --system --no-cache --compile-bytecode --constraint requirements.txt ".[production,topics]"

COPY livedash_core ./livedash_core
RUN uv pip install --system --no-cache --compile-bytecode --no-deps --reinstall .

# Owned by root: the processes that run this code cannot change it.
COPY dags ${AIRFLOW_HOME}/dags
COPY plugins ${AIRFLOW_HOME}/plugins

ARG REVISION=unknown
LABEL org.opencontainers.image.title="LiveDash pipeline" \
      org.opencontainers.image.description="Apache Airflow 3.3 with the LiveDash DAGs, pages and command line" \
      org.opencontainers.image.version="1.0.0" \
      org.opencontainers.image.revision="${REVISION}"

WORKDIR ${AIRFLOW_HOME}
# By number, so that Kubernetes can check runAsNonRoot.
USER 50000:50000
# It checks the environment, then becomes the command.
ENTRYPOINT ["dumb-init", "--", "livedash", "start"]
CMD ["airflow", "version"]
