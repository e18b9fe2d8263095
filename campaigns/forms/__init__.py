"""Forms of this app's pages, one file an area."""

from campaigns.forms.campaigns import CampaignForm, GenerateForm, ScheduleForm

__all__ = ["CampaignForm", "GenerateForm", "ScheduleForm"]
