#pragma once

/*
 * A broker that does what the test says: otad/mqtt/mqtt.h without a network.
 * It outlives its clients, so a test may restart them. Needs a loop.
 *
 * By itself it accepts a connection and acknowledges in order, from the loop.
 * fake_mqtt_hold() leaves either to the test.
 */

#include "otad/mqtt/mqtt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fake_mqtt_kind {
	FAKE_MQTT_CONNECT,
	FAKE_MQTT_SUBSCRIBE,
	FAKE_MQTT_UNSUBSCRIBE,
	FAKE_MQTT_PUBLISH,
	FAKE_MQTT_DISCONNECT,
};

/* What came from a client, in order, as long as the broker lives. */
struct fake_mqtt_packet {
	enum fake_mqtt_kind kind;
	char *topic, *payload; /* NULL where there is none */
	int qos, id;
	uint64_t at_ms; /* of the loop */
	bool acknowledged;
};

/* Forgets everything; no client may be left. */
void fake_mqtt_reset(void);

/* True: connects and acknowledgements wait for the functions below. */
void fake_mqtt_hold(bool hold);
/* The client that connects, or nothing: false. */
bool fake_mqtt_accept(void);
/* The oldest packet that waits; false: none. */
bool fake_mqtt_acknowledge(void);
void fake_mqtt_acknowledge_all(void);
/* Ends the connection; the client tries again a second later. */
void fake_mqtt_drop(void);
/* The client's attempts fail from now on, or no longer. */
void fake_mqtt_set_reachable(bool reachable);
/* Subscriptions to topics with this text in them are refused; NULL: none. */
void fake_mqtt_refuse(const char *text);
/* mqtt_publish() fails with busy after so many more; SIZE_MAX: never. */
void fake_mqtt_take_only(size_t count);
/* A message for the client. Whoever is not connected misses it. */
void fake_mqtt_deliver(const char *topic, const char *payload);

bool fake_mqtt_has_client(void);
/* What the client's last attempt said, borrowed. */
const struct mqtt_credentials *fake_mqtt_credentials(void);
size_t fake_mqtt_count(void);
const struct fake_mqtt_packet *fake_mqtt_at(size_t index);
