"""Meetings and a lesson's own video or slides are sent piece by piece, too: by no student."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0001_initial"),
        ("uploads", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # The key has an index of its own, and nobody has many rows.
        migrations.RemoveIndex(model_name="upload", name="uploads_of_student"),
        migrations.RenameField(model_name="upload", old_name="student", new_name="sender"),
        migrations.AddField(
            model_name="upload",
            name="kind",
            field=models.CharField(
                choices=[
                    ("recording", "recording"),
                    ("meeting", "recording of a meeting"),
                    ("material", "a lesson's video or slides"),
                ],
                default="recording",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="meeting",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="upload",
                to="groups.grouprecording",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="material",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="upload",
                to="courses.lessonmaterial",
            ),
        ),
    ]
