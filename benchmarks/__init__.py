"""Benchmarks: each compares a job with a fair alternative in the same run."""
