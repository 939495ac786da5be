"""Network architectures and how their input is prepared."""
