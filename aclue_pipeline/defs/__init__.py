"""Dagster, thin: one file per room says which of its results are assets, what checks them, and when. What a number means and
how it is computed belongs to the rooms; nothing here computes. Importing needs no database."""
