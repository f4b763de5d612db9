# One image for the server and the worker. torch comes from the CPU index by default; for NVIDIA GPUs:
#   docker build --build-arg TORCH_INDEX_URL=https://download.pytorch.org/whl/cu128 --tag danlu:0.1.0-cuda .
# PIP_FIND_LINKS may name a folder of wheels (a URL) that torch is taken from instead. Without docker-compose.yml:
#   docker run --init --publish 127.0.0.1:8000:8000 --volume danlu:/data danlu:0.1.0

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 VIRTUAL_ENV=/opt/danlu PATH=/opt/danlu/bin:$PATH
RUN python -m venv /opt/danlu
# torch first and alone, then everything else that is not ours: these layers stay cached while only the code changes.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG TORCH_SPEC=torch>=2.10
ARG PIP_FIND_LINKS=
RUN if [ -n "$PIP_FIND_LINKS" ]; then \
      pip install --no-index --no-deps --find-links "$PIP_FIND_LINKS" "$TORCH_SPEC"; \
    else \
      pip install --no-deps --index-url "$TORCH_INDEX_URL" "$TORCH_SPEC"; \
    fi
WORKDIR /src
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > /tmp/requirements.txt && pip install --requirement /tmp/requirements.txt
COPY README.md LICENSE ./
COPY app app
COPY danlu danlu
COPY worker worker
COPY templates templates
COPY static static
COPY migrations migrations
# uv, for scripts that bring their own requirements.
RUN pip install --no-deps . && pip install "uv>=0.8"

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Danlu" \
      org.opencontainers.image.description="Launch, watch and compare PyTorch training runs" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --create-home --uid 1000 danlu && install -d -o danlu -g danlu -m 0700 /data
COPY --from=build /opt/danlu /opt/danlu
ENV PATH=/opt/danlu/bin:$PATH PYTHONUNBUFFERED=1 DANLU_HOME=/data
USER 1000
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Answered by the server; the worker of docker-compose.yml has a check of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/healthz', headers={'Host': 'localhost'}), timeout=4)"]
CMD ["danlu", "server", "--host", "0.0.0.0", "--port", "8000"]
