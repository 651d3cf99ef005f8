"""What the columns of tables that this room's Python writes rest on: on no table, but on the server's own catalogue."""

LINEAGE: dict[str, dict[str, list[str]]] = {
    "analytics.table_sizes": {
        "day": [],
        "table_name": [],
        "total_bytes": [],
        "row_estimate": [],
        "measured_at": [],
    }
}
