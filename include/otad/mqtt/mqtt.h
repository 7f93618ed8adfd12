#pragma once

/*
 * The broker connection: libmosquitto on the loop, without threads, MQTT 3.1.1.
 * Connects, reconnects with back-off (1 s to 60 s, exponential, jitter), keeps
 * its own deadlines. Only this folder knows mosquitto.
 */

#include "otad/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct mqtt;

/*
 * How host names become addresses: given by main(), so that this folder needs
 * no HTTP client. `resolve` starts, returns a handle or NULL with `err`, and
 * calls `done` once from the loop; `cancel` ends it without a call.
 */
typedef void (*mqtt_resolved_fn)(void *user_data, const char *address,
				 const struct ota_error *err);
struct mqtt_resolver {
	void *(*resolve)(void *resolver, const char *host, uint16_t port,
			 uint64_t timeout_ms, mqtt_resolved_fn done,
			 void *user_data, struct ota_error *err);
	void (*cancel)(void *resolver, void *handle);
	void *resolver;
};

/*
 * Asked anew before every connect (derived passwords hold a time). All owned
 * by the filled struct; mqtt_credentials_done() wipes and frees.
 */
struct mqtt_credentials {
	char *client_id; /* NULL: random, then always with a clean session */
	char *username;
	char *password;
};
void mqtt_credentials_done(struct mqtt_credentials *credentials);

struct mqtt_options {
	const char *host;
	uint16_t port;
	bool tls;
	const char *ca_file; /* NULL with tls: the system's */
	const char *cert_file, *key_file;
	uint64_t keep_alive_ms;
	bool clean_session;
	/* After the loss of a connection the first wait is longer by a random
	 * part of this, and no wait's limit is shorter: the broker may have
	 * lost everybody else, too. */
	uint64_t reconnect_spread_ms;
};

struct mqtt_handler {
	bool (*credentials)(struct mqtt_credentials *ret, void *user_data,
			    struct ota_error *err);
	/* CONNACK accepted: subscribe now. */
	void (*connected)(void *user_data);
	/*
	 * `topic` (UTF-8 without control characters) and `payload` are
	 * borrowed; payload may hold anything, and is never NULL. A packet
	 * beyond 8 MiB ends the connection instead.
	 */
	void (*message)(const char *topic, const void *payload, size_t size,
			void *user_data);
	/* SUBACK of mqtt_subscribe(); false: the broker refused a topic. */
	void (*subscribed)(int id, bool granted, void *user_data);
	/* PUBACK (QoS 1), or handed to the socket (QoS 0). */
	void (*published)(int id, void *user_data);
	/* Lost or refused; a reconnect is under way by itself. Everything in
	 * flight is void. */
	void (*disconnected)(const struct ota_error *why, void *user_data);
};

/* Copies `options`; borrows `loop` and `resolver`. Does nothing before
 * mqtt_start(). Returns owned, or NULL with `err`. */
struct mqtt *mqtt_new(struct loop *loop, const struct mqtt_resolver *resolver,
		      const struct mqtt_options *options,
		      const struct mqtt_handler *handler, void *user_data,
		      struct ota_error *err) OTA_MUST_CHECK;
/* Closes at once. Never calls back. Accepts NULL, returns NULL. */
struct mqtt *mqtt_free(struct mqtt *mqtt);
OTA_DEFINE_CLEANUP(struct mqtt *, mqtt_free)

/* Instead of the option's, from now on. */
void mqtt_set_reconnect_spread(struct mqtt *mqtt, uint64_t spread_ms);

/*
 * First connect: at a random moment within `spread_ms`; 0: now. While it waits
 * to reconnect, this sets the wait anew. A stopped connection may be started again.
 */
bool mqtt_start(struct mqtt *mqtt, uint64_t spread_ms, struct ota_error *err)
	OTA_MUST_CHECK;
/*
 * Sends DISCONNECT after what is queued, then calls `stopped` once from the
 * loop; at the latest after `timeout_ms`. No callback of the handler runs
 * after that.
 */
void mqtt_stop(struct mqtt *mqtt, uint64_t timeout_ms,
	       void (*stopped)(void *user_data), void *user_data);

bool mqtt_is_connected(const struct mqtt *mqtt);

/*
 * All need a connection (network otherwise). `*ret_id` names the message in
 * `subscribed`/`published` of this connection, which never come before the
 * call has returned. An empty payload and an unusable topic are refused; so is
 * the 4097th message that a broker does not take (busy).
 */
bool mqtt_subscribe(struct mqtt *mqtt, const char *topic, int qos, int *ret_id,
		    struct ota_error *err) OTA_MUST_CHECK;
bool mqtt_unsubscribe(struct mqtt *mqtt, const char *topic,
		      struct ota_error *err);
bool mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload,
		  size_t size, int qos, int *ret_id, struct ota_error *err)
	OTA_MUST_CHECK;
