"""The full-text index in SQL, which models have no word for.

Migration 0002 makes it. Columns of the tables are those of the model, so that a change to either
needs a migration that drops the index and creates it again.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "wagtail_mailarchive_search"
_TEXT = "wagtail_mailarchive_messagetext"
_INDEXED = ("scope", "subject", "people", "files", "body", "attached", "marks", "cjk")

# -- SQLite ------------------------------------------------------------------------------------

_TOKENIZERS = {"english": "porter unicode61 remove_diacritics 2"}
_TOKENIZER = "unicode61 remove_diacritics 2"
_TABLE_FTS5 = """
    CREATE VIRTUAL TABLE {table} USING fts5(
        {columns}, content='wagtail_mailarchive_messagetext', content_rowid='id',
        tokenize="{tokenizer}"
    )
"""
# Merging eight segments at once instead of four writes each word once less in a large index.
_MERGE = "INSERT INTO {table}({table}, rank) VALUES ('automerge', 8)"
_INSERT = "INSERT INTO {table}(rowid, {columns}) VALUES (new.id, {new})"
_DELETE = "INSERT INTO {table}({table}, rowid, {columns}) VALUES ('delete', old.id, {old})"
_TRIGGERS = (
    ("insert", "AFTER INSERT", "new", (_INSERT,)),
    ("delete", "AFTER DELETE", "old", (_DELETE,)),
    ("update", "AFTER UPDATE", "old", (_DELETE, _INSERT)),
)
# The columns that hits are counted by; the rows themselves are long.
_FACTS = f"""
    CREATE INDEX wagtail_mailarchive_facts ON {_TEXT}
    (id, folder_id, sender, list_id, has_attachment, size, message_id)
"""


def sqlite_table(table: str, language: str) -> list[str]:
    """Return the statements that make an empty index in `language`."""
    values = {
        "table": table,
        "columns": ", ".join(_INDEXED),
        "tokenizer": _TOKENIZERS.get(language, _TOKENIZER),
    }
    return [_TABLE_FTS5.format(**values), _MERGE.format(**values)]


def sqlite_triggers(table: str, condition: str = "") -> list[str]:
    """Return the statements that keep `table` up to date.

    Args:
        condition: which rows it holds; {row} stands for "new" or "old".
    """
    values = {
        "table": table,
        "columns": ", ".join(_INDEXED),
        "new": ", ".join(f"new.{name}" for name in _INDEXED),
        "old": ", ".join(f"old.{name}" for name in _INDEXED),
    }
    made = []
    for name, moment, row, statements in _TRIGGERS:
        when = f"WHEN {condition.format(row=row)}" if condition else ""
        body = "; ".join(each.format(**values) for each in statements)
        made.append(f"CREATE TRIGGER {table}_{name} {moment} ON {_TEXT} {when} BEGIN {body}; END")
    return made


def sqlite_forget(table: str) -> list[str]:
    """Return the statements that take `table` and its triggers away, where they are there."""
    return [*sqlite_forget_triggers(table), f"DROP TABLE IF EXISTS {table}"]


def sqlite_forget_triggers(table: str) -> list[str]:
    """Return the statements that take away what keeps `table` up to date."""
    return [f"DROP TRIGGER IF EXISTS {table}_{name}" for name, *_ in _TRIGGERS]


def sqlite_copy(table: str, first: int, last: int) -> str:
    """Return the statement that indexes the texts from one key to another, both included."""
    columns = ", ".join(_INDEXED)
    return (
        f"INSERT INTO {table}(rowid, {columns}) SELECT id, {columns} FROM {_TEXT} "  # noqa: S608
        f"WHERE id BETWEEN {first:d} AND {last:d} ORDER BY id"
    )


# -- PostgreSQL --------------------------------------------------------------------------------

# PostgreSQL's parser keeps addresses, hosts, paths, versions and numbers whole and drops tags.
# Punctuation is taken out before, and accents too, so that both databases find the same words.
# Plain ASCII has no accents to look for, which saves time.
_WORDS = r"""
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
"""
# A tsvector holds at most 1 MiB: a word of four-byte characters takes four times its length, and
# its places two bytes each. Most texts are short, and counting characters takes time.
_CUT = """
    CREATE FUNCTION wagtail_mailarchive_cut(given text, most integer) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
        SELECT CASE WHEN octet_length(given) <= most THEN given
        WHEN octet_length(left(given, most)) > most * 2 THEN left(given, most / 2)
        ELSE left(given, most) END
    $$
