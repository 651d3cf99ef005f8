"""Second opinions: every metric again in plain Python, written from the rules of the metrics and not from the SQL. Slow and obvious on
purpose: lists of dicts, loops, Decimal. Rows are named as the columns of the app's and the deployed tables."""
