"""The steps of a job, from the claim to the submission, and the book of the jobs under way."""
