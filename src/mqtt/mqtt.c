#include "otad/mqtt/mqtt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#include <mosquitto.h>
#include <openssl/ssl.h>

#include "otad/base/loop.h"

#include "backoff.h"
#include "link.h"
#include "mqtt-timing.h"
#include "tls.h"

/* What the library accepts, in seconds. */
#define KEEP_ALIVE_MIN_S 5
#define KEEP_ALIVE_MAX_S UINT16_MAX

/* MQTT 3.1.1, section 3.1.3.1: every broker takes 23 letters and digits. */
#define CLIENT_ID_SIZE 24

enum mqtt_state {
	MQTT_STATE_IDLE,    /* not started, or stopped */
	MQTT_STATE_WAITING, /* for the next attempt */
	MQTT_STATE_RESOLVING,
	MQTT_STATE_CONNECTING, /* until CONNACK */
	MQTT_STATE_CONNECTED,
};

struct mqtt {
	struct loop *loop;
	struct mqtt_resolver resolver;
	struct mqtt_handler handler;
	void *user_data;

	struct mqtt_options options; /* its strings are ours */
	char *strings[4];
	char client_id[CLIENT_ID_SIZE]; /* when the credentials name none */
	struct mqtt_timing timing;

	enum mqtt_state state;
	/* WAITING: the next attempt. RESOLVING, CONNECTING: the deadline.
	 * CONNECTED: keepalive. */
	struct loop_source *timer;
	void *resolving;
	struct link *link;
	struct backoff backoff;
	uint64_t retry_delay_ms;
	uint64_t connected_ms;

	/* While a message or subscription waits for its acknowledgement: the
	 * deadline of the next one. */
	struct loop_source *answer_timer;

	struct loop_source *stop_timer;
	bool stopping;
	void (*stopped)(void *user_data);
	void *stopped_data;
};

void mqtt_credentials_done(struct mqtt_credentials *credentials)
{
	if (credentials->password)
		explicit_bzero(credentials->password,
			       strlen(credentials->password));
	free(credentials->client_id);
	free(credentials->username);
	free(credentials->password);
	*credentials = (struct mqtt_credentials){0};
}

static uint32_t random_bits(const struct mqtt *mqtt)
{
	uint32_t bits = 0;

	/* Early at boot the weaker bits do: this is no secret. */
	if (getrandom(&bits, sizeof(bits), GRND_INSECURE) != sizeof(bits))
		bits = (uint32_t)loop_wall_ms(mqtt->loop) *
		       UINT32_C(2654435761);
	return bits;
}

static unsigned keep_alive_s(const struct mqtt *mqtt)
{
	uint64_t seconds = mqtt->options.keep_alive_ms / 1000;

	if (seconds < KEEP_ALIVE_MIN_S)
		return KEEP_ALIVE_MIN_S;
	if (seconds > KEEP_ALIVE_MAX_S)
		return KEEP_ALIVE_MAX_S;
	return (unsigned)seconds;
}

static uint64_t tick_ms(const struct mqtt *mqtt)
{
	return keep_alive_s(mqtt) * UINT64_C(1000) / 4;
}

static void drop_link(struct mqtt *mqtt)
{
	if (mqtt->resolving)
		mqtt->resolver.cancel(mqtt->resolver.resolver,
				      OTA_TAKE(mqtt->resolving));
	mqtt->link = link_free(mqtt->link);
	loop_timer_set(mqtt->timer, LOOP_NEVER);
	loop_timer_set(mqtt->answer_timer, LOOP_NEVER);
	mqtt->state = MQTT_STATE_IDLE;
}

static void finish_stop(struct mqtt *mqtt)
{
	void (*stopped)(void *user_data) = OTA_TAKE(mqtt->stopped);

	drop_link(mqtt);
	loop_timer_set(mqtt->stop_timer, LOOP_NEVER);
	mqtt->stopping = false;
	if (stopped)
		stopped(mqtt->stopped_data);
}

