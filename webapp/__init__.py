"""The Django site: accounts, courses, recordings, reports and privacy.

No module here imports torch, timm, OpenCV or PyAV; analyses are asked for by task name.
"""
