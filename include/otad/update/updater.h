#pragma once

/*
 * The updater: devices, modules and jobs of this gateway, from offer to
 * report. It owns the inventory and every job; the control socket and main()
 * see it through this page.
 */

#include "otad/base/error.h"
#include "otad/config/config.h"
#include "otad/install/installer.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"
#include "otad/mqtt/mqtt.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetcher;
struct loop;
struct updater;

struct updater_options {
	struct loop *loop;	       /* borrowed */
	struct config *config;	       /* referenced */
	struct fetcher *fetcher;       /* borrowed */
	const struct mqtt_resolver *resolver; /* borrowed */
	struct install_self self;      /* borrowed */
	bool launched;		       /* otad-launch started us and judges trials */
	/* Everything is flushed: execv(2) now. Returns only when that failed,
	 * with `err` filled. */
	void (*exec_self)(void *user_data, const char *path,
			  struct ota_error *err);
	/* May be NULL. What updater_status() tells of the connection, of a hold
	 * or of the trial has changed; jobs have listeners. */
	void (*changed)(void *user_data);
	void *user_data;
};

/* Reads the state directory, resumes nothing yet. Owned, or NULL with `err`. */
struct updater *updater_new(const struct updater_options *options,
			    struct ota_error *err) OTA_MUST_CHECK;
struct updater *updater_free(struct updater *updater);
OTA_DEFINE_CLEANUP(struct updater *, updater_free)

/* Connects and resumes what jobs there are. */
bool updater_start(struct updater *updater, struct ota_error *err) OTA_MUST_CHECK;
/* Another configuration from now on; running jobs end with theirs. */
bool updater_reload(struct updater *updater, struct config *config,
		    struct ota_error *err) OTA_MUST_CHECK;
/* Flushes and disconnects, then `stopped` once from the loop. */
void updater_stop(struct updater *updater, void (*stopped)(void *user_data),
		  void *user_data);

/* Works as it should: for the service manager's watchdog. */
bool updater_is_healthy(const struct updater *updater);

/* A job (or the rest of one) as people see it. Borrowed for the call. */
struct job_view {
	const char *id;
	const char *device, *module;
	const char *class_name;	 /* of the device; NULL: none */
	const char *version;	 /* the offer's */
	const char *old_version; /* NULL: unknown */
	enum job_state state;
	unsigned download_percent;
	unsigned overall_percent;
	unsigned install_percent; /* as its handler tells; 0: nothing yet */
	uint64_t received_bytes;
	uint64_t total_bytes; /* or OFFER_SIZE_UNKNOWN */
	uint64_t bytes_per_second;
	enum ota_error_kind error;
	const char *message; /* NULL: none */
	const char *waiting; /* why it waits, for a person; NULL: it does not */
	int64_t changed_ms;  /* wall time of the last change of state */
};

/* How the jobs of a module ended, since its first one. */
struct update_counts {
	uint64_t succeeded, failed, rolled_back;
	uint64_t bytes; /* downloaded */
	uint64_t ms;	/* from the offer to the end, of all of them */
};

/* A module as people see it. Borrowed for the call. */
struct module_view {
	const char *device, *module;
	const char *class_name; /* NULL: none */
	enum installer_type type;
	const char *version;  /* NULL: unknown */
	const char *previous; /* to which rollback would go; NULL: none */
	const struct job_view *job; /* the running or last one; NULL: none */
	struct update_counts counts;
};

struct updater_status {
	const char *version;  /* of otad */
	const char *platform; /* NULL: none configured */
	bool connected;	      /* and subscribed */
	int64_t connected_ms; /* wall time of the last change of it */
	const char *trouble;  /* why not connected; NULL: none known. Borrowed */
	bool held;
	const char *hold_reason; /* NULL: none */
	int64_t hold_until_ms;	 /* 0: until released */
	bool automatic;
	size_t devices, modules, jobs;
	size_t jobs_in[JOB_STATE_COUNT]; /* of `jobs`, by their state */
	size_t reports_waiting; /* in the outbox */
	bool trial;	      /* this otad is on trial */
};
void updater_status(const struct updater *updater, struct updater_status *ret);

