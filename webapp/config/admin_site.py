"""What the admin pages of several apps share: names for what Django leaves unnamed, and reading
without writing.

Django gives the fields of a table's rows no label, and the two halves of a date and time none of
their own. What a script of Django's adds later is named by `static/js/admin.js`.
"""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db import models
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext


class NamedSplitDateTime(AdminSplitDateTime):
    """A date and a time, each with the field's name in its own: "Date, Starts at"."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        halves = (context["date_label"], context["time_label"])
        for widget, half in zip(context["widget"]["subwidgets"], halves, strict=True):
            whole = widget["attrs"].get("aria-label", "")
            # As they are shown, but for the colon.
            widget["attrs"]["aria-label"] = _named(str(half).rstrip(":"), whole)
        return context


class NamedFields:
    """For every `ModelAdmin` and inline of the site: each widget has a name."""

    formfield_overrides: ClassVar = {models.DateTimeField: {"widget": NamedSplitDateTime}}

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, NamedSplitDateTime):
            field.widget.attrs["aria-label"] = field.label
        return field


class SiteAdmin(NamedFields, admin.ModelAdmin):
    """Rows that admins may write."""


class NamedFormSet(BaseInlineFormSet):
    """Rows of a table whose fields say what they are and of which row: "Title, Lesson 3"."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        row = gettext("new row") if form.instance._state.adding else str(form.instance)
        for name, field in form.fields.items():
            if not field.widget.is_hidden:
                # Django wraps the list of a relation into the links to add to it.
                widget = getattr(field.widget, "widget", field.widget)
                label = field.label or forms.utils.pretty_name(name)
                widget.attrs["aria-label"] = _named(label, row)


class TableInline(NamedFields, admin.TabularInline):
    """Rows in a table on the page of what they belong to."""

    formset = NamedFormSet


class ReadOnlyAdmin(SiteAdmin):
    """Shows rows that only the program itself writes."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """What is not shown cannot be asked for in the address of a list either.

        `?mean_engagement__lt=0.3` would tell as much as the figure itself, and nobody would be
        logged as having looked.
        """
        return lookup.split("__")[0] not in self._unshown() and super().lookup_allowed(
            lookup, value, request
        )

    def _unshown(self) -> set[str]:
        names = {field.name for field in self.model._meta.get_fields()}
        shown = set(self.fields or names) - set(self.exclude or ())
        asked = {str(one[0] if isinstance(one, tuple) else one) for one in self.list_filter}
        return names - shown - {one.split("__")[0] for one in asked} - {"id"}


class SaidValuesFilter(admin.AllValuesFieldListFilter):
    """All values that a column has; an empty one is a link that can be seen."""

    def choices(self, changelist: ChangeList) -> Any:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or gettext("Empty")}


def _is_plain_text(field: models.Field) -> bool:
    return isinstance(field, models.CharField) and not field.choices


admin.FieldListFilter.register(_is_plain_text, SaidValuesFilter, take_priority=True)


def _named(what: str | Promise, whole: str | Promise) -> str:
    return f"{what}, {whole}" if whole else str(what)
