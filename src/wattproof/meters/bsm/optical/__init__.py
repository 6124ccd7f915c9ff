"""The optical head of the BSM (EN 62056-21): what it answers, and how it is read."""
