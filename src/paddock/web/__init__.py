"""The furniture of the browser door: render, problems, paging, forms, live updates, security, templates, static files."""
