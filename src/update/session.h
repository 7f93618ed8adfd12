#pragma once

/*
 * The session with the cloud: broker connection, adapter and outbox together
 * (protocols.md, sections 1.1 and 1.9). After every connect it subscribes, tells
 * the version of every module, the gateway's first, then lets the outbox go,
 * then asks for updates where the platform wants to be asked.
 */

#include "otad/base/error.h"
#include "otad/cloud/cloud.h"
#include "otad/config/config.h"
#include "otad/mqtt/mqtt.h"

#include <stdbool.h>
#include <stdint.h>

struct inventory;
struct loop;
struct session;

struct session_handler {
	/* Connected, the gateway's topics granted, its version acknowledged. */
	void (*online)(void *user_data);
	/* Lost or refused; may be NULL. Borrowed. */
	void (*offline)(const struct ota_error *why, void *user_data);
	/* Anything decoded but CLOUD_IGNORE. Borrowed. */
	void (*message)(const struct cloud_message *message, void *user_data);
	/* False while a job runs for the module: then no check is sent. */
	bool (*wants_check)(const char *device, const char *module,
			    void *user_data);
	/*
	 * May be NULL. True once after a connect when an update that broke off
	 * still waits for its artifact: the cloud is asked for it again, and
	 * may give it a fresh address.
	 */
	bool (*was_interrupted)(const char *device, const char *module,
				void *user_data);
	/* When the module's last success was; 0: unknown. */
	int64_t (*last_update_ms)(const char *device, const char *module,
				  void *user_data);
};

struct session_options {
	struct loop *loop;
	struct config *config; /* referenced */
	const struct mqtt_resolver *resolver;
	struct inventory *inventory; /* borrowed; see session_device_removed() */
};

/* Owned, or NULL with `err`: a secret that cannot be read, say. */
struct session *session_new(const struct session_options *options,
			    const struct session_handler *handler,
			    void *user_data, struct ota_error *err) OTA_MUST_CHECK;
/*
 * Reads the outbox; before that nothing can be reported. Not in session_new():
 * a new session may be made while an old one still has its outbox open.
 */
bool session_open(struct session *session, const char *outbox_dir,
		  struct ota_error *err) OTA_MUST_CHECK;
/*
 * Whether it may come back as late as ReconnectSpread= has it, as at first. Not
 * while this otad is on trial: it would not be confirmed in time.
 */
void session_spread(struct session *session, bool on);
/* Writes what waits to the outbox. Accepts NULL, returns NULL. */
struct session *session_free(struct session *session);
OTA_DEFINE_CLEANUP(struct session *, session_free)

bool session_start(struct session *session, uint64_t spread_ms,
		   struct ota_error *err) OTA_MUST_CHECK;
/*
 * Waits up to `flush_ms` for the outbox to empty, and for the pause after it
 * that the platform may want, disconnects, then calls `stopped` once, from the
 * loop.
 */
void session_stop(struct session *session, uint64_t flush_ms,
		  void (*stopped)(void *user_data), void *user_data);

/* Connected, subscribed, the gateway's version acknowledged. */
bool session_is_online(const struct session *session);
int64_t session_changed_ms(const struct session *session);
size_t session_reports_waiting(const struct session *session);
const struct cloud_traits *session_traits(const struct session *session);
/* For a device that enters the inventory: sets its address. */
bool session_set_address(const struct session *session, struct device *device,
			 struct ota_error *err) OTA_MUST_CHECK;

/*
 * Encodes and sends or keeps. A result of a job is durable when this returns
 * true. Fills in `now_ms` and `sequence` itself.
 */
bool session_report(struct session *session, const struct report *report,
		    struct ota_error *err) OTA_MUST_CHECK;
/*
 * Whether a report of the device would leave at once. Where the platform's pace makes it wait,
 * what the next one will outdate is better not told.
 */
bool session_is_free(const struct session *session, const char *device);
/* The same for the device's properties, which the platform wants less often. */
bool session_is_property_due(const struct session *session, const char *device);
/* Tells of a message that cannot be used. */
bool session_report_reject(struct session *session,
			   const struct cloud_message *message,
			   struct ota_error *err) OTA_MUST_CHECK;
/* The running version of a module, now. */
void session_report_version(struct session *session, const char *device,
			    const char *module);
/*
 * The same for a version that was not known at the connect and therefore kept
 * back: what follows a version follows now.
 */
void session_version_known(struct session *session, const char *device,
			   const char *module);
/* Asks the cloud; where it has no check, tells the version again. */
bool session_check(struct session *session, const char *device,
		   const char *module, struct ota_error *err) OTA_MUST_CHECK;

/* After it entered the inventory; before it leaves. */
void session_device_added(struct session *session, struct device *device);
void session_device_removed(struct session *session, struct device *device);

struct session_counts {
	uint64_t connects, disconnects, reports_sent;
};
void session_counts(const struct session *session, struct session_counts *ret);
