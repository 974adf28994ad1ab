"""What finance and customers take along, as CSV or Parquet: bills and their lines, use, credits, the journal."""
