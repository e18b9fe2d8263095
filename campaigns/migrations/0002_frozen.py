"""The database itself keeps decided copy and reviews as they are, whoever asks.

A copy that was approved, rejected or replaced keeps its text; an approved one can only be replaced. A review row is
never changed or removed.
"""

from django.db import migrations

FORWARD = """
create function campaigns_copy_refuse() returns trigger language plpgsql as $$
begin
    if (new.theme, new.headline, new.body, new.call_to_action, new.filled, new.content_hash, new.campaign_id,
        new.audience_id, new.product_id, new.version, new.parent_id, new.author_id, new.requested_by_id)
       is distinct from
       (old.theme, old.headline, old.body, old.call_to_action, old.filled, old.content_hash, old.campaign_id,
        old.audience_id, old.product_id, old.version, old.parent_id, old.author_id, old.requested_by_id) then
        raise exception 'copy % is %: its text is frozen', old.id, old.status using errcode = 'insufficient_privilege';
    end if;
    if new.status is distinct from old.status and not (old.status = 'approved' and new.status = 'edited') then
        raise exception 'copy % is %: it cannot become %', old.id, old.status, new.status
            using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger campaigns_copy_frozen before update on campaigns_copy
    for each row when (old.status <> 'pending') execute function campaigns_copy_refuse();

create function campaigns_review_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'reviews can only be added (%)', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger campaigns_review_no_change before update or delete on campaigns_review
    for each row execute function campaigns_review_refuse();
"""

BACKWARD = """
drop trigger campaigns_review_no_change on campaigns_review;
drop function campaigns_review_refuse();
drop trigger campaigns_copy_frozen on campaigns_copy;
drop function campaigns_copy_refuse();
"""


class Migration(migrations.Migration):
    """Laid on top of the tables."""

    dependencies = [("campaigns", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
