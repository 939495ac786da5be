"""The page of one report, in every state that its recording can be in."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import FOUR_LEVELS, build_analysis, skill
from tests.webapp.report_world import ReportWorld, build_world
from webapp.privacy.models import AccessLog
from webapp.recordings.models import Analysis, AnalysisDocument, Recording
from webapp.reports import ready, selectors
from webapp.reports.templatetags.report_format import clock, percent


@pytest.fixture
def world(db: None) -> ReportWorld:
    return build_world()


def page(client: Client, recording: Recording, query: str = "", **headers: str) -> str:
    response = client.get(
        reverse("reports:recording", args=[recording.pk]) + query, headers=headers
    )
    assert response.status_code == 200
    return response.content.decode()


def test_the_page_says_who_and_what_and_how_sure(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    text = page(client, recording)
    summary = build_analysis().summary
    assert "Student" in text
    assert "The night sky" in text
    assert f"{summary.mean_engagement:.2f}" in text
    assert f"± {summary.engagement_spread:.2f}" in text
    assert f"Face usable in {percent(summary.coverage)} of the time" in text
    assert "mobilenet_7_fer" in text
    assert "0123456789ab" in text
    assert "a published rule and not a trained model" in text
    assert "derived from the emotions" in text
    assert "never a verdict" in text


def test_every_figure_at_the_top_has_its_context(world: ReportWorld) -> None:
    analysis = build_analysis()
    tiles = selectors.summary_tiles(ready.page_of(analysis), analysis.tracks[0])
    assert len(tiles) == 5
    assert all(tile.beside and tile.context for tile in tiles)


def test_a_trained_model_is_not_called_an_index(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(kind="trained")
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "a trained classifier" in text
    assert "Engagement index" not in text


def test_a_trained_model_says_whom_it_was_fitted_for_and_how_good_it_is(
    client: Client, world: ReportWorld
) -> None:
    made_by = {
        "scope": "course",
        "trained_on": "310 windows of 24 students of AST-101",
        "weights_sha256": "feed" * 16,
        "skill": skill(0.68, 0.61, 0.74),
    }
    recording = world.analysed(kind="trained", made_by=made_by)
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "It was fitted for this course" in text
    assert "310 windows of 24 students of AST-101" in text
    assert "On 24 people whom it had not seen" in text
    assert "recall was 0.68, 95% interval 0.61 to 0.74; guessing gets 0.50" in text
    assert "no better than guessing" not in text
    assert "feedfeedfeed" in text
    assert "spread of shifted windows" in text


def test_one_students_model_says_that_it_was_judged_on_their_other_recordings(
    client: Client, world: ReportWorld
) -> None:
    made_by = {"scope": "student", "skill": skill(0.68, 0.61, 0.74)}
    recording = world.analysed(kind="trained", made_by=made_by)
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "It was fitted for this student alone" in text
    assert "On 24 recordings of theirs that it had not seen" in text


def test_a_classifier_without_skill_is_said_to_be_no_better_than_guessing(
    client: Client, world: ReportWorld
) -> None:
    recording = world.analysed(kind="trained", made_by={"skill": skill(0.52, 0.47, 0.57)})
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "That is no better than guessing." in text
    assert 'class="notice notice--warn about"' in text


def test_a_classifier_that_was_never_measured_says_so(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(kind="trained", made_by={"rate": "native"}, fps=25.0)
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "was not measured with it" in text
    assert "between 0.50 and 0.70" in text
    assert "Every frame was taken, 25 a second." in text


def test_a_report_tells_that_frames_were_passed_over(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    row = AnalysisDocument.objects.get(analysis__recording=recording)
    row.document["adaptive"] = {"coarse_s": 0.8, "q": 0.1, "looked_at": 0.42}
    row.save()
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "5 a second, of which 42% were looked at; where nothing changed" in text


def test_four_levels_are_named_and_their_upper_half_counts_as_engaged(
    client: Client, world: ReportWorld
) -> None:
    recording = world.analysed(kind="trained", levels=FOUR_LEVELS, duration_s=40.0)
    client.force_login(world.instructor)
    text = page(client, recording)
    analysis = build_analysis(kind="trained", levels=FOUR_LEVELS, duration_s=40.0)
    judged = [one.level for one in analysis.tracks[0].windows if one.level]
    upper = sum(level in ("high", "very high") for level in judged)
    assert 0 < upper < len(judged)
    assert "Windows called high or very high" in text
    assert f"{upper} of {len(judged)}" in text
    assert "The others are called very low or low" in text
    assert "called engaged" not in text


def test_student_and_instructor_see_the_same_figures(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    figures = []
    for person in (world.student, world.instructor):
        client.force_login(person)
        figures.append(re.findall(r'class="tile__\w+">(.*?)</p>', page(client, recording)))
    assert figures[0] == figures[1] != []


def test_opening_the_page_is_logged(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    page(client, recording)
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.action) == (world.instructor, AccessLog.Action.REPORT)


def test_every_chart_has_a_table(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    text = page(client, recording)
    for window in build_analysis().tracks[0].windows:
        assert f"{clock(window.start_s)} to {clock(window.end_s)}" in text
        assert f'data-label="Index">{window.engagement:.2f}<' in text
    assert "Stretches in which no face at all was seen." in text


def test_the_tables_means_are_those_of_the_observations() -> None:
    analysis = build_analysis()
    track = analysis.tracks[0]
    for row in selectors.window_rows(ready.page_of(analysis), track):
        inside = [
            one for one in track.observations if row.window.start_s <= one.t < row.window.end_s
        ]
        assert row.observations == len(inside)
        for name, mean in row.emotions:
            expected = sum(one.emotions[name] for one in inside) / len(inside)
            assert mean == pytest.approx(expected, abs=1e-6)


def test_another_person_can_be_chosen(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(people=2)
    client.force_login(world.instructor)
    assert 'data-track="1"' in page(client, recording)
    second = page(client, recording, "?track=2")
    assert 'data-track="2"' in second
    assert "Person 2" in second
    # What is not there falls back to the main track.
    assert 'data-track="1"' in page(client, recording, "?track=%3Cscript%3E")


def test_warnings_are_shown_with_their_code(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(warnings=[("low_coverage", "A face could be used rarely.")])
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "A face could be used rarely." in text
    assert "low_coverage" in text


def test_no_face_is_a_report_and_not_an_error(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(people=0)
    client.force_login(world.student)
    text = page(client, recording)
    assert "No face was found in this recording" in text
    assert "echarts" not in text
    assert reverse("recordings:video", args=[recording.pk]) in text


def test_a_queued_analysis_polls_for_itself(client: Client, world: ReportWorld) -> None:
    recording = world.unfinished("queued")
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "waits for its analysis" in text
    assert 'hx-trigger="every 2s"' in text
    assert not AccessLog.objects.exists()


def test_a_running_analysis_shows_how_far_it_is(client: Client, world: ReportWorld) -> None:
    recording = world.unfinished("running", progress=0.43)
    client.force_login(world.instructor)
    part = page(client, recording, HX_Request="true")
    assert "43%" in part
    assert "<html" not in part


def test_the_poll_reloads_the_page_when_the_report_is_there(
    client: Client, world: ReportWorld
) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    response = client.get(
        reverse("reports:recording", args=[recording.pk]), headers={"HX-Request": "true"}
    )
    assert response["HX-Refresh"] == "true"


def test_a_failed_analysis_says_why_and_offers_a_retry(client: Client, world: ReportWorld) -> None:
    recording = world.unfinished(
        "failed", error_code="video_truncated", error_text="The video ends too early."
    )
    client.force_login(world.student)
    text = page(client, recording)
    assert "The video ends too early." in text
    assert "video_truncated" in text
    assert reverse("recordings:retry", args=[recording.pk]) in text
    assert "every 2s" not in text


def test_a_newer_failure_does_not_hide_the_older_report(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    Analysis.objects.create(recording=recording, state="failed", error_text="The disk was full.")
    client.force_login(world.instructor)
    text = page(client, recording)
    assert "A newer analysis failed." in text
    assert "The disk was full." in text
    assert 'id="timeline"' in text


def test_a_video_that_no_browser_plays_is_announced(client: Client, world: ReportWorld) -> None:
    recording = world.analysed(world.recording(playback=Recording.Playback.UNPLAYABLE))
    client.force_login(world.instructor)
    problem = re.search(r'<p id="video-problem"[^>]*>', page(client, recording))
    assert problem
    assert "hidden" not in problem[0]


def test_names_are_escaped(client: Client, world: ReportWorld) -> None:
    world.student.name = '<script>alert("x")</script>'
    world.student.save()
    world.lesson.title = "<b>bold</b>"
    world.lesson.save()
    recording = world.analysed(
        world.recording(original_name="<img src=x onerror=alert(1)>.mp4"),
        warnings=[("odd", "<i>odd</i>")],
    )
    client.force_login(world.instructor)
    text = page(client, recording)
    for raw in ('<script>alert("x")', "<b>bold</b>", "<img src=x", "<i>odd</i>"):
        assert raw not in text
    assert "&lt;script&gt;" in text


def test_the_page_has_nothing_inline(client: Client, world: ReportWorld) -> None:
    recording = world.analysed()
    client.force_login(world.instructor)
    text = page(client, recording)
    assert not re.search(r"<[^>]+\sstyle=", text)
    assert not re.search(r"<[^>]+\son\w+=", text)
    assert "<style" not in text
    # JSON for the script is data: nothing of it runs.
    scripts = re.findall(r"<script[^>]*>", text)
    assert all("src=" in tag or 'type="application/json"' in tag for tag in scripts)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
