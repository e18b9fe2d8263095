"""The experiment engine: targeting, phases, holdouts, adaptive batches, slices, looks.

Units have more columns now, so whatever was folded is folded anew from the stored events: the cursor goes back to the
beginning. Imported experiments keep their moments, which have columns of their own.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


COLUMNS = (
    "impressions,clicks,converted,orders,revenue,margin,cost,rating_sum,rating_count,clicked,revenue_capped,detractors,"
    "returned,pre_clicks,pre_orders,pre_revenue"
)
FOLD_ANEW = f"""
delete from experiments_unittotals;
update experiments_armmoments m set n = 0, columns = string_to_array('{COLUMNS}', ','),
    mean = array_fill(0::float8, array[16]), "cross" = array_fill(0::float8, array[256]), last_event_at = null
from experiments_arm a join experiments_experiment e on e.id = a.experiment_id
where a.id = m.arm_id and e.source = 'live';
update experiments_foldcursor set sequence = 0;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('experiments', '0002_events'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AllocationBatch',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('weights', models.JSONField(verbose_name='weights, by arm')),
                ('basis', models.JSONField(default=dict, verbose_name='what they were computed from')),
                ('started_at', models.DateTimeField(verbose_name='started')),
            ],
            options={
                'verbose_name': 'batch of adaptive allocation',
                'verbose_name_plural': 'batches of adaptive allocation',
                'ordering': ['experiment_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='Holdout',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=80, unique=True, verbose_name='key')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('share', models.FloatField(verbose_name='share')),
                ('seed', models.CharField(max_length=200, verbose_name='seed')),
                ('is_global', models.BooleanField(default=False, verbose_name='of every experiment')),
                ('is_active', models.BooleanField(default=True, verbose_name='active')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='made')),
            ],
            options={
                'verbose_name': 'holdout',
                'verbose_name_plural': 'holdouts',
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='LearnedPrior',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=80, unique=True, verbose_name='metric')),
                ('experiments', models.PositiveIntegerField(verbose_name='experiments')),
                ('mean', models.FloatField(verbose_name='mean effect, log scale')),
                ('spread', models.FloatField(verbose_name='standard deviation of true effects, log scale')),
                ('details', models.JSONField(default=dict, verbose_name='details')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='learned')),
            ],
            options={
                'verbose_name': 'learned prior',
                'verbose_name_plural': 'learned priors',
                'ordering': ['metric'],
            },
        ),
        migrations.CreateModel(
            name='Phase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('seed', models.CharField(max_length=200, verbose_name='seed')),
                ('weights', models.JSONField(verbose_name='weights, by arm')),
                ('coverage', models.FloatField(verbose_name='coverage')),
                ('reason', models.TextField(blank=True, verbose_name='reason')),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
            ],
            options={
                'verbose_name': 'phase',
                'verbose_name_plural': 'phases',
                'ordering': ['experiment_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='SliceMoments',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dimension', models.CharField(max_length=80)),
                ('value', models.CharField(max_length=200)),
                ('n', models.BigIntegerField(default=0)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('mean', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ('cross', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
            ],
            options={
                'verbose_name': 'moments of a slice',
                'verbose_name_plural': 'moments of slices',
            },
        ),
        migrations.CreateModel(
            name='UnitIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(max_length=200, unique=True)),
                ('canonical', models.CharField(db_index=True, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'name of a unit',
                'verbose_name_plural': 'names of units',
            },
        ),
        migrations.AddField(
            model_name='analysis',
            name='details',
            field=models.JSONField(blank=True, null=True, verbose_name='details'),
        ),
        migrations.AddField(
            model_name='analysis',
            name='information',
            field=models.FloatField(blank=True, null=True, verbose_name='share of the plan'),
        ),
        migrations.AddField(
            model_name='analysis',
            name='look',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='look'),
        ),
        migrations.AddField(
            model_name='analysis',
            name='moments',
            field=models.JSONField(default=dict, verbose_name='moments, by arm'),
        ),
        migrations.AddField(
            model_name='analysis',
            name='phase',
            field=models.PositiveSmallIntegerField(default=1, verbose_name='phase'),
        ),
        migrations.AddField(
            model_name='arm',
            name='dropped_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='dropped'),
        ),
        migrations.AddField(
            model_name='event',
            name='is_prefetch',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='event',
            name='name',
            field=models.CharField(max_length=80, null=True),
        ),
        migrations.AddField(
            model_name='experiment',
            name='adaptive_settings',
            field=models.JSONField(blank=True, default=dict, verbose_name='settings of adaptive allocation'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='allocation',
            field=models.CharField(choices=[('fixed', 'fixed weights'), ('adaptive', 'adaptive (Thompson sampling with floors)')], default='fixed', max_length=20, verbose_name='allocation'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='alpha',
            field=models.FloatField(default=0.05, verbose_name='chance of a false call'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='condition',
            field=models.JSONField(blank=True, default=dict, verbose_name='targeting condition'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='conversion_window_hours',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='conversion window in hours'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='covariate_days',
            field=models.PositiveSmallIntegerField(default=28, verbose_name='days of history before the exposure'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='design',
            field=models.CharField(blank=True, choices=[('', 'automatic'), ('group_sequential', 'group sequential'), ('confidence_sequence', 'confidence sequence'), ('fixed', 'one look at the end')], default='', max_length=20, verbose_name='design'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='dimensions',
            field=models.JSONField(blank=True, default=list, verbose_name='dimensions'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='forced',
            field=models.JSONField(blank=True, default=dict, verbose_name='forced arms, by unit'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='guardrails',
            field=models.JSONField(blank=True, default=list, verbose_name='guardrails'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='metrics',
            field=models.JSONField(blank=True, default=list, verbose_name='further metrics'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='minimum_hours',
            field=models.PositiveIntegerField(default=0, verbose_name='hours it runs at least'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='notice',
            field=models.JSONField(blank=True, null=True, verbose_name='notice'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='pause_on_breach',
            field=models.BooleanField(default=True, verbose_name='pause when a guardrail is broken'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='phase',
            field=models.PositiveSmallIntegerField(default=1, verbose_name='phase'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='phase_started_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='phase started'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='plan',
            field=models.JSONField(blank=True, null=True, verbose_name='plan'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='planned_looks',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='planned looks'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='revenue_cap',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=18, null=True, verbose_name='revenue cap'),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='batch',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='detractors',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='extra',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DecimalField(decimal_places=6, max_digits=24), default=list, size=None),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='is_marked',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='pre_clicks',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='pre_orders',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='pre_revenue',
            field=models.DecimalField(decimal_places=6, default=0, max_digits=24),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='returned',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='unittotals',
            name='slices',
            field=models.JSONField(default=dict),
        ),
        migrations.AddConstraint(
            model_name='analysis',
            constraint=models.UniqueConstraint(condition=models.Q(('look__isnull', False)), fields=('experiment', 'phase', 'look'), name='experiments_one_look'),
        ),
        migrations.AddField(
            model_name='allocationbatch',
            name='experiment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='batches', to='experiments.experiment', verbose_name='experiment'),
        ),
        migrations.AddConstraint(
            model_name='holdout',
            constraint=models.CheckConstraint(condition=models.Q(('share__gte', 0), ('share__lte', 1)), name='experiments_holdout_share_0_to_1'),
        ),
        migrations.AddField(
            model_name='experiment',
            name='holdouts',
            field=models.ManyToManyField(blank=True, related_name='experiments', to='experiments.holdout', verbose_name='holdouts'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('alpha__gt', 0), ('alpha__lt', 1)), name='experiments_alpha_0_to_1'),
        ),
        migrations.AddField(
            model_name='phase',
            name='experiment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='phases', to='experiments.experiment', verbose_name='experiment'),
        ),
        migrations.AddField(
            model_name='slicemoments',
            name='arm',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='slices', to='experiments.arm'),
        ),
        migrations.AddConstraint(
            model_name='allocationbatch',
            constraint=models.UniqueConstraint(fields=('experiment', 'number'), name='experiments_batch_number'),
        ),
        migrations.AddConstraint(
            model_name='phase',
            constraint=models.UniqueConstraint(fields=('experiment', 'number'), name='experiments_phase_number'),
        ),
        migrations.AddConstraint(
            model_name='slicemoments',
            constraint=models.UniqueConstraint(fields=('arm', 'dimension', 'value'), name='experiments_slice'),
        ),
        migrations.RunSQL(FOLD_ANEW, migrations.RunSQL.noop),
    ]
