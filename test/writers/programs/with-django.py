"""Writes messages with Django: one model with a few columns, one with all. save() writes every column of a model."""
import json
import sys

import django
from django.conf import settings
from django.db import DatabaseError, models

given = json.loads(sys.argv[1])
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": given["path"], "OPTIONS": {"timeout": 5}}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)
django.setup()
TYPES = {"TEXT": models.TextField, "INTEGER": models.IntegerField, "REAL": models.FloatField}


class Meta:
    managed = False
    db_table = "messages"
    app_label = "writers"


class Small(models.Model):
    recipient = models.TextField()
    text = models.TextField(null=True)
    reference = models.TextField(null=True)
    updated_at = models.DateTimeField(auto_now=True)
    Meta = Meta


columns = {name: TYPES[kind](null=True) for name, kind in given["columns"].items() if name != "id"}
Whole = type("Whole", (models.Model,), {**columns, "Meta": Meta, "__module__": __name__})


def attempt(work):
    try:
        work()
        return None
    except DatabaseError as error:
        return str(error)


small = Small.objects.create(**given["small"])
whole = Whole.objects.create(**given["whole"])
Whole.objects.bulk_create([Whole(**row) for row in given["bulk"]])
for _ in range(2):
    Whole.objects.get_or_create(idempotency_key=given["keyed"]["idempotency_key"], defaults=given["keyed"])
for message in (small, whole):
    message.reference = "changed"
    message.save()
print(json.dumps({"small": small.id, "whole": whole.id}), flush=True)

sys.stdin.readline()
small.reference = "changed again"
whole.reference = "stale"
fresh = Whole.objects.get(id=whole.id)
fresh.reference = "fresh"
print(json.dumps({"small": attempt(small.save), "stale": attempt(whole.save), "fresh": attempt(fresh.save)}))
