"""The intranet's one app."""

from django.apps import AppConfig


class IntranetConfig(AppConfig):
    name = "example_project.intranet"
    label = "intranet"
