#pragma once

/* A Varlink client that waits for its answers. */

#include "otad/base/error.h"

#include <stdbool.h>

struct ctl_client;
struct json_object;

/* What one call waits for its answer. */
#define CTL_CALL_MS (30 * 1000)

struct ctl_reply {
	struct json_object *message;	/* owned; the rest is borrowed from it */
	const char *error;		/* NULL: none */
	struct json_object *parameters; /* an object, or NULL */
	bool continues;
};
void ctl_reply_done(struct ctl_reply *reply);
/*
 * False with `err` when the reply is an error: words for people. Never network
 * or timeout: those are about the connection.
 */
bool ctl_reply_check(const struct ctl_reply *reply, struct ota_error *err)
	OTA_MUST_CHECK;

/*
 * network: nobody is there. `patience_ms`, whole seconds, bounds connecting and
 * each write.
 */
struct ctl_client *ctl_client_open(const char *path, int patience_ms,
				   struct ota_error *err) OTA_MUST_CHECK;
struct ctl_client *ctl_client_free(struct ctl_client *client);
OTA_DEFINE_CLEANUP(struct ctl_client *, ctl_client_free)

/* To poll(2) for POLLIN once ctl_client_next() found nothing. */
int ctl_client_fd(const struct ctl_client *client);

/* Takes `parameters` (NULL: none). */
bool ctl_client_send(struct ctl_client *client, const char *method,
		     struct json_object *parameters, bool more,
		     struct ota_error *err) OTA_MUST_CHECK;
/* Waits for one reply: timeout, network (the connection ended), protocol-error. */
bool ctl_client_receive(struct ctl_client *client, int timeout_ms,
			struct ctl_reply *ret_reply, struct ota_error *err)
	OTA_MUST_CHECK;
/* The same of a reply that is part of a list, which has an end: 64 MiB. */
bool ctl_client_receive_part(struct ctl_client *client, int timeout_ms,
			     struct ctl_reply *ret_reply, struct ota_error *err)
	OTA_MUST_CHECK;
/* A reply that is here already; `*ret_found` false: none. */
bool ctl_client_next(struct ctl_client *client, bool *ret_found,
		     struct ctl_reply *ret_reply, struct ota_error *err)
	OTA_MUST_CHECK;
/* Reads what has come, without waiting. */
bool ctl_client_read(struct ctl_client *client, struct ota_error *err)
	OTA_MUST_CHECK;
