#pragma once

/*
 * Downloads over HTTP: one artifact into one file, resumed by Range whatever
 * happens in between. protocols.md, section 1.7. Only this folder knows curl.
 *
 * Beside FILE lies FILE.json, the record of an unfinished download: identity,
 * url, ETag, announced size, bytes safely on disk. FILE grows only through a
 * fetch; what lies beyond the recorded bytes is never trusted. The record is
 * there before the first byte and goes after the last sync: a FILE without
 * one is complete.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch;
struct fetcher;
struct loop;

/* Runs the transfers of this process: curl's multi handle on the loop. */
struct fetcher *fetcher_new(struct loop *loop, struct ota_error *err) OTA_MUST_CHECK;
struct fetcher *fetcher_free(struct fetcher *fetcher); /* no fetch may be left */
OTA_DEFINE_CLEANUP(struct fetcher *, fetcher_free)

struct fetch_request {
	const char *url;
	const char *path;     /* FILE */
	const char *identity; /* of the content: version, size, digest. Another
			       * identity in the record: start over */
	uint64_t size_bytes;  /* announced, or OFFER_SIZE_UNKNOWN */
	const struct config_download *settings; /* borrowed until fetch_free() */
};

struct fetch_progress {
	uint64_t received_bytes;
	uint64_t total_bytes; /* OFFER_SIZE_UNKNOWN until known */
	uint64_t bytes_per_second;
	unsigned attempt; /* 1, 2, ... */
};

/*
 * `bytes` sees the content in order, from its first byte, exactly once per
 * pass, also what a resume reads back from disk; `restart` announces that a
 * new pass begins (every earlier byte is void); both may run within a loop
 * turn of curl and must be quick. `done` runs exactly once, from the loop,
 * never inside fetch_new(); `err` is NULL on success: then FILE is complete
 * and durable, of the announced size, and the record gone. Of failures the
 * file and its record are kept for a later resume. `progress` and `done` may
 * free the fetch; `restart` and `progress` may be NULL.
 */
struct fetch_observer {
	void (*restart)(struct fetch *fetch, void *user_data);
	bool (*bytes)(struct fetch *fetch, const void *data, size_t size,
		      void *user_data, struct ota_error *err);
	void (*progress)(struct fetch *fetch, const struct fetch_progress *progress,
			 void *user_data);
	void (*done)(struct fetch *fetch, const struct ota_error *err,
		     void *user_data);
};

/*
 * Copies `request`'s strings. Returns owned, or NULL with `err`: protocol-error
 * (url unusable, host not allowed), no-space (announced size does not fit),
 * internal.
 */
struct fetch *fetch_new(struct fetcher *fetcher, const struct fetch_request *request,
			const struct fetch_observer *observer, void *user_data,
			struct ota_error *err) OTA_MUST_CHECK;
/* A re-delivery renewed the url: used from the next attempt on, which is made
 * at once when the fetch is waiting. */
bool fetch_set_url(struct fetch *fetch, const char *url, struct ota_error *err)
	OTA_MUST_CHECK;
/* Stops without calling back; what is on disk stays. Accepts NULL, returns NULL. */
struct fetch *fetch_free(struct fetch *fetch);
OTA_DEFINE_CLEANUP(struct fetch *, fetch_free)

/* Removes FILE and FILE.json durably. */
bool fetch_discard(const char *path, struct ota_error *err);

/*
 * A small text (a signature) into memory, of at most `max_bytes`, with the same
 * rules and three attempts. `done` once, from the loop; `text` borrowed.
 */
struct fetch_text;
typedef void (*fetch_text_fn)(struct fetch_text *fetch, const char *text,
			      size_t size, const struct ota_error *err,
			      void *user_data);
struct fetch_text *fetch_text_new(struct fetcher *fetcher, const char *url,
				  size_t max_bytes,
				  const struct config_download *settings,
				  fetch_text_fn done, void *user_data,
				  struct ota_error *err) OTA_MUST_CHECK;
struct fetch_text *fetch_text_free(struct fetch_text *fetch);

/*
 * Finds out which address of `host` answers on `port`, without blocking: the
 * resolver and the address race of curl (library-notes, section 1). `done`
 * once, from the loop: `address` is an IP literal, or NULL with `err` set
 * (network, timeout). The probe ends with that; fetch_probe_free() is only for
 * giving up before.
 */
struct fetch_probe;
typedef void (*fetch_probe_fn)(void *user_data, const char *address,
			       const struct ota_error *err);
struct fetch_probe *fetch_probe_new(struct fetcher *fetcher, const char *host,
				    uint16_t port, uint64_t timeout_ms,
				    fetch_probe_fn done, void *user_data,
				    struct ota_error *err) OTA_MUST_CHECK;
struct fetch_probe *fetch_probe_free(struct fetch_probe *probe);