"""
# What is asked for first stands first: beyond 16,383 words PostgreSQL counts no places. In steps,
# whose plans PL/pgSQL keeps, and with nothing joined that is empty: a quarter less time than as one
# expression.
_INDEX = """
    CREATE FUNCTION wagtail_mailarchive_index() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        subject text := wagtail_mailarchive_words(left(NEW.subject, 10000));
        people text := wagtail_mailarchive_words(left(NEW.people, 20000));
        files text := wagtail_mailarchive_words(left(NEW.files, 10000));
        body text := wagtail_mailarchive_words(wagtail_mailarchive_cut(NEW.body, 150000));
        attached text := wagtail_mailarchive_words(wagtail_mailarchive_cut(NEW.attached, 60000));
        config regconfig := coalesce(
            (SELECT coalesce(nullif(building, ''), language)
             FROM wagtail_mailarchive_searchindex LIMIT 1), 'simple'
        );
        vector tsvector := array_to_tsvector(
            string_to_array('in ' || NEW.scope || '|in ' || replace(NEW.marks, ' ', '|in '), '|')
        );
    BEGIN
        vector := vector || setweight(to_tsvector(config, subject), 'A')
            || setweight(to_tsvector(config, people), 'B');
        IF files <> '' THEN
            vector := vector || setweight(to_tsvector(config, files), 'C');
        END IF;
        IF NEW.cjk <> '' THEN
            vector := vector || to_tsvector('simple', NEW.cjk);
        END IF;
        vector := vector || to_tsvector(config, body);
        IF attached <> '' THEN
            vector := vector || to_tsvector(config, attached);
        END IF;
        NEW.search_vector := vector;
        RETURN NEW;
    END $$
"""
_TRIGGER = f"""
    CREATE TRIGGER wagtail_mailarchive_index
    BEFORE INSERT OR UPDATE OF scope, marks, subject, people, files, cjk, body, attached
    ON {_TEXT} FOR EACH ROW EXECUTE FUNCTION wagtail_mailarchive_index()
"""
# Left to itself the planner reads all vectors one after the other where it expects many hits, and
# does not know what that costs. "+ 0" keeps it from other indexes than that of words.
_PLAN = "SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off"
_TAKES = """
    lowest bigint, highest bigint, folders bigint[], larger bigint, hidden bigint[]
"""
_WHERE = """
    search_vector @@ question
    AND id + 0 BETWEEN lowest AND highest
    AND (folders IS NULL OR folder_id + 0 = ANY(folders))
    AND size > larger
    AND (cardinality(hidden) = 0 OR NOT (message_id + 0 = ANY(hidden)))
"""
_HITS = f"""
    CREATE FUNCTION wagtail_mailarchive_hits(question tsquery, {_TAKES})
    RETURNS TABLE (id bigint) LANGUAGE sql STABLE PARALLEL SAFE {_PLAN} AS $$
        SELECT id FROM {_TEXT} WHERE {_WHERE}
    $$
