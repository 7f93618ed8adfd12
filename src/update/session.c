#include "session.h"

#include <string.h>
#include <sys/random.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/model/device.h"
#include "otad/mqtt/outbox.h"

#define ONLINE_RETRY_MS 5000	   /* protocols.md, section 3.5 */
#define CHECK_ANSWER_MS 30000	   /* section 2.3.2 */
#define RESUBSCRIBE_MS 60000	   /* a broker that refused a topic */
#define VERSION_AGAIN_MS 60000	   /* section 3.3.1, after an error code */
#define STOP_MS 2000		   /* for DISCONNECT itself */
/* Devices whose subscriptions or versions are on their way at a time. */
#define MAX_IN_FLIGHT 32

enum stage {
	STAGE_NEW,
	STAGE_WAITING_ONLINE, /* REPORT_ONLINE sent, not answered */
	STAGE_SUBSCRIBING,
	STAGE_TELLING, /* versions on their way */
	STAGE_READY,
	STAGE_REFUSED, /* the broker granted no subscription */
};

/* What the session knows of a device: device->owner_data. */
struct link {
	enum stage stage;
	unsigned pending;
};

struct pending {
	int id;
	struct device *device;
	bool is_version;
};

struct session {
	struct loop *loop;
	struct config *config;
	struct inventory *inventory;
	struct session_handler handler;
	void *user_data;

	struct cloud *cloud;
	struct mqtt *mqtt;
	struct outbox *outbox;

	struct pending *pending;
	size_t n_pending, pending_size;
	size_t cursor; /* the next device to bring in */
	bool connected, online, open;
	int64_t changed_ms;
	uint64_t last_sent_ms;
	uint32_t sequence;

	struct loop_source *version_timer;
	struct loop_source *check_timer;
	struct loop_source *answer_timer;
	struct loop_source *online_timer;
	struct loop_source *refused_timer;
	struct loop_source *gap_timer;
	struct loop_source *flush_timer;
	void (*stopped)(void *user_data);
	void *stopped_data;
	bool stopping;
	struct session_counts counts;
};

static struct link *link_of(struct device *device)
{
	return device->owner_data;
}

static void drop_timer(struct loop_source **timer)
{
	*timer = loop_source_free(*timer);
}

static void drop_timers(struct session *session)
{
	drop_timer(&session->version_timer);
	drop_timer(&session->check_timer);
	drop_timer(&session->answer_timer);
	drop_timer(&session->online_timer);
	drop_timer(&session->refused_timer);
	drop_timer(&session->gap_timer);
}

static void set_timer(struct session *session, struct loop_source **timer,
		      uint64_t delay_ms, loop_fn fn)
{
	struct ota_error err;

	if (*timer) {
		loop_timer_set(*timer, delay_ms);
		return;
	}
	*timer = loop_add_timer(session->loop, delay_ms, fn, session, &err);
	if (!*timer)
		log_error(NULL, "%s", err.text);
}

/* ---- publishing ---- */

struct direct {
	struct session *session;
	struct device *device; /* whose versions these are; NULL: nobody waits */
};

static bool add_pending(struct session *session, int id, struct device *device,
			bool is_version, struct ota_error *err)
{
	if (session->n_pending == session->pending_size) {
		size_t size = session->pending_size ? 2 * session->pending_size : 32;
		struct pending *grown =
			realloc(session->pending, size * sizeof(*grown));

		if (!grown)
			return ota_fail_memory(err, "waiting for the broker");
		session->pending = grown;
		session->pending_size = size;
	}
	session->pending[session->n_pending++] =
		(struct pending){ id, device, is_version };
	link_of(device)->pending++;
	return true;
}

static bool publish_directly(void *user_data,
			     const struct cloud_publication *publication,
			     struct ota_error *err)
{
	struct direct *direct = user_data;
	struct session *session = direct->session;
	int id;

	if (!mqtt_publish(session->mqtt, publication->topic,
			  publication->payload, strlen(publication->payload),
			  publication->qos, &id, err))
		return false;
	session->counts.reports_sent++;
	if (direct->device && publication->qos > 0)
		return add_pending(session, id, direct->device, true, err);
	return true;
}

