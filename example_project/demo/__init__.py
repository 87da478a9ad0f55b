"""`make demo`: the intranet with its worker and a mail server, until Ctrl-C.

    python -m example_project.demo [--port 8000] [--mail-port 9993] [--var FOLDER]

Everything it makes lies in one folder; deleting that starts anew.
"""
