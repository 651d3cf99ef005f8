"""Staging: what was really meant, as views (sql/staging): both catalogue shapes become one `products`, visitors become
`people`, a click is valid, duplicate, bot or without a date. All of it is SQL; nothing is computed here."""