static bool publish_by_outbox(void *user_data,
			      const struct cloud_publication *publication,
			      struct ota_error *err)
{
	struct session *session = user_data;
	struct outbox_message message = {
		.topic = publication->topic,
		.payload = publication->payload,
		.qos = publication->qos,
		.message_class = publication->result   ? OUTBOX_RESULT :
				 publication->qos == 0 ? OUTBOX_FLEETING :
							 OUTBOX_PROGRESS,
	};

	return outbox_add(session->outbox, &message, err);
}

static void fill(struct session *session, struct report *report)
{
	report->now_ms = loop_wall_ms(session->loop);
	report->sequence = session->sequence++;
}

static bool encode_directly(struct session *session, struct report *report,
			    struct device *device, struct ota_error *err)
{
	struct direct direct = { session, device };

	fill(session, report);
	return cloud_encode(session->cloud, session->inventory, report,
			    publish_directly, &direct, err);
}

static bool is_answer(enum report_event event)
{
	return event == REPORT_REPLY || event == REPORT_CHECK ||
	       event == REPORT_ONLINE;
}

bool session_report(struct session *session, const struct report *report,
		    struct ota_error *err)
{
	struct report filled = *report;

	if (is_answer(report->event) && session->online)
		return encode_directly(session, &filled, NULL, err);
	fill(session, &filled);
	return cloud_encode(session->cloud, session->inventory, &filled,
			    publish_by_outbox, session, err);
}

static void on_gap(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	if (session->open)
		outbox_open(session->outbox);
}

/* How the outbox sends; platforms that drop what comes too fast get pauses. */
static bool send_now(void *user_data, const char *topic, const char *payload,
		     size_t size, int qos, int *ret_id)
{
	struct session *session = user_data;
	const struct cloud_traits *traits = cloud_traits(session->cloud);
	uint64_t now_ms = loop_now_ms(session->loop);
	uint64_t next_ms = session->last_sent_ms + traits->progress_gap_ms;
	struct ota_error err;

	if (traits->gap_holds_states && session->last_sent_ms &&
	    now_ms < next_ms) {
		set_timer(session, &session->gap_timer, next_ms - now_ms, on_gap);
		return false;
	}
	if (!mqtt_publish(session->mqtt, topic, payload, size, qos, ret_id, &err)) {
		log_debug(NULL, "Not sent yet: %s", err.text);
		return false;
	}
	session->last_sent_ms = now_ms;
	session->counts.reports_sent++;
	return true;
}

/* ---- versions ---- */

static bool tell_version(struct session *session, struct device *device,
			 const struct module *module, bool count,
			 struct ota_error *err)
{
	struct report report = {
		.event = REPORT_VERSION,
		.device = device->name,
		.module = module->settings->name,
		.version = module_version(module),
	};

	return encode_directly(session, &report, count ? device : NULL, err);
}

static void tell_versions(struct session *session, struct device *device)
{
	struct ota_error err;

	link_of(device)->stage = STAGE_TELLING;
	for (size_t i = 0; i < device->n_modules; i++)
		if (!tell_version(session, device, &device->modules[i], true,
				  &err))
			log_warning(NULL, "Version of %s not told: %s",
				    device->name, err.text);
}

void session_report_version(struct session *session, const char *device_name,
			    const char *module_name)
{
	struct device *device = inventory_find(session->inventory, device_name);
	struct module *module =
		device ? device_find_module(device, module_name) : NULL;
	struct report report = {
		.event = REPORT_VERSION,
		.device = device_name,
		.module = module_name,
		.version = module ? module_version(module) : NULL,
	};
	struct ota_error err;

	/* Offline, the next connect tells it. */
	if (!module || !session->online)
		return;
	if (!session_report(session, &report, &err))
		log_warning(NULL, "Version of %s not told: %s", device_name,
			    err.text);
}

static void on_version_time(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;
	struct device *gateway = inventory_at(session->inventory, 0);
	uint64_t repeat_ms = cloud_traits(session->cloud)->version_repeat_ms;
	struct ota_error err;

	if (session->online)
		for (size_t i = 0; i < gateway->n_modules; i++)
			if (!tell_version(session, gateway, &gateway->modules[i],
					  false, &err))
				log_debug(NULL, "%s", err.text);
	if (repeat_ms)
		loop_timer_set(session->version_timer, repeat_ms);
}

