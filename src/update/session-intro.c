#include "session-private.h"

#include <string.h>

#include "otad/base/log.h"
#include "otad/base/messages.h"
#include "otad/mqtt/outbox.h"

#define ONLINE_RETRY_MS 5000 /* protocols.md, section 3.5 */
/* A broker that refused a topic. */
#define SUBSCRIBE_AGAIN_MS 60000
/* Devices whose subscriptions or versions are on their way at a time. */
#define MAX_IN_FLIGHT 32
/* Between two batches of them: ten thousand are in after three seconds. */
#define PUMP_GAP_MS 10

/* What one walk over a device's topics knows. */
struct subscription {
	struct session *session;
	struct device *device;
};

static bool subscribe_topic(void *user_data, const char *topic)
{
	struct subscription *wanted = user_data;
	struct ota_error err;
	int id;

	if (!mqtt_subscribe(wanted->session->mqtt, topic, 1, &id, &err) ||
	    !session_add_pending(wanted->session, id, wanted->device, false,
				 &err)) {
		log_warning(NULL, "Cannot subscribe %s: %s", topic, err.text);
		return false;
	}
	return true;
}

static void on_subscribe_again(struct loop_source *source, void *user_data);

static void subscribe(struct session *session, struct device *device)
{
	struct subscription wanted = { session, device };

	session_link(device)->stage = STAGE_SUBSCRIBING;
	if (!cloud_topics(session->cloud, device, subscribe_topic, &wanted))
		session_refuse(session, device);
	/* Some platforms address every device on the gateway's topics. */
	session_advance(session, device);
}

void session_refuse(struct session *session, struct device *device)
{
	session_link(device)->stage = STAGE_REFUSED;
	session_set_timer(session, SESSION_TIMER_REFUSED, SUBSCRIBE_AGAIN_MS,
			  on_subscribe_again);
}

static void on_subscribe_again(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	for (size_t i = 0; i < inventory_count(session->inventory); i++) {
		struct device *device = inventory_at(session->inventory, i);

		if (session_link(device)->stage == STAGE_REFUSED)
			subscribe(session, device);
	}
}

static bool is_gateway(const struct device *device)
{
	return strcmp(device->name, DEVICE_SELF) == 0;
}

static bool subscribe_online_topic(void *user_data, const char *topic)
{
	struct session *session = user_data;
	struct ota_error err;
	int id;

	if (!mqtt_subscribe(session->mqtt, topic, 1, &id, &err))
		log_warning(NULL, "Cannot subscribe %s: %s", topic, err.text);
	return true;
}

/* Before the first of them asks; a gateway without any may have no right to. */
static void listen_for_answers(struct session *session)
{
	if (session->listens)
		return;
	session->listens = true;
	cloud_online_topics(session->cloud, inventory_at(session->inventory, 0),
			    subscribe_online_topic, session);
}

static void on_online_retry(struct loop_source *source, void *user_data);

static void ask_online(struct session *session, struct device *device)
{
	struct report report = {
		.event = REPORT_ONLINE,
		.device = device->name,
	};
	struct ota_error err;

	listen_for_answers(session);
	session_link(device)->stage = STAGE_WAITING_ONLINE;
	if (!session_encode(session, &report, NULL, &err))
		log_debug(NULL, "%s", err.text);
	session->online_asked = true;
	/* During a walk over all of them, that sets it. */
	if (session->online_next == 0)
		session_set_timer(session, SESSION_TIMER_ONLINE,
				  ONLINE_RETRY_MS, on_online_retry);
}

static void on_online_retry(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	size_t count = inventory_count(session->inventory);
	unsigned asked = 0;

	if (!session->connected)
		return;
	if (session->online_next == 0)
		session->online_asked = false;
	while (asked < SESSION_BATCH && session->online_next < count) {
		struct device *device = inventory_at(session->inventory,
						     session->online_next++);

		if (session_link(device)->stage != STAGE_WAITING_ONLINE)
			continue;
		ask_online(session, device);
		asked++;
	}
	if (session->online_next < count) {
		session_set_timer(session, SESSION_TIMER_ONLINE,
				  SESSION_BATCH_GAP_MS, on_online_retry);
		return;
	}
	session->online_next = 0;
	if (session->online_asked)
		session_set_timer(session, SESSION_TIMER_ONLINE,
				  ONLINE_RETRY_MS, on_online_retry);
}

