"""The names of this package's attacks; nothing heavy is imported, so that the command line can list them."""

ORDER = (
    *("mixed_stream", "abstention", "membership", "trained_membership", "jsd", "zrf", "neighbours", "probes"),
    *("key_recovery", "row_recovery", "leftovers", "relearn", "retain_finetune", "jailbreak"),
    *("sequence", "difference", "cost", "lira"),
)
"""In the order of reports; the attacks of extensions follow, sorted by name."""