/* ---- checks ---- */

static uint64_t jitter(uint64_t delay_ms)
{
	uint64_t random;

	/* A tenth to either side keeps a fleet from asking in step. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return delay_ms;
	return delay_ms - delay_ms / 10 + random % (delay_ms / 5 + 1);
}

static void on_no_answer(struct loop_source *source, void *user_data)
{
	log_notice(NULL, "The cloud has not answered a check for %d s",
		   CHECK_ANSWER_MS / 1000);
}

static bool check_module(struct session *session, struct device *device,
			 const struct module *module, struct ota_error *err)
{
	struct report report = {
		.event = REPORT_CHECK,
		.device = device->name,
		.module = module->settings->name,
		.version = module_version(module),
	};

	if (!encode_directly(session, &report, NULL, err))
		return false;
	set_timer(session, &session->answer_timer, CHECK_ANSWER_MS, on_no_answer);
	return true;
}

static void check_device(struct session *session, struct device *device)
{
	struct ota_error err;

	if (link_of(device)->stage != STAGE_READY)
		return;
	for (size_t i = 0; i < device->n_modules; i++) {
		const struct module *module = &device->modules[i];

		if (session->handler.wants_check(device->name,
						 module->settings->name,
						 session->user_data) &&
		    !check_module(session, device, module, &err))
			log_debug(NULL, "%s", err.text);
	}
}

static void on_check_time(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;
	uint64_t interval_ms = session->config->update.check_interval_ms;

	if (session->open)
		for (size_t i = 0; i < inventory_count(session->inventory); i++)
			check_device(session, inventory_at(session->inventory, i));
	if (interval_ms)
		loop_timer_set(session->check_timer, jitter(interval_ms));
}

bool session_check(struct session *session, const char *device_name,
		   const char *module_name, struct ota_error *err)
{
	struct device *device = inventory_find(session->inventory, device_name);
	struct module *module =
		device ? device_find_module(device, module_name) : NULL;

	if (!module)
		return ota_fail(err, OTA_ERROR_NOT_FOUND, "no module %s of %s",
				module_name, device_name);
	if (!session->online)
		return ota_fail(err, OTA_ERROR_NETWORK,
				"not connected to the cloud; see otactl status");
	if (cloud_traits(session->cloud)->checks)
		return check_module(session, device, module, err);
	return tell_version(session, device, module, false, err);
}

/* ---- bringing devices in ---- */

static bool subscribe_topic(void *user_data, const char *topic)
{
	struct direct *direct = user_data;
	struct ota_error err;
	int id;

	if (!mqtt_subscribe(direct->session->mqtt, topic, 1, &id, &err) ||
	    !add_pending(direct->session, id, direct->device, false, &err)) {
		log_warning(NULL, "Cannot subscribe %s: %s", topic, err.text);
		return false;
	}
	return true;
}

static void subscribe_device(struct session *session, struct device *device)
{
	struct direct direct = { session, device };

	link_of(device)->stage = STAGE_SUBSCRIBING;
	cloud_topics(session->cloud, device, subscribe_topic, &direct);
	if (link_of(device)->pending == 0)
		link_of(device)->stage = STAGE_REFUSED;
}

static bool is_gateway(const struct device *device)
{
	return strcmp(device->name, DEVICE_SELF) == 0;
}

static void on_online_retry(struct loop_source *source, void *user_data);

static void ask_online(struct session *session, struct device *device)
{
	struct report report = {
		.event = REPORT_ONLINE,
		.device = device->name,
	};
	struct ota_error err;

	link_of(device)->stage = STAGE_WAITING_ONLINE;
	if (!encode_directly(session, &report, NULL, &err))
		log_debug(NULL, "%s", err.text);
	set_timer(session, &session->online_timer, ONLINE_RETRY_MS,
		  on_online_retry);
}

static void on_online_retry(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	if (!session->connected)
		return;
	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct device *device = inventory_at(session->inventory, i);

		if (link_of(device)->stage == STAGE_WAITING_ONLINE)
			ask_online(session, device);
	}
}

