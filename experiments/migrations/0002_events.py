"""The event table, partitioned by UTC day. Made by SQL: Django cannot declare partitions.

`sequence` has a sequence of its own and no identity, which partitioned tables do not have in PostgreSQL 15 and 16. There is no
default partition on purpose: with one, attaching a day would lock and scan it.
"""

from django.db import migrations, models

FORWARD = """
create sequence experiments_event_sequence as bigint;
create table experiments_event (
    id varchar(100) not null,
    day date not null,
    sequence bigint not null default nextval('experiments_event_sequence'),
    kind varchar(20) not null
        check (kind in ('exposure', 'click', 'conversion', 'rating', 'cost', 'custom')),
    experiment_id bigint,
    arm_id bigint,
    unit varchar(200) not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    value numeric(18, 6),
    margin numeric(18, 6),
    currency char(3),
    is_bot boolean not null default false,
    properties jsonb not null default '{}',
    primary key (day, id),
    check (day = (occurred_at at time zone 'UTC')::date),
    check (kind <> 'exposure' or (experiment_id is not null and arm_id is not null))
) partition by range (day);
alter sequence experiments_event_sequence owned by experiments_event.sequence;
create index experiments_event_sequence_idx on experiments_event (sequence);
create index experiments_event_unit_idx on experiments_event (unit);
"""

BACKWARD = "drop table experiments_event"


class Migration(migrations.Migration):
    """Laid beside the other tables."""

    dependencies = [("experiments", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(FORWARD, BACKWARD)],
            state_operations=[
            migrations.CreateModel(
                name='Event',
                fields=[
                    ('pk', models.CompositePrimaryKey('day', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('id', models.CharField(max_length=100)),
                    ('day', models.DateField()),
                    ('sequence', models.BigIntegerField()),
                    ('kind', models.CharField(choices=[('exposure', 'exposure'), ('click', 'click'), ('conversion', 'conversion'), ('rating', 'rating'), ('cost', 'cost'), ('custom', 'custom')], max_length=20)),
                    ('experiment_id', models.BigIntegerField(null=True)),
                    ('arm_id', models.BigIntegerField(null=True)),
                    ('unit', models.CharField(max_length=200)),
                    ('occurred_at', models.DateTimeField()),
                    ('received_at', models.DateTimeField()),
                    ('value', models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                    ('margin', models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                    ('currency', models.CharField(max_length=3, null=True)),
                    ('is_bot', models.BooleanField(default=False)),
                    ('properties', models.JSONField(default=dict)),
                ],
                options={
                    'verbose_name': 'event',
                    'verbose_name_plural': 'events',
                    'indexes': [models.Index(fields=['sequence'], name='experiments_event_sequence_idx'), models.Index(fields=['unit'], name='experiments_event_unit_idx')],
                },
            ),
            ],
        ),
    ]
