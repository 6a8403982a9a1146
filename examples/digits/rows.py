"""Write the 1,797 digits that come with scikit-learn as a table: 64 pixels and the digit a row."""

import polars as pl
from sklearn.datasets import load_digits

data = load_digits()
columns = {f"x{n + 1}": data.data[:, n] for n in range(64)}
pl.DataFrame(columns | {"digit": data.target}).write_csv("digits.csv")
print(f"digits.csv: {len(data.target):,} rows")
