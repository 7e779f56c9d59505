"""Reports: figures, one self-contained HTML file, a table for the terminal, JSON beside them."""

from preceptor.reporting.data import ReportData, summary

__all__ = ["ReportData", "summary"]