"""  # noqa: S608 (nothing in it is anybody's input)
# See `question.Facts.of_json`; keys of folders only where there are several.
_FACTS_OF_HITS = f"""
    CREATE FUNCTION wagtail_mailarchive_facts(question tsquery, {_TAKES}, most integer)
    RETURNS TABLE (ids text, folder_ids text, senders text, list_ids text, attached bigint)
    LANGUAGE sql STABLE PARALLEL SAFE {_PLAN} AS $$
        SELECT
            json_agg(id)::text,
            json_agg(folder_id) FILTER (WHERE folders IS NULL OR cardinality(folders) > 1)::text,
            json_agg(sender)::text,
            json_agg(list_id)::text,
            count(*) FILTER (WHERE has_attachment)
        FROM (
            SELECT id, folder_id, sender, list_id, has_attachment FROM {_TEXT}
            WHERE {_WHERE} LIMIT most
        ) AS hits
    $$
"""  # noqa: S608
_BEST = f"""
    CREATE FUNCTION wagtail_mailarchive_best(question tsquery, words tsquery, {_TAKES})
    RETURNS TABLE (id bigint, score real) LANGUAGE sql STABLE PARALLEL SAFE {_PLAN} AS $$
        SELECT id, -ts_rank(search_vector, words, 1) FROM {_TEXT} WHERE {_WHERE}
    $$
"""  # noqa: S608
_FUNCTIONS = (_WORDS, _CUT, _INDEX, _HITS, _FACTS_OF_HITS, _BEST, _TRIGGER)
# The last two are of an earlier version.
_FORGET_FUNCTIONS = (
    f"DROP TRIGGER wagtail_mailarchive_index ON {_TEXT}",
    "DROP FUNCTION IF EXISTS wagtail_mailarchive_best, wagtail_mailarchive_facts,"
    " wagtail_mailarchive_hits, wagtail_mailarchive_index, wagtail_mailarchive_cut,"
    " wagtail_mailarchive_words, wagtail_mailarchive_vector, wagtail_mailarchive_language",
)
_POSTGRESQL = (
    f"ALTER TABLE {_TEXT} ADD COLUMN search_vector tsvector",
    *_FUNCTIONS,
    f"UPDATE {_TEXT} SET scope = scope",  # noqa: S608 (nothing here is anybody's input)
    f"CREATE INDEX {TABLE} ON {_TEXT} USING gin (search_vector)",
)
_POSTGRESQL_FORGET = (
    *_FORGET_FUNCTIONS,
    f"DROP INDEX {TABLE}",
    f"ALTER TABLE {_TEXT} DROP COLUMN search_vector",
)


def postgresql_refresh(first: int, last: int) -> str:
    """Return the statement that makes the vectors from one key to another anew."""
    return f"UPDATE {_TEXT} SET scope = scope WHERE id BETWEEN {first:d} AND {last:d}"  # noqa: S608


def store_vectors(connection: BaseDatabaseWrapper, *, compressed: bool) -> None:
    """Say how PostgreSQL keeps vectors from now on; those there are stay as they are."""
    if connection.vendor == "postgresql":
        storage = "EXTENDED" if compressed else "EXTERNAL"
        execute(connection, f"ALTER TABLE {_TEXT} ALTER COLUMN search_vector SET STORAGE {storage}")


def renew_functions(connection: BaseDatabaseWrapper) -> None:
    """Put PostgreSQL's functions in place of those of an earlier version."""
    if connection.vendor == "postgresql":
        execute(connection, *_FORGET_FUNCTIONS, *_FUNCTIONS)


def create(connection: BaseDatabaseWrapper, language: str) -> None:
    """Make the index over all texts there are."""
    if connection.vendor == "sqlite":
        rebuild = f"INSERT INTO {TABLE}({TABLE}) VALUES ('rebuild')"  # noqa: S608
        execute(
            connection, *sqlite_table(TABLE, language), rebuild, *sqlite_triggers(TABLE), _FACTS
        )
    elif connection.vendor == "postgresql":
        execute(connection, *_POSTGRESQL)


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take the index away."""
    if connection.vendor == "sqlite":
        execute(connection, *sqlite_forget(TABLE), "DROP INDEX wagtail_mailarchive_facts")
    elif connection.vendor == "postgresql":
        execute(connection, *_POSTGRESQL_FORGET)


def execute(connection: BaseDatabaseWrapper, *statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
