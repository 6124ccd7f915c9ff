"""What stands in the bodies of the 91 resources. One declaration validates a request, checks and orders an answer,
accepts the answer of another gateway, and makes the OpenAPI schema (g13-api.md 3, 6, 13.2)."""
