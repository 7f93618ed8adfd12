#include "session-private.h"

#include <string.h>
#include <sys/random.h>

#include "otad/base/log.h"
#include "otad/base/messages.h"
#include "otad/mqtt/outbox.h"

#define VERSION_AGAIN_MS 60000 /* protocols.md, section 3.3.1, after an error code */
#define STOP_MS 2000	       /* for DISCONNECT itself */
/* Between two messages at the least, on average; 32 bits then last 497 days. */
#define MESSAGE_MS 10

void session_drop_timer(struct session *session, enum session_timer_kind kind)
{
	loop_timer_set(session->timers[kind].source, LOOP_NEVER);
}

void session_drop_timers(struct session *session)
{
	for (unsigned i = 0; i < SESSION_TIMER_FLUSH; i++)
		session_drop_timer(session, i);
}

void session_set_timer(struct session *session, enum session_timer_kind kind,
		       uint64_t delay_ms, loop_fn fn)
{
	session->timers[kind].fn = fn;
	loop_timer_set(session->timers[kind].source, delay_ms);
}

static void on_time(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;
	unsigned i = 0;

	while (session->timers[i].source != source)
		i++;
	session->timers[i].fn(source, session);
}

static bool make_timers(struct session *session, struct ota_error *err)
{
	for (unsigned i = 0; i < SESSION_TIMERS; i++) {
		session->timers[i].source = loop_add_timer(
			session->loop, LOOP_NEVER, on_time, session, err);
		if (!session->timers[i].source)
			return false;
	}
	return true;
}

/* ---- the broker's side ---- */

static bool make_credentials(struct mqtt_credentials *ret, void *user_data,
			     struct ota_error *err)
{
	struct session *session = user_data;
	const struct config_mqtt *mqtt = &session->config->mqtt;
	struct cloud_derivation derivation = {
		.now_ms = loop_wall_ms(session->loop),
		.tls = mqtt->tls,
	};

	memset(ret, 0, sizeof(*ret));
	if (getrandom(&derivation.nonce, sizeof(derivation.nonce), 0) < 0)
		return ota_fail(err, OTA_ERROR_INTERNAL, "no random numbers");
	if ((mqtt->client_id && !(ret->client_id = strdup(mqtt->client_id))) ||
	    (mqtt->username && !(ret->username = strdup(mqtt->username))))
		return ota_fail_memory(err, "making credentials");
	if (mqtt->password_file &&
	    !(ret->password = config_read_secret(mqtt->password_file, err)))
		return ota_wrap(err, "PasswordFile=");
	return cloud_credentials(session->cloud, &derivation, ret, err);
}

static void on_connected(void *user_data)
{
	struct session *session = user_data;

	session->connected = true;
	session->counts.connects++;
	session->n_pending = 0;
	session->cursor = 0;
	session->check_next = session->idle_next = session->online_next = 0;
	session->untold = 0;
	session->asked = false;
	session->listens = false;
	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct link *link =
			session_link(inventory_at(session->inventory, i));

		*link = (struct link){ .last_sent_ms = link->last_sent_ms };
	}
	session_pump(session);
}

static void on_subscribed(int id, bool granted, void *user_data)
{
	struct session *session = user_data;
	struct device *device = session_take_pending(session, id, false);

	if (!device)
		return;
	if (!granted) {
		log_error(NULL,
			  "The broker refused a subscription of %s; check that the credentials may read its topics",
			  device->name);
		session_refuse(session, device);
	}
	session_advance(session, device);
	session_pump(session);
}

static void on_published(int id, void *user_data)
{
	struct session *session = user_data;
	struct device *device = session_take_pending(session, id, true);

	if (!device) {
		outbox_acknowledge(session->outbox, id);
		return;
	}
	session_advance(session, device);
	session_pump(session);
}

static void on_disconnected(const struct ota_error *why, void *user_data)
{
	struct session *session = user_data;
	bool was_connected = session->connected;

	/* Attempts that fail change nothing. */
	if (session->online)
		session->changed_ms = loop_wall_ms(session->loop);
	if (session->open)
		outbox_close(session->outbox);
	session->connected = session->online = session->open = false;
	session->n_pending = 0;
	session->counts.disconnects += was_connected;
	session_drop_timers(session);
	log_write(was_connected ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
		  &message_disconnected, NULL, "%s %s:%u: %s",
		  was_connected ? "Lost" : "Cannot reach",
		  session->config->mqtt.host, session->config->mqtt.port,
		  why ? why->text : "closed");
	if (session->handler.offline && why)
		session->handler.offline(why, session->user_data);
}

