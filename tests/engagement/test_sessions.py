"""Loaded graphs, and what loading and dropping them does to the process."""

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SIGNALLED = """
import faulthandler, gc, os, signal
from onnx import TensorProto, helper
from engagement.runtimes.sessions import OpenVinoSession

faulthandler.enable()  # Python's handlers then run on a stack of their own
shape = [None, 4]
node = helper.make_node("Relu", ["x"], ["y"])
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
model = helper.make_model(
    helper.make_graph([node], "g", ends[:1], ends[1:]),
    ir_version=8, opset_imports=[helper.make_opsetid("", 17)],
)
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append("stopped"))
first = OpenVinoSession(model.SerializeToString(), threads=1)
second = OpenVinoSession(model.SerializeToString(), threads=1)
del first
gc.collect()
del second
gc.collect()
os.kill(os.getpid(), signal.SIGTERM)
print(*told)
"""


def test_a_process_that_dropped_its_models_still_takes_signals() -> None:
    """Of several OpenVINO cores, one that goes leaves the stack for signals to unmapped memory."""
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED], capture_output=True, text=True, cwd=_ROOT
    )
    assert (done.returncode, done.stdout.strip()) == (0, "stopped"), done.stderr
