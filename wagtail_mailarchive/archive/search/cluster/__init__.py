"""Search by Elasticsearch or OpenSearch, where the site has told Wagtail of one.

client.py    the site's own connection, and what goes wrong there
index.py     a message -> what the cluster holds of it; telling it
asking.py    a question -> what the cluster is asked
backend.py   the answers
feed.py      what has changed, told by a later task
building.py  the index made anew
schema.py    what notes the changes, in SQL
"""
