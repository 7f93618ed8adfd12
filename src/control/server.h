#pragma once

/* The control socket's inside: what its clients share. */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"
#include "listen.h"
#include "peer.h"

struct control_client;
struct loop;
struct loop_source;
struct updater;
struct updater_listener;

struct control {
	struct loop *loop;	 /* borrowed */
	struct updater *updater; /* borrowed */
	struct peer_rules rules;
	struct listen_socket socket;
	struct loop_source *listener;
	struct loop_source *retry; /* accepts again after a shortage */
	struct loop_source *turns; /* lets one client have its turn */
	struct updater_listener *changes; /* NULL: nobody watches */
	struct control_client *clients[CONTROL_MAX_CLIENTS];
	size_t n_clients;
	size_t next_turn;
	uint64_t complained_ms; /* 0: not yet */
};

/*
 * A client has something to do. Clients have their turns one at a time, with
 * the rest of the loop between: ten busy ones cost the daemon no more than one.
 */
void control_schedule(struct control *control);
/* `client` is about to be freed. */
void control_forget(struct control *control, const struct control_client *client);
/* From now on changes of jobs are passed on to the clients that watch. */
bool control_listen(struct control *control, struct ota_error *err) OTA_MUST_CHECK;
/*
 * Logs what a client did wrong (`peer` NULL: what went wrong here); nobody can
 * fill the log with it.
 */
void control_complain(struct control *control, const struct peer *peer,
		      const char *what);
