"""Writes messages with SQLAlchemy: one model with a few columns, one with all."""
import json
import sys

from sqlalchemy import Column, Float, Integer, MetaData, Table, Text, create_engine, func
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, registry

given = json.loads(sys.argv[1])
TYPES = {"TEXT": Text, "INTEGER": Integer, "REAL": Float}
mapper = registry()


@mapper.mapped
class Small:
    __table__ = Table(
        "messages",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("recipient", Text),
        Column("text", Text),
        Column("reference", Text),
        Column("updated_at", Float, onupdate=func.now()),
    )


@mapper.mapped
class Whole:
    __table__ = Table(
        "messages",
        MetaData(),
        *[Column(name, TYPES[kind], primary_key=name == "id") for name, kind in given["columns"].items()],
    )


engine = create_engine("sqlite:///" + given["path"])


def attempt(work):
    with Session(engine, expire_on_commit=False) as session:
        try:
            result = work(session)
            session.commit()
            return None if result is None else result.id
        except DatabaseError as error:
            return str(error.orig)


def save(record):
    return lambda session: session.add(record) or session.flush()


small = Small(**given["small"])
whole = Whole(**given["whole"])
attempt(save(small))
attempt(save(whole))
attempt(lambda session: session.bulk_insert_mappings(Whole, given["bulk"]))
skip = insert(Whole.__table__).values(**given["keyed"]).on_conflict_do_nothing(index_elements=["idempotency_key"])
with engine.begin() as connection:
    connection.execute(skip)
    connection.execute(skip)
small.reference = "changed"
whole.reference = "changed"
attempt(save(small))
attempt(save(whole))


def read():
    with Session(engine) as session:
        found = session.get(Whole, whole.id)
        return {name: getattr(found, name) for name in given["columns"]}


stale = read()
print(json.dumps({"small": small.id, "whole": whole.id}), flush=True)

sys.stdin.readline()

small.reference = "changed again"


def merge(row, reference):
    # merge() compares every column with the row.
    return attempt(lambda session: session.merge(Whole(**{**row, "reference": reference})) and None)


print(json.dumps({"small": attempt(save(small)), "stale": merge(stale, "stale"), "fresh": merge(read(), "fresh")}))
