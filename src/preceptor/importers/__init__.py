"""Data that people bring, in the formats in which it comes, to records with their original ids."""

from preceptor.importers.base import Format, formats
from preceptor.importers.imported import Imported, write_imported
from preceptor.importers.importing import import_file, import_into
from preceptor.importers.item import BadRow, Item
from preceptor.importers.splitting import SplitConfig, split_imported
from preceptor.records import split_by_group, split_by_response

__all__ = [
    "BadRow", "Format", "Imported", "Item", "SplitConfig", "formats", "import_file", "import_into",
    "split_by_group", "split_by_response", "split_imported", "write_imported",
]  # fmt: skip