/* The end of every attempt and of every connection. From the loop only. */
static void lose(struct mqtt *mqtt, const struct ota_error *why, bool barred)
{
	bool was_connected = mqtt->state == MQTT_STATE_CONNECTED;
	bool settled = was_connected &&
		       loop_now_ms(mqtt->loop) - mqtt->connected_ms >=
			       mqtt->timing.settled_ms;
	struct ota_error told = *why;

	drop_link(mqtt);
	if (mqtt->stopping) {
		finish_stop(mqtt);
		return;
	}
	if (settled)
		backoff_reset(&mqtt->backoff);
	if (barred)
		backoff_exhaust(&mqtt->backoff);
	mqtt->retry_delay_ms =
		backoff_next_ms(&mqtt->backoff, random_bits(mqtt));
	if (was_connected)
		mqtt->retry_delay_ms += backoff_spread_ms(
			mqtt->options.reconnect_spread_ms, random_bits(mqtt));
	mqtt->state = MQTT_STATE_WAITING;
	loop_timer_set(mqtt->timer, mqtt->retry_delay_ms);
	ota_wrap(&told, "broker %s:%u", mqtt->options.host,
		 (unsigned)mqtt->options.port);
	mqtt->handler.disconnected(&told, mqtt->user_data);
}

static void on_accepted(void *user_data)
{
	struct mqtt *mqtt = user_data;

	mqtt->state = MQTT_STATE_CONNECTED;
	mqtt->connected_ms = loop_now_ms(mqtt->loop);
	loop_timer_set(mqtt->timer, tick_ms(mqtt));
	mqtt->handler.connected(mqtt->user_data);
}

/* After an acknowledgement: the next one has as long again. */
static void note_answer(struct mqtt *mqtt)
{
	loop_timer_set(mqtt->answer_timer, link_awaits_answer(mqtt->link) ?
						   mqtt->timing.answer_ms :
						   LOOP_NEVER);
}

static void on_message(const char *topic, const void *payload, size_t size,
		       void *user_data)
{
	struct mqtt *mqtt = user_data;

	mqtt->handler.message(topic, payload, size, mqtt->user_data);
}

static void on_subscribed(int id, bool granted, void *user_data)
{
	struct mqtt *mqtt = user_data;

	/* It serves us: what ends this connection is no reason to stay away. */
	backoff_reset(&mqtt->backoff);
	note_answer(mqtt);
	mqtt->handler.subscribed(id, granted, mqtt->user_data);
}

static void on_published(int id, void *user_data)
{
	struct mqtt *mqtt = user_data;

	note_answer(mqtt);
	mqtt->handler.published(id, mqtt->user_data);
}

static void on_ended(const struct ota_error *why, bool barred, void *user_data)
{
	struct mqtt *mqtt = user_data;

	if (why)
		lose(mqtt, why, barred);
	else
		finish_stop(mqtt);
}

static const struct link_handler link_handler = {
	.accepted = on_accepted,
	.message = on_message,
	.subscribed = on_subscribed,
	.published = on_published,
	.ended = on_ended,
};

static bool connect_as(struct mqtt *mqtt, const char *address,
		       const struct mqtt_credentials *credentials,
		       struct ota_error *err)
{
	struct link_request request = {
		.address = address,
		.port = mqtt->options.port,
		.keep_alive_s = keep_alive_s(mqtt),
		.clean_session = mqtt->options.clean_session,
		.client_id = credentials->client_id,
		.username = credentials->username,
		.password = credentials->password,
	};

	if (!request.client_id) {
		/* Nobody would ever return to a session under this name. */
		request.client_id = mqtt->client_id;
		request.clean_session = true;
	}
	if (mqtt->options.tls) {
		request.tls = tls_context_new(&mqtt->options, err);
		if (!request.tls)
			return false;
	}
	mqtt->link = link_new(mqtt->loop, &request, &link_handler, mqtt, err);
	SSL_CTX_free(request.tls);
	return mqtt->link != NULL;
}

static void connect_to(struct mqtt *mqtt, const char *address)
{
	struct mqtt_credentials credentials = {0};
	struct ota_error err = OTA_ERROR_INIT;
	bool begun;

	mqtt->state = MQTT_STATE_CONNECTING;
	begun = mqtt->handler.credentials(&credentials, mqtt->user_data,
					  &err) &&
		connect_as(mqtt, address, &credentials, &err);
	mqtt_credentials_done(&credentials);
	if (begun)
		loop_timer_set(mqtt->timer, mqtt->timing.deadline_ms);
	else
		lose(mqtt, &err, false);
}

static void on_resolved(void *user_data, const char *address,
			const struct ota_error *err)
{
	struct mqtt *mqtt = user_data;

	mqtt->resolving = NULL;
	if (err)
		lose(mqtt, err, false);
	else
		connect_to(mqtt, address);
}

static void attempt(struct mqtt *mqtt)
{
	const char *host = mqtt->options.host;
	struct ota_error err = OTA_ERROR_INIT;

	if (link_is_address(host)) {
		connect_to(mqtt, host);
		return;
	}
	mqtt->state = MQTT_STATE_RESOLVING;
	loop_timer_set(mqtt->timer, mqtt->timing.deadline_ms);
	mqtt->resolving = mqtt->resolver.resolve(
		mqtt->resolver.resolver, host, mqtt->options.port,
		mqtt->timing.deadline_ms, on_resolved, mqtt, &err);
	if (!mqtt->resolving)
		lose(mqtt, &err, false);
}

