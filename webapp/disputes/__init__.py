"""What a student says is not right in a report, and what their instructors answer."""