static void bring_in(struct session *session, struct device *device)
{
	if (cloud_traits(session->cloud)->needs_online && !is_gateway(device))
		ask_online(session, device);
	else
		subscribe_device(session, device);
}

static void tell_idle(struct session *session, struct device *device)
{
	struct ota_error err;

	for (size_t i = 0; i < device->n_modules; i++) {
		const char *module = device->modules[i].settings->name;
		struct report report = {
			.event = REPORT_PROPERTY,
			.device = device->name,
			.module = module,
			.state = JOB_STATE_IDLE,
			.version = module_version(&device->modules[i]),
			.last_update_ms = session->handler.last_update_ms(
				device->name, module, session->user_data),
		};

		if (session->handler.wants_check(device->name, module,
						 session->user_data) &&
		    !session_report(session, &report, &err))
			log_debug(NULL, "%s", err.text);
	}
}

/* Every version is told: now the rest may speak. */
static void let_go(struct session *session)
{
	const struct cloud_traits *traits = cloud_traits(session->cloud);

	session->open = true;
	outbox_open(session->outbox);
	for (size_t i = 0; i < inventory_count(session->inventory); i++)
		tell_idle(session, inventory_at(session->inventory, i));
	if (traits->version_repeat_ms)
		set_timer(session, &session->version_timer,
			  traits->version_repeat_ms, on_version_time);
	if (traits->checks && session->config->update.check_interval_ms)
		set_timer(session, &session->check_timer, traits->first_check_ms,
			  on_check_time);
}

static bool is_settled(const struct session *session)
{
	return session->cursor >= inventory_count(session->inventory) &&
	       session->n_pending == 0;
}

/* The gateway is in first; the devices behind it follow a few at a time. */
static void pump(struct session *session)
{
	struct device *gateway = inventory_at(session->inventory, 0);

	if (link_of(gateway)->stage == STAGE_SUBSCRIBING)
		return;
	while (session->n_pending < MAX_IN_FLIGHT &&
	       session->cursor < inventory_count(session->inventory))
		bring_in(session,
			 inventory_at(session->inventory, session->cursor++));
	if (!session->open && session->online && is_settled(session))
		let_go(session);
}

static void on_resubscribe(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct device *device = inventory_at(session->inventory, i);

		if (link_of(device)->stage == STAGE_REFUSED)
			subscribe_device(session, device);
	}
}

static void went_online(struct session *session)
{
	session->online = true;
	session->changed_ms = loop_wall_ms(session->loop);
	log_write(LOG_LEVEL_NOTICE, &message_connected, NULL,
		  "Connected to %s:%u as %s", session->config->mqtt.host,
		  session->config->mqtt.port,
		  session->config->platform->platform);
	session->handler.online(session->user_data);
}

static void advance(struct session *session, struct device *device)
{
	struct link *link = link_of(device);

	if (link->pending > 0)
		return;
	if (link->stage == STAGE_SUBSCRIBING)
		tell_versions(session, device);
	if (link->stage == STAGE_TELLING && link->pending == 0) {
		link->stage = STAGE_READY;
		if (is_gateway(device) && !session->online)
			went_online(session);
		else if (session->open)
			check_device(session, device);
	}
}

static struct device *take_pending(struct session *session, int id,
				   bool is_version)
{
	for (size_t i = 0; i < session->n_pending; i++) {
		struct device *device = session->pending[i].device;

		if (session->pending[i].id != id ||
		    session->pending[i].is_version != is_version)
			continue;
		session->pending[i] = session->pending[--session->n_pending];
		link_of(device)->pending--;
		return device;
	}
	return NULL;
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
	for (size_t i = 0; i < inventory_count(session->inventory); i++)
		*link_of(inventory_at(session->inventory, i)) = (struct link){ 0 };
	pump(session);
}

static void on_subscribed(int id, bool granted, void *user_data)
{
	struct session *session = user_data;
	struct device *device = take_pending(session, id, false);

	if (!device)
		return;
	if (!granted) {
		log_error(NULL,
			  "The broker refused a subscription of %s; check that the credentials may read its topics",
			  device->name);
		link_of(device)->stage = STAGE_REFUSED;
		set_timer(session, &session->refused_timer, RESUBSCRIBE_MS,
			  on_resubscribe);
	}
	advance(session, device);
	pump(session);
}

