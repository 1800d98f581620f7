# The demo as a container: no root, and nothing to write but /tmp.
#   docker build -t streaming-llm .
#   docker run --rm -p 7860:7860 --read-only --tmpfs /tmp streaming-llm
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    HF_HOME=/tmp/huggingface \
    XDG_CACHE_HOME=/tmp/cache \
    GRADIO_TEMP_DIR=/tmp/gradio \
    MPLCONFIGDIR=/tmp/matplotlib

WORKDIR /app
# PyTorch's own index has wheels for the CPU alone; those of PyPI bring gigabytes of CUDA along. "" is PyPI's:
#   docker build --build-arg TORCH_INDEX= -t streaming-llm .
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt .
RUN pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep ^torch requirements.txt)" \
    && pip install --requirement requirements.txt

COPY app.py ./
COPY streaming streaming
COPY comparisons comparisons
COPY assets assets

RUN useradd --uid 1000 --no-create-home visitor
USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/gradio_api/health', timeout=4)"]
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
