# The dashboard and its worker in one container (compose.yaml runs them separately):
#
#     docker build -t loptscope --build-arg TORCH_INDEX_URL=... .
#     docker run --rm -p 127.0.0.1:8050:8050 -v loptscope-runs:/var/lib/loptscope loptscope
#
# It answers under the names in LOPTSCOPE_HOSTS: add -e LOPTSCOPE_HOSTS=loptscope.example.org to publish it under another one.
# TORCH_INDEX_URL is the index of torch's CPU wheels from PyTorch's "Get Started" page. Without it, the image
# contains the CUDA build of torch, which also works and is gigabytes larger.

FROM python:3.11-slim

ARG TORCH_INDEX_URL=""

ENV PYTHONUNBUFFERED=1 \
    LOPTSCOPE_CACHE=/home/loptscope/.cache/loptscope \
    LOPTSCOPE_HOSTS=localhost,127.0.0.1,[::1] \
    LOPTSCOPE_RUNS=/var/lib/loptscope \
    NUMBA_CACHE_DIR=/opt/loptscope/.numba

WORKDIR /opt/loptscope

# The slow layer: it is built again only when the pins change.
COPY requirements.txt ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} -r requirements.txt

COPY LICENSE ./
COPY zoo zoo
COPY assets assets
COPY core core
COPY app app
COPY loptscope loptscope
RUN python -m compileall -q core app loptscope \
    && mkdir .numba \
    && python -m core.outer.kernels \
    && useradd --system --create-home loptscope \
    && install -d -o loptscope -g loptscope /var/lib/loptscope \
    && chown -R loptscope:loptscope .numba

USER loptscope

VOLUME /var/lib/loptscope

EXPOSE 8050

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8050/healthz', timeout=4)"]

# One server, which starts the processes that compute views, and a worker.
CMD ["python", "-m", "core", "serve", "--host", "0.0.0.0", "--port", "8050"]
