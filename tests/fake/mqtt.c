#include "fake/mqtt.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/loop.h"

#define RETRY_MS 1000
#define MAX_PACKETS 65536

struct mqtt {
	struct loop *loop;
	struct mqtt_handler handler;
	void *user_data;
	struct loop_source *timer; /* to the next attempt */
	struct loop_source *turn;  /* what the broker has to say */
	struct loop_source *stop;
	void (*stopped)(void *user_data);
	void *stopped_data;
	bool connecting, connected, closing;
};

static struct {
	struct mqtt *client;
	struct mqtt_credentials credentials;
	struct fake_mqtt_packet packets[MAX_PACKETS];
	size_t count, acknowledged;
	bool hold, unreachable;
	const char *refuse;
	size_t takes;
	int next_id;
} broker = { .takes = SIZE_MAX };

void mqtt_credentials_done(struct mqtt_credentials *credentials)
{
	free(credentials->client_id);
	free(credentials->username);
	free(credentials->password);
	*credentials = (struct mqtt_credentials){ NULL };
}

static char *copy(const char *text)
{
	char *result = text ? strdup(text) : NULL;

	assert_true(!text || result);
	return result;
}

static struct fake_mqtt_packet *note(enum fake_mqtt_kind kind,
				     const char *topic, const char *payload)
{
	struct fake_mqtt_packet *packet = &broker.packets[broker.count++];

	assert_true(broker.count <= MAX_PACKETS);
	*packet = (struct fake_mqtt_packet){
		.kind = kind,
		.topic = copy(topic),
		.payload = copy(payload),
		.id = ++broker.next_id,
		.at_ms = loop_now_ms(broker.client->loop),
	};
	return packet;
}

void fake_mqtt_reset(void)
{
	assert_null(broker.client);
	for (size_t i = 0; i < broker.count; i++) {
		free(broker.packets[i].topic);
		free(broker.packets[i].payload);
	}
	mqtt_credentials_done(&broker.credentials);
	memset(&broker, 0, sizeof(broker));
	broker.takes = SIZE_MAX;
}

void fake_mqtt_hold(bool hold)
{
	broker.hold = hold;
	if (!hold && broker.client)
		loop_defer_again(broker.client->turn);
}

void fake_mqtt_set_reachable(bool reachable)
{
	broker.unreachable = !reachable;
	if (reachable && broker.client && !broker.client->connected &&
	    !broker.client->stopped)
		loop_timer_set(broker.client->timer, RETRY_MS);
}

void fake_mqtt_refuse(const char *text)
{
	broker.refuse = text;
}

void fake_mqtt_take_only(size_t count)
{
	broker.takes = count;
}

bool fake_mqtt_has_client(void)
{
	return broker.client;
}

const struct mqtt_credentials *fake_mqtt_credentials(void)
{
	return &broker.credentials;
}

size_t fake_mqtt_count(void)
{
	return broker.count;
}

const struct fake_mqtt_packet *fake_mqtt_at(size_t index)
{
	assert_true(index < broker.count);
	return &broker.packets[index];
}

/* ---- what the broker does ---- */

bool fake_mqtt_accept(void)
{
	struct mqtt *client = broker.client;

	if (!client || !client->connecting)
		return false;
	client->connecting = false;
	client->connected = true;
	note(FAKE_MQTT_CONNECT, NULL, NULL)->acknowledged = true;
	client->handler.connected(client->user_data);
	return true;
}

static struct fake_mqtt_packet *oldest_waiting(void)
{
	while (broker.acknowledged < broker.count &&
	       broker.packets[broker.acknowledged].acknowledged)
		broker.acknowledged++;
	return broker.acknowledged < broker.count ?
		       &broker.packets[broker.acknowledged] :
		       NULL;
}

bool fake_mqtt_acknowledge(void)
{
	struct fake_mqtt_packet *packet = oldest_waiting();
	struct mqtt *client = broker.client;
	bool granted;

	if (!packet || !client || !client->connected)
		return false;
	packet->acknowledged = true;
	if (packet->kind == FAKE_MQTT_SUBSCRIBE) {
		granted = !broker.refuse || !strstr(packet->topic, broker.refuse);
		client->handler.subscribed(packet->id, granted,
					   client->user_data);
	} else if (packet->kind == FAKE_MQTT_PUBLISH) {
		client->handler.published(packet->id, client->user_data);
	}
	return true;
}

void fake_mqtt_acknowledge_all(void)
{
	while (fake_mqtt_acknowledge())
		;
}

static void on_turn(struct loop_source *source, void *user_data)
{
	struct mqtt *client = user_data;

	if (broker.hold)
		return;
	if (client->connecting)
		fake_mqtt_accept();
	else if (fake_mqtt_acknowledge() && broker.client == client)
		loop_defer_again(client->turn);
}

/* What was on its way is void. */
static void hang_up(struct mqtt *client)
{
	client->connected = client->connecting = false;
	for (size_t i = 0; i < broker.count; i++)
		broker.packets[i].acknowledged = true;
	broker.acknowledged = broker.count;
}

