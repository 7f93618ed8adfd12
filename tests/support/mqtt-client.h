#pragma once

/*
 * A broker connection under test, with everything it was told counted, and the
 * resolver it is given.
 */

#include "otad/base/error.h"
#include "otad/mqtt/mqtt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_source;
struct mqtt_timing;

/* Answers later with a fixed address, with an error, or never. */
struct name_server {
	struct loop *loop;
	const char *address;
	bool unknown_name;
	bool silent;
	struct loop_source *answer;
	mqtt_resolved_fn done;
	void *user_data;
	unsigned asked;
	unsigned cancelled;
};

struct mqtt_client {
	struct loop *loop;
	struct name_server names;
	struct mqtt *mqtt;

	/* What it does. */
	const char *client_id, *username, *password;
	bool no_credentials;
	const char *topic;    /* subscribed to at each connect */
	const char *greeting; /* published to it then */
	bool free_at_message;

	/* What it was told. */
	unsigned connected, disconnected, stopped;
	unsigned granted, refused, published, messages;
	int subscribe_id, publish_id, last_subscribed_id, last_published_id;
	struct ota_error why;
	char got_topic[256];
	char got_payload[256];
	size_t got_size;
	unsigned rounds; /* of the loop, by wait_until() */
};

/* `options->host` NULL: "broker.test", which resolves to 127.0.0.1. */
void mqtt_client_init(struct mqtt_client *client, struct loop *loop,
		      const struct mqtt_options *options);
void mqtt_client_done(struct mqtt_client *client);
void mqtt_client_start(struct mqtt_client *client);
void mqtt_client_publish(struct mqtt_client *client, const char *topic,
			 const char *text, int qos);
void mqtt_client_stop(struct mqtt_client *client);
void mqtt_client_stop_within(struct mqtt_client *client, uint64_t timeout_ms);

/* Quick enough for a test, slow enough to see a busy loop. */
extern const struct mqtt_timing mqtt_client_quick;

/* Turns the loop until `*count` is at least `value`; fails after a minute. */
void wait_until(struct mqtt_client *client, const unsigned *count,
		unsigned value);
/* Turns it while there is something to do, at most for `ms`. */
void turn_for(struct mqtt_client *client, unsigned ms);
