"""HTTP: requests in, typed calls out, errors as problem documents, one log line a request."""