static void lose(struct mqtt *client, const char *text)
{
	struct ota_error why = OTA_ERROR_INIT;

	hang_up(client);
	/* Nothing to try before the broker is there again. */
	loop_timer_set(client->timer,
		       broker.unreachable ? LOOP_NEVER : RETRY_MS);
	ota_fail(&why, OTA_ERROR_NETWORK, "%s", text);
	client->handler.disconnected(&why, client->user_data);
}

void fake_mqtt_drop(void)
{
	assert_true(broker.client && broker.client->connected);
	lose(broker.client, "the fake broker hung up");
}

void fake_mqtt_deliver(const char *topic, const char *payload)
{
	struct mqtt *client = broker.client;

	if (client && client->connected)
		client->handler.message(topic, payload, strlen(payload),
					client->user_data);
}

/* ---- what the client does ---- */

static void on_time(struct loop_source *source, void *user_data)
{
	struct mqtt *client = user_data;
	struct ota_error err = OTA_ERROR_INIT;

	if (broker.unreachable) {
		lose(client, "the fake broker is out of reach");
		return;
	}
	mqtt_credentials_done(&broker.credentials);
	if (!client->handler.credentials(&broker.credentials, client->user_data,
					 &err)) {
		lose(client, err.text);
		return;
	}
	client->connecting = true;
	loop_defer_again(client->turn);
}

static void on_stop(struct loop_source *source, void *user_data)
{
	struct mqtt *client = user_data;

	client->stopped(client->stopped_data);
}

struct mqtt *mqtt_new(struct loop *loop, const struct mqtt_resolver *resolver,
		      const struct mqtt_options *options,
		      const struct mqtt_handler *handler, void *user_data,
		      struct ota_error *err)
{
	OTA_CLEANUP(mqtt_freep) struct mqtt *client = calloc(1, sizeof(*client));

	assert_non_null(client);
	client->loop = loop;
	client->handler = *handler;
	client->user_data = user_data;
	client->timer = loop_add_timer(loop, LOOP_NEVER, on_time, client, err);
	client->stop = client->timer ? loop_add_timer(loop, LOOP_NEVER, on_stop,
						      client, err) :
				       NULL;
	client->turn = client->stop ?
			       loop_add_defer(loop, on_turn, client, err) :
			       NULL;
	if (!client->turn)
		return NULL;
	return OTA_TAKE(client);
}

struct mqtt *mqtt_free(struct mqtt *client)
{
	if (!client)
		return NULL;
	if (client == broker.client) {
		hang_up(client);
		broker.client = NULL;
	}
	loop_source_free(client->timer);
	loop_source_free(client->turn);
	loop_source_free(client->stop);
	free(client);
	return NULL;
}

bool mqtt_start(struct mqtt *client, uint64_t spread_ms, struct ota_error *err)
{
	/* Two with one id would kick each other off for ever. */
	assert_true(!broker.client || broker.client == client);
	broker.client = client;
	loop_timer_set(client->timer, spread_ms);
	return true;
}

void mqtt_set_reconnect_spread(struct mqtt *client, uint64_t spread_ms)
{
}

void mqtt_stop(struct mqtt *client, uint64_t timeout_ms,
	       void (*stopped)(void *user_data), void *user_data)
{
	assert_null(client->stopped);
	if (client->connected)
		note(FAKE_MQTT_DISCONNECT, NULL, NULL);
	hang_up(client);
	loop_timer_set(client->timer, LOOP_NEVER);
	client->stopped = stopped;
	client->stopped_data = user_data;
	loop_timer_set(client->stop, 0);
}

bool mqtt_is_connected(const struct mqtt *client)
{
	return client->connected;
}

static bool check_connected(const struct mqtt *client, struct ota_error *err)
{
	return client->connected ||
	       ota_fail(err, OTA_ERROR_NETWORK, "not connected");
}

bool mqtt_subscribe(struct mqtt *client, const char *topic, int qos, int *ret_id,
		    struct ota_error *err)
{
	struct fake_mqtt_packet *packet;

	if (!check_connected(client, err))
		return false;
	packet = note(FAKE_MQTT_SUBSCRIBE, topic, NULL);
	packet->qos = qos;
	*ret_id = packet->id;
	loop_defer_again(client->turn);
	return true;
}

bool mqtt_unsubscribe(struct mqtt *client, const char *topic,
		      struct ota_error *err)
{
	if (!check_connected(client, err))
		return false;
	note(FAKE_MQTT_UNSUBSCRIBE, topic, NULL)->acknowledged = true;
	return true;
}

bool mqtt_publish(struct mqtt *client, const char *topic, const void *payload,
		  size_t size, int qos, int *ret_id, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *text = strndup(payload, size);
	struct fake_mqtt_packet *packet;

	if (!check_connected(client, err))
		return false;
	if (broker.takes == 0)
		return ota_fail(err, OTA_ERROR_BUSY, "takes no more");
	if (broker.takes != SIZE_MAX)
		broker.takes--;
	packet = note(FAKE_MQTT_PUBLISH, topic, text);
	packet->qos = qos;
	*ret_id = packet->id;
	loop_defer_again(client->turn);
	return true;
}
