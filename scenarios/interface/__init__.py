"""Interface: what the library offers to set, extend, end and ask about a timeout or a cancellation (research summary 3 and 7)."""
