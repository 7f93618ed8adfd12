#include "session-private.h"

#include <string.h>

#include "otad/base/log.h"
#include "otad/mqtt/outbox.h"

struct direct {
	struct session *session;
	struct device *device; /* whose versions these are; NULL: nobody waits */
};

bool session_add_pending(struct session *session, int id, struct device *device,
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
	session_link(device)->pending++;
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
		return session_add_pending(session, id, direct->device, true, err);
	return true;
}

struct queued {
	struct session *session;
	const char *device; /* whose pace it keeps; NULL: an answer, no one's */
	bool is_version;
};

/* What had to wait for its turn is not forgotten. */
static enum outbox_class class_of(const struct queued *queued,
				  const struct cloud_publication *publication)
{
	const struct session *session = queued->session;

	if (publication->result)
		return OUTBOX_RESULT;
	if (queued->is_version)
		return OUTBOX_VERSION;
	if (publication->qos > 0 ||
	    cloud_traits(session->cloud)->gap_holds_states)
		return OUTBOX_PROGRESS;
	/* Of a command that came at once: it is told after the versions. */
	if (session->connected && !session->open)
		return OUTBOX_PROGRESS;
	return OUTBOX_FLEETING;
}

static bool publish_by_outbox(void *user_data,
			      const struct cloud_publication *publication,
			      struct ota_error *err)
{
	const struct queued *queued = user_data;
	struct outbox_message message = {
		.device = queued->device,
		.topic = publication->topic,
		.payload = publication->payload,
		.qos = publication->qos,
		.message_class = class_of(queued, publication),
	};

	return outbox_add(queued->session->outbox, &message, err);
}

static void fill(struct session *session, struct report *report)
{
	report->now_ms = loop_wall_ms(session->loop);
	report->sequence = session->sequence++;
}

struct device *session_take_pending(struct session *session, int id,
				   bool is_version)
{
	for (size_t i = 0; i < session->n_pending; i++) {
		struct device *device = session->pending[i].device;

		if (session->pending[i].id != id ||
		    session->pending[i].is_version != is_version)
			continue;
		session->pending[i] = session->pending[--session->n_pending];
		session_link(device)->pending--;
		return device;
	}
	return NULL;
}

bool session_encode(struct session *session, struct report *report,
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

static struct link *link_of(const struct session *session, const char *name)
{
	struct device *device = inventory_find(session->inventory, name);

	return device ? session_link(device) : NULL;
}

bool session_report(struct session *session, const struct report *report,
		    struct ota_error *err)
{
	struct report filled = *report;
	struct queued queued = {
		.session = session,
		.device = is_answer(report->event) ? NULL : report->device,
		.is_version = report->event == REPORT_VERSION,
	};
	struct link *link = link_of(session, report->device);

	if (report->event == REPORT_PROPERTY && link)
		link->property_ms = loop_now_ms(session->loop);
	if (is_answer(report->event) && session->online)
		return session_encode(session, &filled, NULL, err);
	fill(session, &filled);
	return cloud_encode(session->cloud, session->inventory, &filled,
			    publish_by_outbox, &queued, err);
}

bool session_report_reject(struct session *session,
			   const struct cloud_message *message,
			   struct ota_error *err)
{
	struct direct direct = { session, NULL };
	struct queued queued = { .session = session };
	bool now = session->online;

	return cloud_encode_reject(session->cloud, session->inventory, message,
				   loop_wall_ms(session->loop),
				   session->sequence++,
				   now ? publish_directly :
						publish_by_outbox,
				   now ? (void *)&direct : &queued, err);
}

static void on_gap(struct loop_source *source, void *user_data)
{
	struct session *session = user_data;

	session_tell_more(session);
	if (session->open)
		outbox_open(session->outbox);
}

static uint64_t gap_left_ms(const struct session *session,
			    const struct link *link, uint64_t now_ms)
{
	const struct cloud_traits *traits = cloud_traits(session->cloud);
	uint64_t next_ms = link->last_sent_ms + traits->progress_gap_ms;

	if (!traits->gap_holds_states || !link->last_sent_ms ||
	    now_ms >= next_ms)
		return 0;
	return next_ms - now_ms;
}

uint64_t session_gap_left_ms(const struct session *session,
			     const struct link *link)
{
	return gap_left_ms(session, link, loop_now_ms(session->loop));
}

static bool may_send_at(struct session *session, const struct link *link,
			uint64_t now_ms)
{
	uint64_t left_ms = gap_left_ms(session, link, now_ms);

	if (left_ms > 0)
		session_set_timer(session, SESSION_TIMER_GAP, left_ms,
				  on_gap);
	return left_ms == 0;
}

bool session_may_send(struct session *session, const struct link *link)
{
	return may_send_at(session, link, loop_now_ms(session->loop));
}

bool session_is_free(const struct session *session, const char *device)
{
	const struct link *link = link_of(session, device);

	return !cloud_traits(session->cloud)->gap_holds_states ||
	       (session->open && link &&
		session_gap_left_ms(session, link) == 0 &&
		outbox_pending(session->outbox) == 0);
}

bool session_is_property_due(const struct session *session, const char *device)
{
	const struct link *link = link_of(session, device);

	return link &&
	       (!link->property_ms ||
		loop_now_ms(session->loop) - link->property_ms >=
			cloud_traits(session->cloud)->property_gap_ms);
}

enum outbox_sent session_send(void *user_data,
			      const struct outbox_message *message,
			      int *ret_id)
{
	struct session *session = user_data;
	struct link *link =
		message->device ? link_of(session, message->device) : NULL;
	struct ota_error err;

	if (!message->passes)
		session->pass_ms = loop_now_ms(session->loop);
	if (link && !may_send_at(session, link, session->pass_ms))
		return OUTBOX_DEVICE_NOT_NOW;
	if (!mqtt_publish(session->mqtt, message->topic, message->payload,
			  strlen(message->payload), message->qos, ret_id,
			  &err)) {
		log_debug(NULL, "Not sent yet: %s", err.text);
		return OUTBOX_NOT_NOW;
	}
	if (link)
		link->last_sent_ms = loop_now_ms(session->loop);
	session->counts.reports_sent++;
	return OUTBOX_SENT;
}
