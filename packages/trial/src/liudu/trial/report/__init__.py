"""The report of one run: a page, a PDF and a certificate from one model."""

from liudu.trial.report.writing import NoSealError, OtherSealError, Written, write_report

__all__ = ["NoSealError", "OtherSealError", "Written", "write_report"]