static bool handle_online_answer(struct session *session, const char *topic,
				 const void *payload, size_t size)
{
	OTA_CLEANUP(freep) char *name = NULL;
	struct device *device;
	bool online;

	if (!cloud_decode_online(session->cloud, session->inventory, topic,
				 payload, size, &name, &online))
		return false;
	device = name ? inventory_find(session->inventory, name) : NULL;
	if (device && online)
		session_came_online(session, device);
	return true;
}

/* A version that the cloud did not take is told again. */
static void note_refusal(struct session *session, const char *device_name)
{
	struct device *device = inventory_find(
		session->inventory, device_name ? device_name : DEVICE_SELF);

	if (!device)
		return;
	session_link(device)->refused = true;
	session_set_timer(session, SESSION_TIMER_VERSION, VERSION_AGAIN_MS,
			  session_on_version_time);
}

/* Whatever it says, the cloud did answer. */
static void note_answer(struct session *session,
			const struct cloud_message *message)
{
	session_drop_timer(session, SESSION_TIMER_ANSWER);
	if (message->verdict == CLOUD_REJECT &&
	    message->reason == CLOUD_REASON_ERROR_CODE &&
	    !cloud_traits(session->cloud)->checks)
		note_refusal(session, message->device);
}

static void on_message(const char *topic, const void *payload, size_t size,
		       void *user_data)
{
	struct session *session = user_data;
	struct cloud_message message = { 0 };
	struct ota_error err;

	/* To the end: the broker has its acknowledgement already, and what is
	 * for a gateway that goes on after it will not come again. */
	if (!session->stopping &&
	    handle_online_answer(session, topic, payload, size))
		return;
	if (!cloud_decode(session->cloud, session->inventory, topic, payload,
			  size, &message, &err)) {
		log_error(NULL, "Message not read: %s", err.text);
		return;
	}
	if (message.verdict != CLOUD_IGNORE) {
		note_answer(session, &message);
		session->handler.message(&message, session->user_data);
	}
	cloud_message_done(&message);
}

static const struct mqtt_handler mqtt_handler = {
	.credentials = make_credentials,
	.connected = on_connected,
	.message = on_message,
	.subscribed = on_subscribed,
	.published = on_published,
	.disconnected = on_disconnected,
};

/* ---- beginning and end ---- */

static bool open_cloud(struct session *session, struct ota_error *err)
{
	const struct config *config = session->config;
	const char *secret_file = key_value_get(
		config->cloud_keys, config->n_cloud_keys, "DeviceSecretFile");
	char *secret = NULL;
	struct cloud_options options = {
		.platform = config->platform,
		.keys = config->cloud_keys,
		.n_keys = config->n_cloud_keys,
		.mqtt_username = config->mqtt.username,
		.allow_http = config->download.allow_http,
		.max_size_bytes = config->download.max_size,
	};

	if (secret_file && !(secret = config_read_secret(secret_file, err)))
		return ota_wrap(err, "DeviceSecretFile=");
	options.device_secret = secret;
	session->cloud = cloud_new(&options, err);
	config_secret_free(secret);
	return session->cloud;
}

bool session_open(struct session *session, const char *dir,
		  struct ota_error *err)
{
	unsigned bad = 0;

	session->outbox = outbox_new(dir, session_send, session, &bad, err);
	if (bad)
		log_write(LOG_LEVEL_ERROR, &message_state_lost, NULL,
			  "%u reports in %s were unreadable and are set aside as .bad",
			  bad, dir);
	return session->outbox;
}

static bool open_mqtt(struct session *session,
		      const struct mqtt_resolver *resolver,
		      struct ota_error *err)
{
	const struct config_mqtt *mqtt = &session->config->mqtt;
	struct mqtt_options options = {
		.host = mqtt->host,
		.port = mqtt->port,
		.tls = mqtt->tls,
		.ca_file = mqtt->ca_file,
		.cert_file = mqtt->cert_file,
		.key_file = mqtt->key_file,
		.keep_alive_ms = mqtt->keep_alive_ms,
		.clean_session = mqtt->clean_session,
		.reconnect_spread_ms = mqtt->reconnect_spread_ms,
	};

	session->mqtt = mqtt_new(session->loop, resolver, &options,
				 &mqtt_handler, session, err);
	return session->mqtt;
}