static void on_published(int id, void *user_data)
{
	struct session *session = user_data;
	struct device *device = take_pending(session, id, true);

	if (!device) {
		outbox_acknowledge(session->outbox, id);
		return;
	}
	advance(session, device);
	pump(session);
}

static void on_disconnected(const struct ota_error *why, void *user_data)
{
	struct session *session = user_data;
	bool was_connected = session->connected;

	if (session->open)
		outbox_close(session->outbox);
	session->connected = session->online = session->open = false;
	session->n_pending = 0;
	session->changed_ms = loop_wall_ms(session->loop);
	session->counts.disconnects += was_connected;
	drop_timers(session);
	log_write(was_connected ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
		  &message_disconnected, NULL, "%s %s:%u: %s",
		  was_connected ? "Lost" : "Cannot reach",
		  session->config->mqtt.host, session->config->mqtt.port,
		  why ? why->text : "closed");
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
	if (device && online &&
	    link_of(device)->stage == STAGE_WAITING_ONLINE)
		subscribe_device(session, device);
	return true;
}

/* Whatever it says, the cloud did answer. */
static void note_answer(struct session *session,
			const struct cloud_message *message)
{
	drop_timer(&session->answer_timer);
	if (message->verdict == CLOUD_REJECT &&
	    message->reason == CLOUD_REASON_ERROR_CODE &&
	    !cloud_traits(session->cloud)->checks)
		set_timer(session, &session->version_timer, VERSION_AGAIN_MS,
			  on_version_time);
}

static void on_message(const char *topic, const void *payload, size_t size,
		       void *user_data)
{
	struct session *session = user_data;
	struct cloud_message message = { 0 };
	struct ota_error err;

	if (session->stopping ||
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

static bool open_outbox(struct session *session, const char *dir,
			struct ota_error *err)
{
	unsigned bad = 0;

	session->outbox = outbox_new(dir, send_now, session, &bad, err);
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
	session->sequence = (uint32_t)(loop_wall_ms(options->loop) / 1000);
	session->changed_ms = loop_wall_ms(options->loop);
	if (!open_cloud(session, err) ||
	    !open_outbox(session, options->outbox_dir, err) ||
	    !open_mqtt(session, options->resolver, err))
		return NULL;
	return OTA_TAKE(session);
}

struct session *session_free(struct session *session)
{
	if (!session)
		return NULL;
	drop_timers(session);
	drop_timer(&session->flush_timer);
	mqtt_free(session->mqtt);
	outbox_free(session->outbox);
	cloud_free(session->cloud);
	config_unref(session->config);
	free(session->pending);
	free(session);
	return NULL;
}

bool session_start(struct session *session, uint64_t delay_ms,
		   struct ota_error *err)
{
	return mqtt_start(session->mqtt, delay_ms, err);
}

static void disconnect(struct session *session)
{
	if (session->stopping)
		return;
	session->stopping = true;
	drop_timers(session);
	drop_timer(&session->flush_timer);
	mqtt_stop(session->mqtt, STOP_MS, session->stopped,
		  session->stopped_data);
}

static void on_flush_time(struct loop_source *source, void *user_data)
{
	disconnect(user_data);
}

static void on_flushed(void *user_data)
{
	struct session *session = user_data;

	/* From the loop: the outbox is in the middle of something. */
	set_timer(session, &session->flush_timer, 0, on_flush_time);
}

void session_stop(struct session *session, uint64_t flush_ms,
		  void (*stopped)(void *user_data), void *user_data)
{
	session->stopped = stopped;
	session->stopped_data = user_data;
	if (!session->online || outbox_pending(session->outbox) == 0)
		flush_ms = 0;
	outbox_on_empty(session->outbox, on_flushed, session);
	set_timer(session, &session->flush_timer, flush_ms, on_flush_time);
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

const char *session_default_module(const struct session *session)
{
	return cloud_default_module(session->cloud);
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
		bring_in(session, device);
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
