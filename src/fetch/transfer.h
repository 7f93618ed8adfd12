#pragma once

/*
 * One GET: its redirects, its deadlines and its pace; no retries. Ends with a
 * response that may carry content (200, 206) or that tells about a range
 * (416); every other status is a failure.
 */

#include "otad/base/error.h"

#include "outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config_download;
struct fetcher;
struct response;
struct transfer;

#define TRANSFER_TO_END UINT64_MAX

struct transfer_request {
	const char *url;
	bool ranged;
	uint64_t first_byte; /* when ranged */
	uint64_t last_byte;  /* included, or TRANSFER_TO_END */
	const char *if_range; /* "": none */
	bool keep_connection; /* another request to this server follows */
	size_t socket_bytes;  /* to read at once */
};

/*
 * `head` and `body` run within curl and may stop the transfer by returning
 * false; `body` may call transfer_yield(). `done` runs once a start, from the
 * loop, and may start the transfer again or free it.
 */
struct transfer_ops {
	bool (*head)(const struct response *response, void *user_data);
	bool (*body)(const void *data, size_t size, void *user_data);
	void (*done)(const struct transfer_result *result, void *user_data);
};

/* Borrows `settings` and `ops` until transfer_free(). */
struct transfer *transfer_new(struct fetcher *fetcher,
			      const struct config_download *settings,
			      const struct transfer_ops *ops, void *user_data,
			      struct ota_error *err) OTA_MUST_CHECK;
/* Stops without calling back. Accepts NULL, returns NULL. */
struct transfer *transfer_free(struct transfer *transfer);
OTA_DEFINE_CLEANUP(struct transfer *, transfer_free)

/* Copies `request`. Not while it runs. */
bool transfer_start(struct transfer *transfer,
		    const struct transfer_request *request,
		    struct ota_error *err) OTA_MUST_CHECK;
void transfer_stop(struct transfer *transfer);
bool transfer_is_running(const struct transfer *transfer);

/* From `body`: much was done, the others on the loop come first. */
void transfer_yield(struct transfer *transfer);

/* From `body`: no more of it, until transfer_go_on(). */
void transfer_hold(struct transfer *transfer);
/* No-op when it is not held. */
void transfer_go_on(struct transfer *transfer);
