"""How pages know that a course is simulated: by the end of its title, which every page shows."""

from webapp.courses.models import Course

#: Ends the title of a simulated course, and of no other.
TITLE_ENDS = " (simulated)"


def is_simulated(course: Course) -> bool:
    """Whether the course, its people and all its figures are made up."""
    return course.title.endswith(TITLE_ENDS)
