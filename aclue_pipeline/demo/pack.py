"""Makes the packaged form of the sample data, once, from the public one: `python -m aclue_pipeline.demo.pack FOLDER`, where FOLDER
holds order_lines.csv.gz and orders.csv.gz of "Online Retail" (UCI). NOTICE lists the changes made here. Nothing runs this
in use, and nothing is invented here: what the demo adds to the data is the simulator's business."""

import io
import sys
import zipfile
from pathlib import Path

import pandas as pd

PACKED = Path(__file__).parent / "online_retail.zip"

# Codes that are postage, fees, vouchers, samples or corrections; a product's code begins with five digits, or is one of these.
_PRODUCT_CODE = r"^(\d{5}\w*|DCGS\w+)$"
# Stock-keeping remarks ("check", "wet damaged", "sold as set on dotcom") are in lower case, names of products are not.
_NAME = r"[A-Z]{3}"
_GUEST = "0"  # the year's sample writes a missing customer so


def pack(folder: Path, target: Path = PACKED) -> dict[str, int]:
    """Write the packed file; returns the number of products, lines and orders in it."""
    lines = pd.read_csv(folder / "order_lines.csv.gz", dtype={"CustomerID": str, "StockCode": str, "InvoiceNo": str})
    orders = pd.read_csv(folder / "orders.csv.gz", dtype={"CustomerID": str, "InvoiceNo": str})
    products = _products(lines)
    tables = {
        "products": products,
        "lines": _lines(lines, products),
        "orders": orders[["InvoiceNo", "InvoiceDate", "CustomerID"]].sort_values(["InvoiceDate", "InvoiceNo"]),
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        for name, table in tables.items():
            entry = zipfile.ZipInfo(f"{name}.csv")  # with its fixed date, so that packing again gives the same bytes
            entry.compress_type = zipfile.ZIP_LZMA
            archive.writestr(entry, table.to_csv(index=False, lineterminator="\n"))
    return {name: len(table) for name, table in tables.items()}


def read() -> dict[str, pd.DataFrame]:
    """The packed tables products, lines and orders, every code a string, dates as time stamps (UK local time)."""
    tables = {}
    with zipfile.ZipFile(PACKED) as archive:
        for name in ("products", "lines", "orders"):
            text = io.StringIO(archive.read(f"{name}.csv").decode())
            codes = {"StockCode": str, "CustomerID": str, "InvoiceNo": str}
            dates = ["InvoiceDate"] if name != "products" else []
            tables[name] = pd.read_csv(
                text, dtype=codes, parse_dates=dates, keep_default_na=False, na_values={"CustomerID": [""]}
            )
    return tables


def _products(lines: pd.DataFrame) -> pd.DataFrame:
    """One row per stock code (upper case): its most frequent name, least and greatest price paid, in GBP."""
    sold = lines[(lines["UnitPrice"] > 0) & (lines["Quantity"] > 0)]
    sold = sold.assign(
        StockCode=sold["StockCode"].str.upper(), Description=sold["Description"].str.split().str.join(" ")
    )
    sold = sold[sold["StockCode"].str.fullmatch(_PRODUCT_CODE) & sold["Description"].str.contains(_NAME, na=False)]
    names = sold.groupby(["StockCode", "Description"]).size().rename("n").reset_index()
    names = names.sort_values(["StockCode", "n", "Description"], ascending=[True, False, True]).drop_duplicates(
        "StockCode"
    )
    # A guest pays the retail price, a customer the trade price: the range shown is the customers' where there is one.
    known = sold[sold["CustomerID"].notna() & (sold["CustomerID"] != _GUEST)]
    prices = known.groupby("StockCode")["UnitPrice"].agg(["min", "max"])
    prices = prices.combine_first(sold.groupby("StockCode")["UnitPrice"].agg(["min", "max"]))
    products = names.merge(prices, left_on="StockCode", right_index=True)
    return products.rename(columns={"min": "PriceMin", "max": "PriceMax"})[
        ["StockCode", "Description", "PriceMin", "PriceMax"]
    ]


def _lines(lines: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """The lines that are products bought or sent back: no price or name of the shop's own book-keeping, no name twice."""
    lines = lines.assign(StockCode=lines["StockCode"].str.upper(), CustomerID=lines["CustomerID"].replace(_GUEST, None))
    kept = lines[lines["StockCode"].isin(products["StockCode"]) & (lines["UnitPrice"] > 0) & (lines["Quantity"] != 0)]
    grain = ["InvoiceNo", "InvoiceDate", "CustomerID", "Country", "StockCode"]
    kept = kept.groupby(grain, dropna=False, as_index=False).agg(
        Quantity=("Quantity", "sum"), UnitPrice=("UnitPrice", "max")
    )
    return kept[kept["Quantity"] != 0].sort_values(["InvoiceDate", "InvoiceNo", "StockCode"])


if __name__ == "__main__":
    print(pack(Path(sys.argv[1])))