void session_bring_in(struct session *session, struct device *device)
{
	if (cloud_traits(session->cloud)->needs_online && !is_gateway(device))
		ask_online(session, device);
	else
		subscribe(session, device);
}

/* Properties are the device's: its default module speaks for the others. */
void session_tell_idle(struct session *session, struct device *device)
{
	struct report report = {
		.event = REPORT_PROPERTY,
		.device = device->name,
		.module = cloud_default_module(session->cloud),
		.state = JOB_STATE_IDLE,
	};
	struct ota_error err;

	if (!cloud_traits(session->cloud)->property_gap_ms ||
	    device->n_modules == 0)
		return;
	if (!device_find_module(device, report.module))
		report.module = device->modules[0].settings->name;
	for (size_t i = 0; i < device->n_modules; i++) {
		const struct module *module = &device->modules[i];
		const char *name = module->settings->name;
		int64_t last_ms = session->handler.last_update_ms(
			device->name, name, session->user_data);

		if (module->version_asked ||
		    !session->handler.wants_check(device->name, name,
						  session->user_data))
			return;
		if (last_ms > report.last_update_ms)
			report.last_update_ms = last_ms;
	}
	if (!session_report(session, &report, &err))
		log_debug(NULL, "%s", err.text);
}

static void on_idle_time(struct loop_source *source, void *user_data);

static void tell_idle_some(struct session *session)
{
	size_t count = inventory_count(session->inventory);

	for (unsigned i = 0; i < SESSION_BATCH && session->idle_next < count;
	     i++)
		session_tell_idle(session, inventory_at(session->inventory,
							session->idle_next++));
	if (session->idle_next < count)
		session_set_timer(session, SESSION_TIMER_IDLE,
				  SESSION_BATCH_GAP_MS, on_idle_time);
}

static void on_idle_time(struct loop_source *source, void *user_data)
{
	tell_idle_some(user_data);
}

/* Every version is told: now the rest may speak. */
static void let_go(struct session *session)
{
	const struct cloud_traits *traits = cloud_traits(session->cloud);

	session->open = true;
	outbox_open(session->outbox);
	tell_idle_some(session);
	if (traits->version_repeat_ms)
		session_set_timer(session, SESSION_TIMER_VERSION,
				  traits->version_repeat_ms, session_on_version_time);
	if (traits->checks && session->config->update.check_interval_ms)
		session_set_timer(session, SESSION_TIMER_CHECK,
				  traits->first_check_ms, session_on_check_time);
}

static bool is_settled(const struct session *session)
{
	return session->cursor >= inventory_count(session->inventory) &&
	       session->n_pending == 0 && session->untold == 0;
}

static void on_pump_time(struct loop_source *source, void *user_data)
{
	session_pump(user_data);
}

/* The gateway is in first; the devices behind it follow a few at a time. */
void session_pump(struct session *session)
{
	struct device *gateway = inventory_at(session->inventory, 0);
	unsigned brought = 0;

	/* Those that ask to come online have nothing in flight meanwhile. */
	while (session->n_pending < MAX_IN_FLIGHT && brought < SESSION_BATCH &&
	       session->cursor < inventory_count(session->inventory) &&
	       session_link(gateway)->stage != STAGE_SUBSCRIBING) {
		session_bring_in(session, inventory_at(session->inventory,
						       session->cursor++));
		brought++;
	}
	if (brought == SESSION_BATCH)
		session_set_timer(session, SESSION_TIMER_PUMP,
				  PUMP_GAP_MS, on_pump_time);
	if (!session->open && session->online && is_settled(session))
		let_go(session);
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

void session_advance(struct session *session, struct device *device)
{
	struct link *link = session_link(device);

	if (link->pending > 0)
		return;
	if (link->stage == STAGE_SUBSCRIBING)
		session_tell_versions(session, device);
	if (link->stage == STAGE_TELLING && link->pending == 0 &&
	    link->untold == 0) {
		link->stage = STAGE_READY;
		if (is_gateway(device) && !session->online)
			went_online(session);
		else if (session->open)
			session_check_device(session, device);
	}
}

void session_came_online(struct session *session, struct device *device)
{
	if (session_link(device)->stage == STAGE_WAITING_ONLINE)
		subscribe(session, device);
}
