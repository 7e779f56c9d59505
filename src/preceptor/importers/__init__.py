"""Data that people bring, in the formats in which it comes, to records with their original ids."""

from preceptor.importers.base import Format, formats
from preceptor.importers.importing import Imported, SplitConfig, import_file, import_into, write_imported
from preceptor.importers.item import BadRow, Item
from preceptor.records import split_by_group, split_by_response

__all__ = [
    "BadRow", "Format", "Imported", "Item", "SplitConfig", "formats", "import_file", "import_into",
    "split_by_group", "split_by_response", "write_imported",
]  # fmt: skip
