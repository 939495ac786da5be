"""`manage.py rotate_template_keys`: every face template under the newest key."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.groups.models import FaceTemplate
from webapp.groups.template_keys import TemplateUnreadableError, renew


class Command(BaseCommand):
    """Run it after a new key was put in front of TEMPLATE_KEY; then the old one may go."""

    help = "Encrypt every face template with the first key of TEMPLATE_KEY; erase unreadable ones."

    def handle(self, *args: Any, **options: Any) -> None:
        renewed = erased = 0
        for template in FaceTemplate.objects.iterator():
            try:
                template.encrypted = renew(bytes(template.encrypted))
            except TemplateUnreadableError:
                template.delete()
                erased += 1
            else:
                template.save(update_fields=["encrypted"])
                renewed += 1
        self.stdout.write(f"Renewed {renewed} face templates; erased {erased} that no key reads.")
