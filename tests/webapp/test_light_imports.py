"""No web process ever loads the heavy libraries, whatever page it serves."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "cv2",
    "av",
    "facenet_pytorch",
    "engagement.pipeline",
    # Offered by every page's export menu, and loaded by the first download alone.
    "weasyprint",
    "pyarrow",
    "xlsxwriter",
)

SERVE = """
import json, sys, uuid
import django
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment
from webapp.config.wsgi import application

setup_test_environment()
call_command("migrate", verbosity=0)
from tests.factories import build_document
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.stack import demo_data

data = demo_data.create("secret")
student, instructor = data.logins["student"].user, data.logins["instructor"].user
recording = Recording.objects.create(
    lesson=data.lesson, student=student, original_name="a.mp4", size_bytes=1, sha256="0" * 64
)
analysis = Analysis.objects.create(recording=recording, state="finished")
AnalysisDocument.objects.create(analysis=analysis, document=build_document())
client = Client()
statuses = {"login": client.get("/accounts/login/").status_code}
client.force_login(instructor)
for path in ("/", f"/lessons/{data.lesson.pk}/", f"/recordings/{recording.pk}/report/",
             f"/recordings/{recording.pk}/report/data/",
             f"/courses/{data.lesson.course_id}/calibration/"):
    statuses[path] = client.get(path).status_code
client.force_login(data.logins["admin"].user)
statuses["admin"] = client.get("/admin/").status_code
print(json.dumps([statuses, [name for name in HEAVY if name in sys.modules]]))
"""


def test_serving_pages_loads_no_heavy_library(tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "webapp.config.settings",
        "ENGAGEMENT_DATA_DIR": str(tmp_path),
        "DATABASE_URL": "",
        "PYTHONPATH": str(ROOT),
    }
    code = SERVE.replace("HEAVY", repr(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    statuses, loaded = json.loads(done.stdout.splitlines()[-1])
    assert set(statuses.values()) == {200}, statuses
    assert loaded == []