static void give_up(struct mqtt *mqtt, const char *what, uint64_t after_ms)
{
	struct ota_error err = OTA_ERROR_INIT;

	ota_fail(&err, OTA_ERROR_TIMEOUT, "%s within %llu s", what,
		 (unsigned long long)after_ms / 1000);
	lose(mqtt, &err, false);
}

/* It may answer pings all the same, and so never be lost. */
static void on_answer_timer(struct loop_source *source, void *user_data)
{
	struct mqtt *mqtt = user_data;

	give_up(mqtt, "no acknowledgement", mqtt->timing.answer_ms);
}

static void on_timer(struct loop_source *source, void *user_data)
{
	struct mqtt *mqtt = user_data;

	switch (mqtt->state) {
	case MQTT_STATE_IDLE:
		break;
	case MQTT_STATE_WAITING:
		attempt(mqtt);
		break;
	case MQTT_STATE_RESOLVING:
		give_up(mqtt, "name not resolved", mqtt->timing.deadline_ms);
		break;
	case MQTT_STATE_CONNECTING:
		give_up(mqtt, "no answer to the connect",
			mqtt->timing.deadline_ms);
		break;
	case MQTT_STATE_CONNECTED:
		loop_timer_set(mqtt->timer, tick_ms(mqtt));
		link_tick(mqtt->link);
		break;
	}
}

static void on_stop_timer(struct loop_source *source, void *user_data)
{
	finish_stop(user_data);
}

static bool copy_string(struct mqtt *mqtt, size_t slot, const char *text,
			const char **ret_copy)
{
	*ret_copy = NULL;
	if (!text)
		return true;
	*ret_copy = mqtt->strings[slot] = strdup(text);
	return *ret_copy != NULL;
}

static bool copy_options(struct mqtt *mqtt, const struct mqtt_options *options)
{
	mqtt->options = *options;
	return copy_string(mqtt, 0, options->host, &mqtt->options.host) &&
	       copy_string(mqtt, 1, options->ca_file, &mqtt->options.ca_file) &&
	       copy_string(mqtt, 2, options->cert_file,
			   &mqtt->options.cert_file) &&
	       copy_string(mqtt, 3, options->key_file, &mqtt->options.key_file);
}

static void name_client(struct mqtt *mqtt)
{
	uint32_t bits[2] = {random_bits(mqtt), random_bits(mqtt)};

	snprintf(mqtt->client_id, sizeof(mqtt->client_id), "otad%08x%08x",
		 bits[0], bits[1]);
}

void mqtt_set_timing(struct mqtt *mqtt, const struct mqtt_timing *timing)
{
	mqtt->timing = *timing;
	mqtt->backoff = (struct backoff){
		.min_ms = timing->backoff_min_ms,
	};
	mqtt_set_reconnect_spread(mqtt, mqtt->options.reconnect_spread_ms);
}

void mqtt_set_reconnect_spread(struct mqtt *mqtt, uint64_t spread_ms)
{
	uint64_t max_ms = mqtt->timing.backoff_max_ms;

	mqtt->options.reconnect_spread_ms = spread_ms;
	/* After a long outage, too, they take that long to come back. */
	mqtt->backoff.max_ms = spread_ms > max_ms ? spread_ms : max_ms;
}

uint64_t mqtt_retry_delay_ms(const struct mqtt *mqtt)
{
	return mqtt->retry_delay_ms;
}

struct mqtt *mqtt_new(struct loop *loop, const struct mqtt_resolver *resolver,
		      const struct mqtt_options *options,
		      const struct mqtt_handler *handler, void *user_data,
		      struct ota_error *err)
{
	/* protocols.md, section 1.1: 1 s ... 60 s. */
	static const struct mqtt_timing timing = {
		.deadline_ms = 15000,
		.answer_ms = 60000,
		.backoff_min_ms = 1000,
		.backoff_max_ms = 60000,
		.settled_ms = 30000,
	};
	OTA_CLEANUP(mqtt_freep) struct mqtt *mqtt = calloc(1, sizeof(*mqtt));

