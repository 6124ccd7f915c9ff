"""The JSON interface of the ABB G13 gateway: its 91 resources as rows, the shapes of their bodies, the client.

Source: g13-api.md (sections are cited by number, decisions as GD-nn); the user manual behind it is 2CMC489001M0201.
"""
