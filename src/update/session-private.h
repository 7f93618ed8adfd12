#pragma once

/* The inside of the session, shared by the session-*.c files alone. */

#include "otad/base/loop.h"
#include "otad/model/device.h"
#include "otad/mqtt/outbox.h"

#include "session.h"

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
	size_t untold; /* modules, the last ones, whose version waits */
	bool refused; /* its versions are to be told again */
	uint64_t property_ms; /* when a property message was last sent */
	uint64_t last_sent_ms; /* any report */
};

struct pending {
	int id;
	struct device *device;
	bool is_version;
};

enum session_timer_kind {
	SESSION_TIMER_VERSION,
	SESSION_TIMER_CHECK,
	SESSION_TIMER_IDLE,
	SESSION_TIMER_PUMP,
	SESSION_TIMER_ANSWER,
	SESSION_TIMER_ONLINE,
	SESSION_TIMER_REFUSED,
	SESSION_TIMER_GAP,
	SESSION_TIMER_FLUSH, /* also without a connection */
};
#define SESSION_TIMERS (SESSION_TIMER_FLUSH + 1)

/* Made with the session: what has to be done later needs no memory then. */
struct session_timer {
	struct loop_source *source;
	loop_fn fn;
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
	/* Where walks over all devices stand: asking for updates, telling of
	 * devices at rest, asking again to come online. */
	size_t check_next, idle_next, online_next;
	uint64_t check_began_ms;
	bool online_asked; /* in the walk */
	size_t untold; /* of all links together */
	bool connected, online, open;
	bool asked; /* for updates, the first time */
	bool listens; /* for the answers to REPORT_ONLINE */
	int64_t changed_ms;
	uint64_t pass_ms; /* of the outbox over what waits */
	uint32_t sequence;

	struct session_timer timers[SESSION_TIMERS];
	void (*stopped)(void *user_data);
	void *stopped_data;
	bool stopping;
	struct session_counts counts;
};

/*
 * A broker, or the cloud behind it, is not flooded by ten thousand devices: so
 * many messages, then a pause.
 */
#define SESSION_BATCH 32
#define SESSION_BATCH_GAP_MS 100

static inline struct link *session_link(struct device *device)
{
	return device->owner_data;
}

/* session.c */
void session_drop_timer(struct session *session, enum session_timer_kind kind);
/* Those of one connection. */
void session_drop_timers(struct session *session);
void session_set_timer(struct session *session, enum session_timer_kind kind,
		       uint64_t delay_ms, loop_fn fn);

/* session-send.c: messages on their way to the broker */
bool session_add_pending(struct session *session, int id, struct device *device,
			 bool is_version, struct ota_error *err) OTA_MUST_CHECK;
/* The device that waited for `id`, which has come; NULL: none did. */
struct device *session_take_pending(struct session *session, int id,
				    bool is_version);
/* Past the outbox. `device`: waits for the acknowledgement; NULL: nobody. */
bool session_encode(struct session *session, struct report *report,
		    struct device *device, struct ota_error *err) OTA_MUST_CHECK;
/* Platforms that drop what a device says too fast get pauses; at the end of
 * one, what waits goes on by itself. */
bool session_may_send(struct session *session, const struct link *link);
/* How long the device's pause lasts yet. */
uint64_t session_gap_left_ms(const struct session *session,
			     const struct link *link);
/* How the outbox sends. */
enum outbox_sent session_send(void *user_data,
			      const struct outbox_message *message,
			      int *ret_id);

/* session-tell.c: versions, and the question whether there is a new one */
bool session_tell_version(struct session *session, struct device *device,
			  const struct module *module, bool wait,
			  struct ota_error *err) OTA_MUST_CHECK;
/* As many as may go now; session_tell_more() brings the rest. */
void session_tell_versions(struct session *session, struct device *device);
void session_tell_more(struct session *session);
void session_check_device(struct session *session, struct device *device);
void session_on_version_time(struct loop_source *source, void *user_data);
void session_on_check_time(struct loop_source *source, void *user_data);

/* session-intro.c: how devices come in after a connect, the gateway first */
void session_bring_in(struct session *session, struct device *device);
/* The broker granted no subscription: tried again later. */
void session_refuse(struct session *session, struct device *device);
/* The answer to REPORT_ONLINE. */
void session_came_online(struct session *session, struct device *device);
/* Something a device waited for has come. */
void session_advance(struct session *session, struct device *device);
void session_pump(struct session *session);
/* The properties of a device at rest, where the platform keeps some. */
void session_tell_idle(struct session *session, struct device *device);