struct session *session_new(const struct session_options *options,
			    const struct session_handler *handler,
			    void *user_data, struct ota_error *err)
{
	OTA_CLEANUP(session_freep) struct session *session =
		calloc(1, sizeof(*session));

	if (!session) {
		ota_fail_memory(err, "opening the session");
		return NULL;
	}
	session->loop = options->loop;
	session->config = config_ref(options->config);
	session->inventory = options->inventory;
	session->handler = *handler;
	session->user_data = user_data;
	/* Message ids stay unique over restarts: seeded from the clock. */
	session->sequence =
		(uint32_t)(loop_wall_ms(options->loop) / MESSAGE_MS);
	session->changed_ms = loop_wall_ms(options->loop);
	if (!make_timers(session, err) || !open_cloud(session, err) ||
	    !open_mqtt(session, options->resolver, err))
		return NULL;
	return OTA_TAKE(session);
}

struct session *session_free(struct session *session)
{
	if (!session)
		return NULL;
	for (unsigned i = 0; i < SESSION_TIMERS; i++)
		loop_source_free(session->timers[i].source);
	mqtt_free(session->mqtt);
	outbox_free(session->outbox);
	cloud_free(session->cloud);
	config_unref(session->config);
	free(session->pending);
	free(session);
	return NULL;
}

bool session_start(struct session *session, uint64_t spread_ms,
		   struct ota_error *err)
{
	return mqtt_start(session->mqtt, spread_ms, err);
}

void session_spread(struct session *session, bool on)
{
	mqtt_set_reconnect_spread(
		session->mqtt,
		on ? session->config->mqtt.reconnect_spread_ms : 0);
}

static void disconnect(struct session *session)
{
	if (session->stopping)
		return;
	session->stopping = true;
	session_drop_timers(session);
	session_drop_timer(session, SESSION_TIMER_FLUSH);
	mqtt_stop(session->mqtt, STOP_MS, session->stopped,
		  session->stopped_data);
}

static void on_flush_time(struct loop_source *source, void *user_data)
{
	disconnect(user_data);
}

static uint64_t gateway_gap_left_ms(const struct session *session)
{
	return session_gap_left_ms(
		session, session_link(inventory_at(session->inventory, 0)));
}

static void on_flushed(void *user_data)
{
	struct session *session = user_data;

	/*
	 * From the loop: the outbox is in the middle of something. Not in the
	 * pause: the next process begins with a message.
	 */
	session_set_timer(session, SESSION_TIMER_FLUSH,
			  gateway_gap_left_ms(session), on_flush_time);
}

void session_stop(struct session *session, uint64_t flush_ms,
		  void (*stopped)(void *user_data), void *user_data)
{
	session->stopped = stopped;
	session->stopped_data = user_data;
	if (!session->online)
		flush_ms = 0;
	else if (outbox_pending(session->outbox) == 0)
		flush_ms = gateway_gap_left_ms(session);
	outbox_on_empty(session->outbox, on_flushed, session);
	session_set_timer(session, SESSION_TIMER_FLUSH, flush_ms, on_flush_time);
}

bool session_is_online(const struct session *session)
{
	return session->online;
}

int64_t session_changed_ms(const struct session *session)
{
	return session->changed_ms;
}

size_t session_reports_waiting(const struct session *session)
{
	return outbox_pending(session->outbox);
}

const struct cloud_traits *session_traits(const struct session *session)
{
	return cloud_traits(session->cloud);
}

bool session_set_address(const struct session *session, struct device *device,
			 struct ota_error *err)
{
	char *address = cloud_address(session->cloud, device, err);

	if (!address)
		return false;
	free(device->address);
	device->address = address;
	if (!device->owner_data &&
	    !(device->owner_data = calloc(1, sizeof(struct link))))
		return ota_fail_memory(err, "adding a device");
	return true;
}

void session_device_added(struct session *session, struct device *device)
{
	if (session->connected)
		session_bring_in(session, device);
}

static bool unsubscribe_topic(void *user_data, const char *topic)
{
	struct session *session = user_data;
	struct ota_error err;

	if (!mqtt_unsubscribe(session->mqtt, topic, &err))
		log_debug(NULL, "%s", err.text);
	return true;
}

void session_device_removed(struct session *session, struct device *device)
{
	size_t kept = 0;

	for (size_t i = 0; i < session->n_pending; i++)
		if (session->pending[i].device != device)
			session->pending[kept++] = session->pending[i];
	session->n_pending = kept;
	session->untold -= session_link(device)->untold;
	/* The ones behind it move up; bringing one in twice does no harm. */
	if (session->cursor > 0)
		session->cursor--;
	if (session->connected)
		cloud_topics(session->cloud, device, unsubscribe_topic, session);
}

void session_counts(const struct session *session, struct session_counts *ret)
{
	*ret = session->counts;
}
