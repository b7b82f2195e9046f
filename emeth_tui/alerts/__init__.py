"""Alerts: of what happens, what somebody should hear of, and the ways by which they hear.

A rule names an event's topic (`rules`), a mailbox for each channel gathers alerts into messages (`mailbox`),
and a courier delivers them until they have arrived (`courier`). What waits is kept in the store.
"""
