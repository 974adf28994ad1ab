"""Credits bought beside the plan: packs, each with an invoice of its own, by hand or at a threshold."""
