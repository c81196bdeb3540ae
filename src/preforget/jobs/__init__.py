"""Work that many processes share: executors, claims, results that outlive a killed run."""
