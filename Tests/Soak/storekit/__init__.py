"""What the tiers about the checkpoint store share: its driver, scenarios, recorder and judge."""
