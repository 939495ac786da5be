"""What a student agrees to. A change of meaning needs a new version."""

VERSION = "2026-2"
#: Texts that already spoke of recordings of a whole meeting and of training from labels.
COVERING_GROUPS_AND_TRAINING = frozenset({"2026-2"})

MEASURED = (
    "When and where your face is visible in the video that you upload.",
    "The probabilities of emotional expressions of your face (for example neutral, happiness, "
    "surprise, sadness), several times a second, with how pleasant and how lively they look.",
    "Which way your head is turned, how much it moves and, where that can be seen, whether your "
    "eyes are closed.",
    "An estimate of engagement for short stretches of the video, made from the figures above.",
    "A numerical description of your face in each of these moments, from which the same person "
    "can be recognised within the recording. This is biometric data.",
    "The same in a recording of the whole meeting that an instructor uploads, once the instructor "
    "has said which of the faces is yours. Where the course keeps face templates, a description of "
    "your face is kept, encrypted, so that it need not be said again for the next meeting.",
    "Stretches of your recordings may be labelled by your instructors (engaged, distracted, cannot "
    "tell), and the labels used to fit this course's own engagement model.",
)

MADE_BY = (
    "A neural network for facial expressions on this site's own server. Each report names the "
    "network that made it. Nothing is sent to another service.",
    "Such estimates are often wrong. They are evidence with an error, never a verdict, and must "
    "not be used to grade or to judge you.",
)

SEEN_BY = (
    "You, on the page “My recordings”.",
    "The instructors of this course: your video and its report.",
    "The administrators of this site. Every time anybody opens your report or video, "
    "it is written to a log.",
)

YOUR_CHOICE = (
    "It is your choice. You may withdraw at any time, without giving a reason: your videos, "
    "results and embeddings of this course are then erased at once, with the labels on them and "
    "any template of your face, and running analyses stop. In recordings of a whole meeting your "
    "face is blurred from then on.",
)
