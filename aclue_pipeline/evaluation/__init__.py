"""Evaluation on anybody's data: a folder of swipes goes through a database of its own, as the app's would, and what the profiles
predict is measured on later swipes."""
