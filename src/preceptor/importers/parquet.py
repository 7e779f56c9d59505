"""Rows of Parquet files, some at a time."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from preceptor.errors import UserError
from preceptor.importers.item import Item

PARQUET_MAGIC = b"PAR1"
NUM_AT_ONCE = 256
MAX_GROUP = 2**31
"""Bytes of the largest row group that is unpacked."""


def parquet_items(path: Path) -> Iterator[Item]:
    """Each row as an object, with its number from 1.

    Raises:
        UserError: the file is damaged or unpacks to too much, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UserError(
            "reading Parquet needs pyarrow", file=path, remedy="pip install 'preceptor[parquet]', or give JSON lines"
        ) from None
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            _check_groups(file.metadata, path)
            for batch in file.iter_batches(batch_size=NUM_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield Item({name: _plain(value) for name, value in row.items()}, path, number)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"damaged Parquet file: {str(error).splitlines()[0]}", file=path, remedy="copy or download the file again"
        ) from None


def _check_groups(metadata: Any, path: Path) -> None:
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    if max(sizes, default=0) > MAX_GROUP:
        raise UserError(
            f"a row group unpacks to {max(sizes):,} bytes",
            file=path,
            remedy=f"write it with row groups of less than {MAX_GROUP // 2**20:,} MiB",
        )


def _plain(value: Any) -> Any:
    """As JSON knows it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
