"""One way to run an expression network: on torch, ONNX Runtime or OpenVINO."""
