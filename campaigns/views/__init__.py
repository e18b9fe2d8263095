"""Pages of campaigns: home, the campaigns, one campaign, a new one, the products. `urls.py` says where each stands."""
