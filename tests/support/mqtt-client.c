#include "support/mqtt-client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "otad/base/loop.h"

#include "../../src/mqtt/mqtt-timing.h"

/* Shorter than these, which must not be what helps where others are tested. */
#define WAIT_MS	60000
#define OTHER_WAITS_MS (10 * WAIT_MS)
#define ROUND_MS 50

const struct mqtt_timing mqtt_client_quick = {
	.deadline_ms = 3000,
	.answer_ms = OTHER_WAITS_MS,
	.backoff_min_ms = 100,
	.backoff_max_ms = 60000,
	.settled_ms = 30000,
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_answer(struct loop_source *source, void *user_data)
{
	struct name_server *names = user_data;
	struct ota_error err;

	names->answer = loop_source_free(names->answer);
	if (names->unknown_name) {
		ota_fail(&err, OTA_ERROR_NETWORK, "no such name");
		names->done(names->user_data, NULL, &err);
	} else {
		names->done(names->user_data, names->address, NULL);
	}
}

static void *resolve(void *resolver, const char *host, uint16_t port,
		     uint64_t timeout_ms, mqtt_resolved_fn done,
		     void *user_data, struct ota_error *err)
{
	struct name_server *names = resolver;

	assert_null(names->answer);
	names->asked++;
	names->done = done;
	names->user_data = user_data;
	if (!names->silent) {
		names->answer =
			loop_add_defer(names->loop, on_answer, names, err);
		assert_non_null(names->answer);
	}
	return names;
}

static void cancel(void *resolver, void *handle)
{
	struct name_server *names = resolver;

	assert_ptr_equal(handle, names);
	names->cancelled++;
	names->answer = loop_source_free(names->answer);
}

static bool on_credentials(struct mqtt_credentials *ret, void *user_data,
			   struct ota_error *err)
{
	struct mqtt_client *client = user_data;

	if (client->no_credentials)
		return ota_fail(err, OTA_ERROR_PERMISSION, "no password file");
	if (client->client_id)
		ret->client_id = strdup(client->client_id);
	if (client->username)
		ret->username = strdup(client->username);
	if (client->password)
		ret->password = strdup(client->password);
	return true;
}

void mqtt_client_publish(struct mqtt_client *client, const char *topic,
			 const char *text, int qos)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!mqtt_publish(client->mqtt, topic, text, strlen(text), qos,
			  &client->publish_id, &err))
		fail_msg("%s", err.text);
}

static void on_connected(void *user_data)
{
	struct mqtt_client *client = user_data;
	struct ota_error err = OTA_ERROR_INIT;

	client->connected++;
	assert_true(mqtt_is_connected(client->mqtt));
	if (client->topic && !mqtt_subscribe(client->mqtt, client->topic, 1,
					     &client->subscribe_id, &err))
		fail_msg("%s", err.text);
	if (client->greeting)
		mqtt_client_publish(client, client->topic, client->greeting, 1);
}

static void on_message(const char *topic, const void *payload, size_t size,
		       void *user_data)
{
	struct mqtt_client *client = user_data;

	assert_non_null(payload);
	client->messages++;
	strncpy(client->got_topic, topic, sizeof(client->got_topic) - 1);
	client->got_size = size;
	memset(client->got_payload, 0, sizeof(client->got_payload));
	memcpy(client->got_payload, payload,
	       size < sizeof(client->got_payload)
		       ? size
		       : sizeof(client->got_payload) - 1);
	if (client->free_at_message)
		client->mqtt = mqtt_free(client->mqtt);
}

static void on_subscribed(int id, bool granted, void *user_data)
{
	struct mqtt_client *client = user_data;

	client->last_subscribed_id = id;
	if (granted)
		client->granted++;
	else
		client->refused++;
}

static void on_published(int id, void *user_data)
{
	struct mqtt_client *client = user_data;

	client->published++;
	client->last_published_id = id;
}

static void on_disconnected(const struct ota_error *why, void *user_data)
{
	struct mqtt_client *client = user_data;

	assert_false(mqtt_is_connected(client->mqtt));
	assert_int_equal(client->stopped, 0);
	client->disconnected++;
	client->why = *why;
}

static void on_stopped(void *user_data)
{
	struct mqtt_client *client = user_data;

	client->stopped++;
}

static const struct mqtt_handler handler = {
	.credentials = on_credentials,
	.connected = on_connected,
	.message = on_message,
	.subscribed = on_subscribed,
	.published = on_published,
	.disconnected = on_disconnected,
};

void mqtt_client_init(struct mqtt_client *client, struct loop *loop,
		      const struct mqtt_options *options)
{
	struct mqtt_options own = *options;
	struct mqtt_resolver resolver = {resolve, cancel, &client->names};
	struct ota_error err = OTA_ERROR_INIT;

	memset(client, 0, sizeof(*client));
	client->loop = loop;
	client->names.loop = loop;
	client->names.address = "127.0.0.1";
	if (!own.host)
		own.host = "broker.test";
	if (!own.keep_alive_ms)
		own.keep_alive_ms = OTHER_WAITS_MS;
	client->mqtt = mqtt_new(loop, &resolver, &own, &handler, client, &err);
	if (!client->mqtt)
		fail_msg("%s", err.text);
	mqtt_set_timing(client->mqtt, &mqtt_client_quick);
}

void mqtt_client_done(struct mqtt_client *client)
{
	client->mqtt = mqtt_free(client->mqtt);
	assert_null(client->names.answer);
}

void mqtt_client_start(struct mqtt_client *client)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!mqtt_start(client->mqtt, 0, &err))
		fail_msg("%s", err.text);
}

void mqtt_client_stop_within(struct mqtt_client *client, uint64_t timeout_ms)
{
	mqtt_stop(client->mqtt, timeout_ms, on_stopped, client);
}

void mqtt_client_stop(struct mqtt_client *client)
{
	/* Longer than the test would wait. */
	mqtt_client_stop_within(client, 60000);
}

void wait_until(struct mqtt_client *client, const unsigned *count,
		unsigned value)
{
	uint64_t deadline_ms = now_ms() + WAIT_MS;
	struct ota_error err = OTA_ERROR_INIT;

	while (*count < value) {
		if (now_ms() > deadline_ms)
			fail_msg("waited in vain; last: %s", client->why.text);
		client->rounds++;
		if (!loop_run_once(client->loop, ROUND_MS, &err))
			fail_msg("%s", err.text);
	}
}

void turn_for(struct mqtt_client *client, unsigned ms)
{
	uint64_t deadline_ms = now_ms() + ms;

	while (now_ms() < deadline_ms) {
		client->rounds++;
		assert_true(loop_run_once(client->loop, ROUND_MS, NULL));
	}
}
