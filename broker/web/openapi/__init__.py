"""The published OpenAPI document of all routes and its page; describes routes and serves none."""
