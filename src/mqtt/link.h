#pragma once

/*
 * One connection to a broker, from connect to close: a struct mosquitto of its
 * own on the loop. A new connection is a new link, so nothing queued for an
 * old one is ever sent twice.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;
struct loop;
struct ssl_ctx_st;

/* The broker may let this many of our QoS 1 messages wait for its PUBACK. */
#define LINK_MAX_IN_FLIGHT 20

/*
 * Publishes given to the library but not done: its queue is quadratic, so a
 * broker that stopped reading must not let it grow.
 */
#define LINK_MAX_PENDING 4096

/*
 * Libmosquitto takes any packet MQTT allows, 256 MiB. Offers are a thousandth
 * of this; what is larger would only eat a small gateway's memory.
 */
#define LINK_MAX_PACKET_BYTES (8 * 1024 * 1024)

struct link_request {
	const char *address; /* a literal: a name would block the loop */
	uint16_t port;
	unsigned keep_alive_s; /* 5-65535 */
	bool clean_session;
	const char *client_id;
	const char *username; /* may be NULL, as the password */
	const char *password;
	struct ssl_ctx_st *tls; /* NULL: plain */
};

/* All from the loop, none within a link_*() call; each may free the link. */
struct link_handler {
	void (*accepted)(void *user_data);
	void (*message)(const char *topic, const void *payload, size_t size,
			void *user_data);
	void (*subscribed)(int id, bool granted, void *user_data);
	void (*published)(int id, void *user_data);
	/*
	 * The last call. `why` is NULL when link_close() was asked for.
	 * `barred`: the broker refuses who we are, so haste is useless.
	 */
	void (*ended)(const struct ota_error *why, bool barred,
		      void *user_data);
};

/* Begins to connect. Copies; borrows `loop`. Returns owned or NULL. */
struct link *link_new(struct loop *loop, const struct link_request *request,
		      const struct link_handler *handler, void *user_data,
		      struct ota_error *err) OTA_MUST_CHECK;
/* Closes at once without a call. Accepts NULL, returns NULL. */
struct link *link_free(struct link *link);

/* Whether a message is not done, or a subscription not answered. */
bool link_awaits_answer(const struct link *link);

/* DISCONNECT as soon as all that was published is done; then ended(). */
void link_close(struct link *link);

/* Keepalive; to be called about four times in its period. */
void link_tick(struct link *link);

bool link_subscribe(struct link *link, const char *topic, int qos, int *ret_id,
		    struct ota_error *err) OTA_MUST_CHECK;
bool link_unsubscribe(struct link *link, const char *topic,
		      struct ota_error *err) OTA_MUST_CHECK;
bool link_publish(struct link *link, const char *topic, const void *payload,
		  size_t size, int qos, int *ret_id,
		  struct ota_error *err) OTA_MUST_CHECK;

/* An IPv4 or IPv6 address: the library will not ask a name server. */
bool link_is_address(const char *text);
