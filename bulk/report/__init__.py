"""Summaries of ledgers, the evidence of erasures, and the pages that show them."""
