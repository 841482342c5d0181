"""The Runs page: many outer trainings on one page, by what they differ in."""
