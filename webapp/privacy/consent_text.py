"""What a student agrees to. A change of meaning needs a new version."""

VERSION = "2025-1"

MEASURED = (
    "When and where your face is visible in the video that you upload.",
    "The probabilities of emotional expressions of your face (for example neutral, happiness, "
    "surprise, sadness), several times a second, with how pleasant and how lively they look.",
    "Which way your head is turned.",
    "An estimate of engagement for short stretches of the video, made from the figures above.",
    "A numerical description of your face in each of these moments, from which the same person "
    "can be recognised within the recording. This is biometric data.",
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
    "results and embeddings of this course are then erased at once, and running analyses stop.",
)
