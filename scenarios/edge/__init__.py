"""Edge cases: deadlines that are very short, very long, many, nested, or just now (research summary 6.4)."""