	if (!mqtt || !copy_options(mqtt, options)) {
		ota_fail_memory(err, "set up the broker connection");
		return NULL;
	}
	/*
	 * Counted by the library. Never undone: mosquitto_lib_cleanup() unloads
	 * OpenSSL's configuration, which is not the library's but the process's.
	 */
	mosquitto_lib_init();
	mqtt->loop = loop;
	mqtt->resolver = *resolver;
	mqtt->handler = *handler;
	mqtt->user_data = user_data;
	mqtt_set_timing(mqtt, &timing);
	name_client(mqtt);
	mqtt->timer = loop_add_timer(loop, LOOP_NEVER, on_timer, mqtt, err);
	if (!mqtt->timer)
		return NULL;
	mqtt->answer_timer =
		loop_add_timer(loop, LOOP_NEVER, on_answer_timer, mqtt, err);
	if (!mqtt->answer_timer)
		return NULL;
	mqtt->stop_timer =
		loop_add_timer(loop, LOOP_NEVER, on_stop_timer, mqtt, err);
	if (!mqtt->stop_timer)
		return NULL;
	return OTA_TAKE(mqtt);
}

struct mqtt *mqtt_free(struct mqtt *mqtt)
{
	if (!mqtt)
		return NULL;
	if (mqtt->resolving)
		mqtt->resolver.cancel(mqtt->resolver.resolver, mqtt->resolving);
	link_free(mqtt->link);
	loop_source_free(mqtt->timer);
	loop_source_free(mqtt->answer_timer);
	loop_source_free(mqtt->stop_timer);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(mqtt->strings); i++)
		free(mqtt->strings[i]);
	free(mqtt);
	return NULL;
}

bool mqtt_start(struct mqtt *mqtt, uint64_t spread_ms, struct ota_error *err)
{
	if (mqtt->stopping)
		return ota_fail(err, OTA_ERROR_BUSY,
				"broker connection is being stopped");
	if (mqtt->state != MQTT_STATE_IDLE && mqtt->state != MQTT_STATE_WAITING)
		return true;
	mqtt->state = MQTT_STATE_WAITING;
	mqtt->retry_delay_ms = backoff_spread_ms(spread_ms, random_bits(mqtt));
	loop_timer_set(mqtt->timer, mqtt->retry_delay_ms);
	return true;
}

void mqtt_stop(struct mqtt *mqtt, uint64_t timeout_ms,
	       void (*stopped)(void *user_data), void *user_data)
{
	assert(!mqtt->stopping);
	mqtt->stopping = true;
	mqtt->stopped = stopped;
	mqtt->stopped_data = user_data;
	if (mqtt->state == MQTT_STATE_CONNECTED) {
		link_close(mqtt->link);
		loop_timer_set(mqtt->stop_timer, timeout_ms);
	} else {
		drop_link(mqtt);
		loop_timer_set(mqtt->stop_timer, 0);
	}
}

bool mqtt_is_connected(const struct mqtt *mqtt)
{
	return mqtt->state == MQTT_STATE_CONNECTED;
}

static bool check_connected(const struct mqtt *mqtt, struct ota_error *err)
{
	if (mqtt_is_connected(mqtt))
		return true;
	return ota_fail(err, OTA_ERROR_NETWORK, "broker %s:%u: not connected",
			mqtt->options.host, (unsigned)mqtt->options.port);
}

bool mqtt_subscribe(struct mqtt *mqtt, const char *topic, int qos, int *ret_id,
		    struct ota_error *err)
{
	bool waits;

	if (!check_connected(mqtt, err))
		return false;
	waits = link_awaits_answer(mqtt->link);
	if (!link_subscribe(mqtt->link, topic, qos, ret_id, err))
		return ota_wrap(err, "subscribe to %s", topic);
	if (!waits)
		note_answer(mqtt);
	return true;
}

bool mqtt_unsubscribe(struct mqtt *mqtt, const char *topic,
		      struct ota_error *err)
{
	if (!check_connected(mqtt, err))
		return false;
	if (!link_unsubscribe(mqtt->link, topic, err))
		return ota_wrap(err, "unsubscribe from %s", topic);
	return true;
}

bool mqtt_publish(struct mqtt *mqtt, const char *topic, const void *payload,
		  size_t size, int qos, int *ret_id, struct ota_error *err)
{
	bool waits;

	if (!check_connected(mqtt, err))
		return false;
	/* protocols.md, section 1.1: some platforms hang up on those. */
	if (size == 0)
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"publish to %s: nothing to say", topic);
	waits = link_awaits_answer(mqtt->link);
	if (!link_publish(mqtt->link, topic, payload, size, qos, ret_id, err))
		return ota_wrap(err, "publish to %s", topic);
	if (!waits)
		note_answer(mqtt);
	return true;
}
