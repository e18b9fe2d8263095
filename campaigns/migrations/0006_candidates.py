"""Candidates that nobody has handed in yet may still change, as waiting copy may; everything later stays frozen."""

from django.db import migrations

SWAP = """
drop trigger campaigns_copy_frozen on campaigns_copy;
create trigger campaigns_copy_frozen before update on campaigns_copy
    for each row when (old.status not in ({open})) execute function campaigns_copy_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0005_dashboard")]
    operations = [
        migrations.RunSQL(SWAP.format(open="'pending', 'draft'"), SWAP.format(open="'pending'")),
    ]
