#pragma once

/*
 * tests/support/http_server.py for C tests: real HTTP with scripted faults, on
 * a free port of the loopback, with a folder of its own below $TMPDIR. Every
 * function ends the test program with a message when it cannot do its work.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;

/* The name in the server's certificate. */
#define HTTP_SERVER_NAME "localhost"

enum http_server_kind {
	HTTP_PLAIN,
	HTTP_TLS,
	HTTP_TLS_FOR_KNOWN, /* who shows cert.pem and key.pem of its folder */
};

/*
 * Returns when it listens; dies with the test. Of the last kind nothing can be
 * had but the files: it takes no script, and shows no log.
 */
struct http_server *http_server_start(enum http_server_kind kind);
/* Stops it and removes its folder. Accepts NULL. */
void http_server_stop(struct http_server *server);

uint16_t http_server_port(const struct http_server *server);
/* "http(s)://HOST:PORT/PATH"; borrowed until the eighth call after it. */
const char *http_server_url(const struct http_server *server, const char *path);
/* A path below the server's own folder, served or not; borrowed likewise. */
const char *http_server_file(const struct http_server *server,
			     const char *name);
/* What `name` serves from now on: `size` bytes that depend on `seed`. */
void http_server_put(const struct http_server *server, const char *name,
		     size_t size, unsigned seed);

/* `faults` is the JSON array that the server's head describes. */
void http_server_script(const struct http_server *server, const char *path,
			const char *faults);
void http_server_reset(const struct http_server *server);

#define HTTP_MAX_REQUESTS 64
#define HTTP_MAX_TEXT 128

struct http_request_seen {
	char method[8];
	unsigned status;
	uint64_t sent_bytes;
	char range[HTTP_MAX_TEXT]; /* "" without */
	char if_range[HTTP_MAX_TEXT];
	char accept_encoding[HTTP_MAX_TEXT];
	char user_agent[HTTP_MAX_TEXT];
	bool has_credentials; /* Authorization or Cookie */
	uint64_t first_byte; /* of the range */
};

struct http_log {
	struct http_request_seen requests[HTTP_MAX_REQUESTS];
	size_t n_requests;
};

/* The requests for `path`, without its query, in order. */
void http_server_log(const struct http_server *server, const char *path,
		     struct http_log *ret_log);
