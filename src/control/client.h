#pragma once

/*
 * One connection: reads calls, has them answered one after the other, and
 * writes what there is to say. Bounded in memory and time both ways.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct buffer;
struct control;
struct control_client;
struct control_stream;
struct job_view;
struct json_object;
struct peer;

/* Borrows `control`, copies `peer`, takes `fd` on success. NULL with `err`. */
struct control_client *control_client_new(struct control *control, int fd,
					  const struct peer *peer,
					  struct ota_error *err) OTA_MUST_CHECK;
/* Closes the connection. Accepts NULL, returns NULL. */
struct control_client *control_client_free(struct control_client *client);

const struct peer *control_client_peer(const struct control_client *client);
/* Nothing is asked, nothing is owed: all it could lose is the connection. */
bool control_client_is_idle(const struct control_client *client);
/* When it last came, or took an answer. */
uint64_t control_client_active_ms(const struct control_client *client);
bool control_client_wants_turn(const struct control_client *client);
/* One call, or one part of a list. May free `client`. */
void control_client_turn(struct control_client *client);

/*
 * One reply; takes `parameters` (NULL: none). no-space: it is longer than what
 * may wait for this client; then nothing was sent.
 */
bool control_client_reply(struct control_client *client, const char *error,
			  struct json_object *parameters, bool continues,
			  struct ota_error *err) OTA_MUST_CHECK;
/* The connection cannot go on; it is closed at the client's next turn. */
void control_client_fail(struct control_client *client,
			 const struct ota_error *err);
/* `stream` answers from here on, until its end. Takes it. */
void control_client_stream(struct control_client *client,
			   struct control_stream *stream);

bool control_client_is_watching(const struct control_client *client);
/* Wants to be told of this change. */
bool control_client_watches(const struct control_client *client,
			    const struct job_view *job);
/* Sends a whole message to a client that watches. Never frees `client`. */
void control_client_push(struct control_client *client,
			 const struct buffer *message);