/* The module that the platform means when it names none; "default" without one. */
const char *updater_default_module(const struct updater *updater);

/* False stops the walk. `device` NULL: all. */
typedef bool (*module_view_fn)(const struct module_view *view, void *user_data);
bool updater_each_module(const struct updater *updater, const char *device,
			 module_view_fn fn, void *user_data);

typedef bool (*device_view_fn)(const struct device *device, void *user_data);
bool updater_each_device(const struct updater *updater, device_view_fn fn,
			 void *user_data);

/* Every change of a job's state and progress, as it happens. */
typedef void (*job_listener_fn)(const struct job_view *view, void *user_data);
struct updater_listener;
struct updater_listener *updater_listen(struct updater *updater,
					job_listener_fn fn, void *user_data)
	OTA_MUST_CHECK;
struct updater_listener *updater_unlisten(struct updater_listener *listener);

/*
 * What people and clouds ask for. `device` NULL: the gateway; `module` NULL: its
 * default one. Refusals come as `err`: not-found (no such device, module or
 * job), downgrade-refused, no-space, power-low, busy, incompatible,
 * protocol-error, ... with a sentence.
 */
/* The outcome of an offer that is no error. */
enum offer_outcome {
	OFFER_STARTED,	 /* a new job */
	OFFER_JOINED,	 /* a re-delivery: joins the job there is */
	OFFER_QUEUED,	 /* waits behind the module's running job */
	OFFER_INSTALLED, /* that version runs already: nothing to do */
};
/* `*ret_job` (may be NULL): the job's id, owned by the caller; NULL for
 * OFFER_INSTALLED. */
bool updater_offer(struct updater *updater, const struct offer *offer,
		   enum offer_outcome *ret_outcome, char **ret_job,
		   struct ota_error *err) OTA_MUST_CHECK;
bool updater_check(struct updater *updater, const char *device,
		   const char *module, struct ota_error *err) OTA_MUST_CHECK;
bool updater_install(struct updater *updater, const char *device,
		     const char *module, struct ota_error *err) OTA_MUST_CHECK;
bool updater_cancel(struct updater *updater, const char *device,
		    const char *module, struct ota_error *err) OTA_MUST_CHECK;
bool updater_rollback(struct updater *updater, const char *device,
		      const char *module, struct ota_error *err) OTA_MUST_CHECK;
/* `until_ms` wall time, 0: until released. Durable. */
bool updater_hold(struct updater *updater, int64_t until_ms, const char *reason,
		  struct ota_error *err) OTA_MUST_CHECK;
bool updater_release(struct updater *updater, struct ota_error *err) OTA_MUST_CHECK;
bool updater_add_device(struct updater *updater, const char *name,
			const char *class_name, struct ota_error *err) OTA_MUST_CHECK;
bool updater_remove_device(struct updater *updater, const char *name,
			   struct ota_error *err) OTA_MUST_CHECK;

/* An ended job, out of history.jsonl. Borrowed for the call. */
struct history_entry {
	const char *job, *device, *module;
	const char *version, *old_version;
	enum job_state state;
	enum ota_error_kind error;
	const char *message;
	int64_t started_ms, ended_ms; /* wall time */
	uint64_t bytes; /* downloaded for it */
};
typedef bool (*history_fn)(const struct history_entry *entry, void *user_data);
/* The last `count`, oldest first. */
bool updater_history(const struct updater *updater, size_t count, history_fn fn,
		     void *user_data, struct ota_error *err) OTA_MUST_CHECK;

struct updater_stats {
	uint64_t succeeded, failed, rolled_back; /* since the first start */
	uint64_t bytes_downloaded;
	uint64_t offers, rejects; /* since this start */
	uint64_t connects, disconnects;
	uint64_t uptime_ms;
	uint64_t longest_stall_us;
	uint64_t reports_sent;
};
void updater_stats(const struct updater *updater, struct updater_stats *ret);
/* Those since this start alone, the others 0: reads no file. */
void updater_counts(const struct updater *updater, struct updater_stats *ret);
