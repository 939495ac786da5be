"""What runs networks: torch, ONNX Runtime, OpenVINO."""

import os

# ONNX Runtime 1.32 collects what it is used for and tries to send it, from a thread of its own,
# unless it is told before it is loaded. Nothing here tells another host anything.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
