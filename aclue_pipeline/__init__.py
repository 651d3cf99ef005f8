"""aclue-pipeline: one Dagster asset graph over the gift app's Supabase database. Importing it imports nothing else."""

__version__ = "0.2.0"
