"""What a report says where little or nothing was seen; light, for reports made and corrected."""

from engagement.report.schema import Summary

#: The figures of nobody.
EMPTY_SUMMARY = Summary(
    dominant_emotion=None,
    emotion_share={},
    mean_engagement=None,
    engagement_spread=None,
    engaged_share=None,
    coverage=0.0,
)
_LOW_COVERAGE = 0.5


def low_coverage(summary: Summary) -> list[tuple[str, str]]:
    """The warning, code and text, that the figures rest on a part alone; none where they do not."""
    if summary.coverage >= _LOW_COVERAGE:
        return []
    text = (
        f"A face could be used in only {summary.coverage:.0%} of the time; the figures "
        "rest on that part alone."
    )
    return [("low_coverage", text)]
