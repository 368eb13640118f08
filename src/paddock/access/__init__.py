"""Users, sessions, API tokens, rights, scope, audit."""
