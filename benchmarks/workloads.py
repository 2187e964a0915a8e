"""Every workload, in the order of the table."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.codec_workloads import codec_workloads
from benchmarks.corpus import Corpus
from benchmarks.dictionary_workloads import dictionary_workloads
from benchmarks.hostile import hostile_workloads
from benchmarks.market_books import market_book_workloads
from benchmarks.matching import matching_workloads
from benchmarks.order_reports import order_report_workloads
from benchmarks.recorded import recorded_workloads
from benchmarks.rivals import Rival
from benchmarks.session_workloads import session_workloads
from benchmarks.workload import Workload

__all__ = ["workloads"]


def workloads(corpus: Corpus, rivals: Sequence[Rival], log_size: int = 1 << 20) -> list[Workload]:
    """Return every workload, not verified yet. Args: log_size: bytes of the log that the streams are fed with."""
    return [
        *codec_workloads(corpus, rivals, log_size),
        *recorded_workloads(rivals, log_size),
        *hostile_workloads(rivals, log_size),
        *dictionary_workloads(corpus, rivals),
        *session_workloads(corpus, rivals),
        *matching_workloads(rivals),
        *order_report_workloads(rivals),
        *market_book_workloads(rivals),
    ]
