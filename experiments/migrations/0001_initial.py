"""Experiments, arms, what events fold into, analyses."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Arm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(verbose_name='position')),
                ('key', models.SlugField(db_index=False, max_length=80, verbose_name='key')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('is_control', models.BooleanField(default=False, verbose_name='control')),
                ('weight', models.FloatField(verbose_name='weight')),
                ('content', models.JSONField(blank=True, default=dict, verbose_name='content')),
            ],
            options={
                'verbose_name': 'arm',
                'verbose_name_plural': 'arms',
                'ordering': ['experiment_id', 'position'],
            },
        ),
        migrations.CreateModel(
            name='ArmMoments',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('n', models.BigIntegerField(default=0)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ('mean', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ('cross', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), size=None)),
                ('last_event_at', models.DateTimeField(null=True)),
                ('arm', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='moments', to='experiments.arm')),
            ],
            options={
                'verbose_name': 'moments of an arm',
                'verbose_name_plural': 'moments of arms',
            },
        ),
        migrations.CreateModel(
            name='Experiment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=80, unique=True, verbose_name='key')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('hypothesis', models.TextField(blank=True, verbose_name='hypothesis')),
                ('status', models.CharField(choices=[('draft', 'draft'), ('running', 'running'), ('paused', 'paused'), ('stopped', 'stopped'), ('decided', 'decided')], default='draft', max_length=20, verbose_name='status')),
                ('source', models.CharField(choices=[('live', 'live'), ('imported', 'imported')], default='live', max_length=20, verbose_name='source')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('seed', models.CharField(max_length=200, verbose_name='seed')),
                ('hash_version', models.PositiveSmallIntegerField(default=2, verbose_name='hash version')),
                ('coverage', models.FloatField(default=1.0, verbose_name='coverage')),
                ('namespace', models.JSONField(blank=True, null=True, verbose_name='namespace')),
                ('currency', models.CharField(default='USD', max_length=3, verbose_name='currency')),
                ('goal_metric', models.CharField(default='conversion', max_length=80, verbose_name='goal metric')),
                ('planned_units', models.PositiveBigIntegerField(blank=True, null=True, verbose_name='planned units')),
                ('planned_end', models.DateTimeField(blank=True, null=True, verbose_name='planned end')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='made')),
                ('started_at', models.DateTimeField(blank=True, null=True, verbose_name='started')),
                ('stopped_at', models.DateTimeField(blank=True, null=True, verbose_name='stopped')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('decision', models.JSONField(blank=True, null=True, verbose_name='decision')),
                ('origin', models.JSONField(blank=True, null=True, verbose_name='origin')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by')),
            ],
            options={
                'verbose_name': 'experiment',
                'verbose_name_plural': 'experiments',
                'ordering': ['-created_at', '-id'],
                'permissions': [('launch_experiment', 'Can start, pause, stop and decide experiments'), ('import_experiment', 'Can import past experiments')],
            },
        ),
        migrations.AddField(
            model_name='arm',
            name='experiment',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='arms', to='experiments.experiment', verbose_name='experiment'),
        ),
        migrations.CreateModel(
            name='Analysis',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='made')),
                ('is_final', models.BooleanField(default=False, verbose_name='final')),
                ('inputs_hash', models.CharField(max_length=64)),
                ('settings', models.JSONField(verbose_name='settings')),
                ('results', models.JSONField(verbose_name='results')),
                ('verdict', models.CharField(max_length=20, verbose_name='verdict')),
                ('sentence', models.TextField(verbose_name='sentence')),
                ('chart_svg', models.TextField(blank=True)),
                ('experiment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='analyses', to='experiments.experiment', verbose_name='experiment')),
            ],
            options={
                'verbose_name': 'analysis',
                'verbose_name_plural': 'analyses',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='FoldCursor',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('sequence', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'fold cursor',
                'verbose_name_plural': 'fold cursors',
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='experiments_one_cursor')],
            },
        ),
        migrations.CreateModel(
            name='UnitTotals',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('unit', models.CharField(max_length=200)),
                ('first_exposed_at', models.DateTimeField()),
                ('last_event_at', models.DateTimeField()),
                ('impressions', models.BigIntegerField(default=0)),
                ('clicks', models.BigIntegerField(default=0)),
                ('orders', models.BigIntegerField(default=0)),
                ('converted', models.PositiveSmallIntegerField(default=0)),
                ('revenue', models.DecimalField(decimal_places=6, default=0, max_digits=24)),
                ('margin', models.DecimalField(decimal_places=6, default=0, max_digits=24)),
                ('cost', models.DecimalField(decimal_places=6, default=0, max_digits=24)),
                ('rating_sum', models.DecimalField(decimal_places=6, default=0, max_digits=24)),
                ('rating_count', models.BigIntegerField(default=0)),
                ('in_two_arms', models.BooleanField(default=False)),
                ('arm', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='experiments.arm')),
                ('experiment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='experiments.experiment')),
            ],
            options={
                'verbose_name': 'unit',
                'verbose_name_plural': 'units',
            },
        ),
        migrations.AddIndex(
            model_name='experiment',
            index=models.Index(fields=['source', 'status'], name='experiments_source_status'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['draft', 'running', 'paused', 'stopped', 'decided'])), name='experiments_experiment_status'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('coverage__gte', 0), ('coverage__lte', 1)), name='experiments_coverage_0_to_1'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('hash_version__in', [1, 2])), name='experiments_hash_version_1_or_2'),
        ),
        migrations.AddConstraint(
            model_name='experiment',
            constraint=models.CheckConstraint(condition=models.Q(('stopped_at__isnull', True), ('started_at__isnull', True), ('stopped_at__gte', models.F('started_at')), _connector='OR'), name='experiments_stopped_after_started'),
        ),
        migrations.AddConstraint(
            model_name='arm',
            constraint=models.UniqueConstraint(fields=('experiment', 'key'), name='experiments_arm_key'),
        ),
        migrations.AddConstraint(
            model_name='arm',
            constraint=models.UniqueConstraint(fields=('experiment', 'position'), name='experiments_arm_position'),
        ),
        migrations.AddConstraint(
            model_name='arm',
            constraint=models.UniqueConstraint(condition=models.Q(('is_control', True)), fields=('experiment',), name='experiments_one_control'),
        ),
        migrations.AddConstraint(
            model_name='arm',
            constraint=models.CheckConstraint(condition=models.Q(('weight__gte', 0)), name='experiments_weight_not_negative'),
        ),
        migrations.AddIndex(
            model_name='analysis',
            index=models.Index(fields=['experiment', '-created_at'], name='experiments_newest_analysis'),
        ),
        migrations.AddIndex(
            model_name='unittotals',
            index=models.Index(fields=['unit'], name='experiments_totals_unit'),
        ),
        migrations.AddIndex(
            model_name='unittotals',
            index=models.Index(condition=models.Q(('in_two_arms', True)), fields=['experiment'], name='experiments_two_arms'),
        ),
        migrations.AddConstraint(
            model_name='unittotals',
            constraint=models.UniqueConstraint(fields=('experiment', 'unit'), name='experiments_unit'),
        ),
    ]
