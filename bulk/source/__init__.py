"""Any file or query as chunks of numbered rows."""

from bulk.source.opening import Source, open_source
from bulk.source.options import Chunk, Mark, Sizes, SourceOptions

__all__ = ["Chunk", "Mark", "Sizes", "Source", "SourceOptions", "open_source"]
