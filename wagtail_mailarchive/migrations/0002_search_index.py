"""The full-text index over MessageText, for which models have no word.

SQLite: an FTS5 table without text of its own, kept by triggers. PostgreSQL: a generated tsvector
column. Both index `scope`, so that the folder is part of the index's own question. FTS5 keeps it
in a column apart; a tsvector has no columns, so there it is a lexeme with a space in it, which no
text yields.
"""

from django.db import migrations

SQLITE = [
    """
    CREATE VIRTUAL TABLE wagtail_mailarchive_search USING fts5(
        scope, subject, people, body,
        content='wagtail_mailarchive_messagetext', content_rowid='id',
        tokenize="unicode61 remove_diacritics 2"
    )
    """,
    # Merging eight segments at once instead of four writes each word once less in a large index.
    """
    INSERT INTO wagtail_mailarchive_search(wagtail_mailarchive_search, rank)
    VALUES ('automerge', 8)
    """,
    """
    CREATE TRIGGER wagtail_mailarchive_search_insert
    AFTER INSERT ON wagtail_mailarchive_messagetext BEGIN
        INSERT INTO wagtail_mailarchive_search(rowid, scope, subject, people, body)
        VALUES (new.id, new.scope, new.subject, new.people, new.body);
    END
    """,
    """
    CREATE TRIGGER wagtail_mailarchive_search_delete
    AFTER DELETE ON wagtail_mailarchive_messagetext BEGIN
        INSERT INTO wagtail_mailarchive_search(
            wagtail_mailarchive_search, rowid, scope, subject, people, body)
        VALUES ('delete', old.id, old.scope, old.subject, old.people, old.body);
    END
    """,
    """
    CREATE TRIGGER wagtail_mailarchive_search_update
    AFTER UPDATE ON wagtail_mailarchive_messagetext BEGIN
        INSERT INTO wagtail_mailarchive_search(
            wagtail_mailarchive_search, rowid, scope, subject, people, body)
        VALUES ('delete', old.id, old.scope, old.subject, old.people, old.body);
        INSERT INTO wagtail_mailarchive_search(rowid, scope, subject, people, body)
        VALUES (new.id, new.scope, new.subject, new.people, new.body);
    END
    """,
]
SQLITE_REVERSE = [
    "DROP TRIGGER wagtail_mailarchive_search_update",
    "DROP TRIGGER wagtail_mailarchive_search_delete",
    "DROP TRIGGER wagtail_mailarchive_search_insert",
    "DROP TABLE wagtail_mailarchive_search",
]

# PostgreSQL's parser keeps addresses, hosts, paths, versions and numbers whole and drops tags.
# Punctuation is taken out before, and accents too, so that both databases find the same words;
# questions go through the same function. Plain ASCII has no accents to look for, which saves time.
# left(): a tsvector holds at most 1 MiB, and four-byte characters count four.
POSTGRESQL = [
    r"""
    CREATE FUNCTION wagtail_mailarchive_words(given text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE WHEN octet_length(given) = char_length(given)
        THEN regexp_replace(given, '[!-/:-@[-`{-~]+', ' ', 'g')
        ELSE normalize(
            regexp_replace(
                regexp_replace(normalize(given, NFD), '[\u0300-\u036f]+', '', 'g'),
                '[!-/:-@[-`{-~]+', ' ', 'g'
            ), NFC
        ) END
    $$
    """,
    """
    ALTER TABLE wagtail_mailarchive_messagetext ADD COLUMN search_vector tsvector
    GENERATED ALWAYS AS (
        array_to_tsvector(ARRAY['in ' || scope])
        || setweight(to_tsvector('simple', wagtail_mailarchive_words(left(subject, 10000))), 'A')
        || setweight(to_tsvector('simple', wagtail_mailarchive_words(left(people, 20000))), 'B')
        || setweight(to_tsvector('simple', wagtail_mailarchive_words(left(body, 150000))), 'D')
    ) STORED
    """,
    """
    CREATE INDEX wagtail_mailarchive_search
    ON wagtail_mailarchive_messagetext USING gin (search_vector)
    """,
]
POSTGRESQL_REVERSE = [
    "DROP INDEX wagtail_mailarchive_search",
    "ALTER TABLE wagtail_mailarchive_messagetext DROP COLUMN search_vector",
    "DROP FUNCTION wagtail_mailarchive_words(text)",
]


def _run(schema_editor, statements):
    for statement in statements.get(schema_editor.connection.vendor, []):
        schema_editor.execute(statement)


def create_index(apps, schema_editor):
    _run(schema_editor, {"sqlite": SQLITE, "postgresql": POSTGRESQL})


def drop_index(apps, schema_editor):
    _run(schema_editor, {"sqlite": SQLITE_REVERSE, "postgresql": POSTGRESQL_REVERSE})


class Migration(migrations.Migration):
    dependencies = [("wagtail_mailarchive", "0001_initial")]

    operations = [migrations.RunPython(create_index, drop_index)]
