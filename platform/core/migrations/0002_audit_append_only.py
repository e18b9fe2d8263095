"""The audit trail can only grow: a trigger refuses UPDATE, DELETE and TRUNCATE, whoever asks."""

from django.db import migrations

FORWARD = """
create function core_audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail can only be added to (%)', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger core_audit_no_change before update or delete on core_auditentry
    for each row execute function core_audit_refuse();
create trigger core_audit_no_truncate before truncate on core_auditentry
    for each statement execute function core_audit_refuse();
"""

BACKWARD = """
drop trigger core_audit_no_truncate on core_auditentry;
drop trigger core_audit_no_change on core_auditentry;
drop function core_audit_refuse();
"""


class Migration(migrations.Migration):
    """Laid on top of the table."""

    dependencies = [("core", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
