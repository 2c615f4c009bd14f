"""Any file or query as chunks of numbered rows."""

from bulk.source.opening import Source, open_source
from bulk.source.options import Chunk, Sizes, SourceOptions

__all__ = ["Chunk", "Sizes", "Source", "SourceOptions", "open_source"]
