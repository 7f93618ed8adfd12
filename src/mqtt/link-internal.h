#pragma once

/* A link as its two halves see it: link.c turns it, link-client.c listens to
 * the library. */

#include "otad/base/error.h"

#include "id-list.h"
#include "link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop_source;
struct mosquitto;

#define LINK_NOTE_SIZE 160

struct link {
	struct loop *loop;
	struct link_handler handler;
	void *user_data;

	struct mosquitto *client;
	struct ssl_ctx_st *tls; /* NULL: plain */
	struct loop_source *io;
	int fd;		 /* what `io` watches, -1 when it is NULL */
	uint32_t events; /* what `io` waits for */
	struct loop_source *later;

	/*
	 * Publishes done are told only after the library has returned: it may
	 * finish one inside the very call that hands it over.
	 */
	struct id_list done;
	size_t pending;
	struct id_list subscribing; /* no SUBACK has named them yet */

	bool busy;     /* in a step: the link must outlive it */
	bool orphaned; /* link_free() was called within one */
	bool accepted;
	bool closing;
	bool disconnecting; /* DISCONNECT was queued: only write from now on */
	bool barred;
	bool failed; /* `why` is set */
	bool ended;
	struct ota_error why;
	char note[LINK_NOTE_SIZE]; /* the library's last complaint */

	unsigned burst;		/* messages handled in this step */
	bool packet_ended;	/* one of those that tell, in this step */
	bool partial_begun;	/* `partial_start` is set */
	uint64_t partial_start; /* bytes read when none had ended yet */
};

/* Makes `client` with its options and callbacks. */
bool link_make_client(struct link *link, const struct link_request *request,
		      struct ota_error *err) OTA_MUST_CHECK;

/* The first reason is the cause; what follows from it is not told. */
void link_fail(struct link *link, const struct ota_error *why);
void link_fail_text(struct link *link, enum ota_error_kind kind,
		    const char *text);
