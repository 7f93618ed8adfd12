#include <string.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"
#include "otad/base/units.h"
#include "otad/base/version.h"

#include "artifact.h"
#include "gate.h"
#include "machine.h"
#include "policy.h"
#include "reporter.h"
#include "runner.h"
#include "updater-private.h"

/* Waiting by the clock: the clock itself may be set meanwhile. */
#define WAKE_MAX_MS (10 * 60 * 1000)

/* ---- the list, and its index by device and module ---- */

/* FNV-1a. */
static uint32_t hash_text(uint32_t hash, const char *text)
{
	/* The NUL as well: it keeps device and module apart. */
	for (size_t i = 0; i <= strlen(text); i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}

static size_t bucket_of(const char *device, const char *module)
{
	return hash_text(hash_text(2166136261u, device), module) %
	       UPDATER_JOB_BUCKETS;
}

struct job *updater_find_job(const struct updater *updater, const char *device,
			     const char *module)
{
	struct job *job = updater->job_buckets[bucket_of(device, module)];

	while (job && (strcmp(job->offer->device, device) != 0 ||
		       strcmp(job->offer->module, module) != 0))
		job = job->same_bucket;
	return job;
}

static struct job **bucket_for(const struct job *job)
{
	return &job->updater->job_buckets[bucket_of(job->offer->device,
						    job->offer->module)];
}

/* At the end: who came first goes first. */
void updater_add_job(struct updater *updater, struct job *job)
{
	struct job **bucket = bucket_for(job);

	job->previous = updater->last_job;
	job->next = NULL;
	*(job->previous ? &job->previous->next : &updater->jobs) = job;
	updater->last_job = job;
	job->same_bucket = *bucket;
	*bucket = job;
	updater->n_jobs++;
}

void updater_drop_job(struct job *job)
{
	struct updater *updater = job->updater;
	struct job **at = bucket_for(job);

	while (*at != job)
		at = &(*at)->same_bucket;
	*at = job->same_bucket;
	*(job->previous ? &job->previous->next : &updater->jobs) = job->next;
	*(job->next ? &job->next->previous : &updater->last_job) =
		job->previous;
	updater->n_jobs--;
	job_free(job);
}

/* ---- reading them after a start ---- */

/*
 * Another job of its module begins only when the end of one was told: a file
 * that could not be removed then is out of date.
 */
static bool forget_ended(struct updater *updater, struct job *other,
			 struct job *job, struct ota_error *err)
{
	const struct job *ended = job_state_is_terminal(job->state) ? job : other;
	OTA_CLEANUP(freep) char *path = NULL;

	if (!job_state_is_terminal(ended->state))
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"its module has a job already");
	path = store_path(&updater->store, STORE_JOBS, ended->id, ".json");
	if (!path)
		return ota_fail_memory(err, "reading the jobs");
	if (!file_remove(path, err))
		return false;
	if (ended == other)
		updater_drop_job(other);
	return true;
}

static bool load_job(void *user_data, const char *path,
		     struct json_object *document, struct ota_error *err)
{
	struct updater *updater = user_data;
	OTA_CLEANUP(job_freep) struct job *job =
		job_from_json(updater, document, err);
	struct module *module;
	struct job *other;
	struct ota_error ignored;

	if (!job || !job_make_timers(job, err))
		return false;
	module = updater_find_module(updater, job->offer->device,
				     job->offer->module, NULL, &ignored);
	if (!module)
		return ota_fail(err, OTA_ERROR_PROTOCOL,
				"it is for module %s of device %s, which is not configured any more",
				job->offer->module, job->offer->device);
	other = updater_find_job(updater, job->offer->device,
				 job->offer->module);
	if (other) {
		bool is_out_of_date = job_state_is_terminal(job->state);

		if (!forget_ended(updater, other, job, err))
			return false;
		if (is_out_of_date)
			return true;
	}
	job->settings = module_settings_ref(module->settings);
	updater_add_job(updater, OTA_TAKE(job));
	return true;
}

bool updater_load_jobs(struct updater *updater, struct ota_error *err)
{
	return store_each(&updater->store, STORE_JOBS, load_job, updater, err);
}

/* A package has brought another otad meanwhile, not older than the offer. */
static bool is_outdated(const struct job *job)
{
	const char *running = job->updater->env.self.version;

	return installer_restarts_self(job->settings->type) &&
	       job->state < JOB_STATE_INSTALLING && job->old_version &&
	       strcmp(job->old_version, running) != 0 &&
	       version_compare(job->offer->version, running) <= 0;
}

static void end_outdated(struct job *job)
{
	struct ota_error why;

	ota_fail(&why, OTA_ERROR_DOWNGRADE_REFUSED,
		 "version %s is not newer than %s, which a package has brought meanwhile",
		 job->offer->version, job->updater->env.self.version);
	job_fail(job, &why);
}

void updater_resume_jobs(struct updater *updater)
{
	struct job *next;

	for (struct job *job = updater->jobs; job; job = next) {
		next = job->next;
		log_notice(&(struct log_context){ .job = job->id,
						  .device = job->offer->device,
						  .module = job->offer->module },
			   "Going on with %s %s, %s", job->offer->module,
			   job->offer->version, job_state_name(job->state));
		if (is_outdated(job))
			end_outdated(job);
		else
			job_resume(job);
	}
}

/* ---- letting them start ---- */

/* What all who wait are measured by, gathered once for thousands of them. */
struct look {
	struct policy_facts facts;
	struct gate gate;
	uint64_t wake_ms;
};

static void begin_look(const struct updater *updater, struct look *look)
{
	const struct config_update *update = &updater->config->update;
	int64_t now_ms = loop_wall_ms(updater->loop);

	*look = (struct look){
		.facts = {
			.update = update,
			.download = &updater->config->download,
			.now_ms = now_ms,
			.window_wait_ms =
				time_window_wait_ms(&update->window, now_ms),
			.held = updater->held,
			.hold_until_ms = updater->hold_until_ms,
		},
		.wake_ms = LOOP_NEVER,
	};
	gate_look(&look->gate, updater);
	if (updater->held && updater->hold_until_ms > now_ms)
		look->wake_ms = (uint64_t)(updater->hold_until_ms - now_ms);
}

static void let_start(struct job *job, struct look *look)
{
	const struct artifact_store *artifacts = job->updater->artifacts;
	const char *reason;
	struct ota_error err;
	uint64_t wait_ms;

	look->facts.transfers = artifact_store_transfers(artifacts);
	look->facts.artifact_here = artifact_store_has(artifacts, job->offer);
	reason = policy_wait(&look->facts, job->offer, job->approved, &wait_ms);
	if (reason) {
		if (wait_ms < look->wake_ms)
			look->wake_ms = wait_ms;
		updater_job_waits(job, reason);
		return;
	}
	job->hold_reason = NULL;
	if (runner_may_go_on(job, &err))
		job_handle(job, JOB_EVENT_ALLOWED);
	else
		job_fail(job, &err);
}

static bool hold_has_ended(const struct updater *updater)
{
	return updater->held && updater->hold_until_ms > 0 &&
	       loop_wall_ms(updater->loop) >= updater->hold_until_ms;
}

static void look_at_jobs(struct loop_source *source, void *user_data)
{
	struct updater *updater = user_data;
	struct job *next;
	struct ota_error err;
	struct look look;

	if (hold_has_ended(updater) && !updater_release(updater, &err))
		log_error(NULL, "%s", err.text);
	begin_look(updater, &look);
	for (struct job *job = updater->jobs; job; job = next) {
		next = job->next;
		if (job->state == JOB_STATE_AVAILABLE)
			let_start(job, &look);
		else if (job->gate_waiting)
			runner_open_gate(job, &look.gate);
	}
	if (look.wake_ms != LOOP_NEVER && look.wake_ms > WAKE_MAX_MS)
		look.wake_ms = WAKE_MAX_MS;
	loop_timer_set(updater->wake, look.wake_ms);
}

static void on_wake(struct loop_source *source, void *user_data)
{
	updater_wake_jobs(user_data);
}

bool updater_make_wake(struct updater *updater, struct ota_error *err)
{
	updater->wake = loop_add_timer(updater->loop, LOOP_NEVER, on_wake,
				       updater, err);
	if (!updater->wake)
		return false;
	updater->sweep = loop_add_defer(updater->loop, look_at_jobs, updater,
					err);
	return updater->sweep;
}

void updater_wake_jobs(struct updater *updater)
{
	loop_defer_again(updater->sweep);
}

/* ---- telling of them ---- */

void updater_job_view(const struct job *job, struct job_view *ret)
{
	const struct device *device =
		inventory_find(job->updater->inventory, job->offer->device);

	*ret = (struct job_view){
		.id = job->id,
		.device = job->offer->device,
		.module = job->offer->module,
		.class_name = device ? device->class_name : NULL,
		.version = job->offer->version,
		.old_version = job->old_version,
		.state = job->state,
		.download_percent = job->download_percent,
		.overall_percent = job->overall_percent,
		.received_bytes = job->bytes,
		.total_bytes = job->total_bytes,
		.bytes_per_second = job->state == JOB_STATE_DOWNLOADING ?
					    job->bytes_per_second :
					    0,
		.error = job->cause,
		.message = job->cause_text,
		.waiting = job_state_is_terminal(job->state) ?
				   NULL :
				   job->hold_reason,
		.changed_ms = job->changed_ms,
	};
}

static void drop_gone_listeners(struct updater *updater)
{
	struct updater_listener **at = &updater->listeners;

	while (*at) {
		struct updater_listener *listener = *at;

		if (!listener->gone) {
			at = &listener->next;
			continue;
		}
		*at = listener->next;
		free(listener);
	}
}

static void tell_listeners(struct job *job)
{
	struct updater *updater = job->updater;
	struct job_view view;

	updater_job_view(job, &view);
	updater->telling++;
	for (struct updater_listener *l = updater->listeners; l; l = l->next)
		if (!l->gone)
			l->fn(&view, l->user_data);
	if (--updater->telling == 0)
		drop_gone_listeners(updater);
}

struct updater_listener *updater_listen(struct updater *updater,
					job_listener_fn fn, void *user_data)
{
	struct updater_listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->updater = updater;
	listener->fn = fn;
	listener->user_data = user_data;
	listener->next = updater->listeners;
	updater->listeners = listener;
	return listener;
}

struct updater_listener *updater_unlisten(struct updater_listener *listener)
{
	if (!listener)
		return NULL;
	listener->gone = true;
	if (listener->updater->telling == 0)
		drop_gone_listeners(listener->updater);
	return NULL;
}

static const struct log_message *message_of(enum job_state state)
{
	switch (state) {
	case JOB_STATE_AVAILABLE:
		return &message_job_available;
	case JOB_STATE_DOWNLOADING:
		return &message_job_downloading;
	case JOB_STATE_VERIFYING:
		return &message_job_verifying;
	case JOB_STATE_BACKING_UP:
		return &message_job_backing_up;
	case JOB_STATE_INSTALLING:
		return &message_job_installing;
	case JOB_STATE_RESTARTING:
		return &message_job_restarting;
	case JOB_STATE_CONFIRMING:
		return &message_job_confirming;
	case JOB_STATE_SUCCEEDED:
		return &message_job_succeeded;
	case JOB_STATE_FAILED:
		return &message_job_failed;
	case JOB_STATE_ROLLED_BACK:
		return &message_job_rolled_back;
	case JOB_STATE_IDLE:
	case JOB_STATE_COUNT:
		break;
	}
	return NULL;
}

static void log_change(const struct job *job)
{
	bool bad = job->state == JOB_STATE_FAILED ||
		   job->state == JOB_STATE_ROLLED_BACK;
	struct log_context context = {
		.device = job->offer->device,
		.module = job->offer->module,
		.version = job->offer->version,
		.state = job_state_name(job->state),
		.error = bad ? ota_error_kind_name(job->cause) : NULL,
		.job = job->id,
	};

	log_write(bad ? LOG_LEVEL_ERROR : LOG_LEVEL_NOTICE,
		  message_of(job->state), &context, "%s %s of %s: %s%s%s",
		  job->offer->module, job->offer->version, job->offer->device,
		  job_state_name(job->state), bad && job->cause_text ? ": " : "",
		  bad && job->cause_text ? job->cause_text : "");
}

static const char *running(const struct job *job)
{
	struct ota_error err;
	struct module *module =
		updater_find_module(job->updater, job->offer->device,
				    job->offer->module, NULL, &err);

	return module ? module_version(module) : "0";
}

void updater_job_changed(struct job *job)
{
	log_change(job);
	/* The result itself goes out with the end of the job. */
	if (!job_state_is_terminal(job->state))
		reporter_state(job->updater->reporter, job, running(job));
	tell_listeners(job);
}

void updater_job_waits(struct job *job, const char *reason)
{
	bool is_news = !job->hold_reason ||
		       strcmp(job->hold_reason, reason) != 0;

	job->hold_reason = reason;
	if (is_news)
		tell_listeners(job);
}

bool updater_job_progress(struct job *job)
{
	bool told = reporter_progress(
		job->updater->reporter, job, running(job),
		job->updater->config->update.progress_step_percent);

	tell_listeners(job);
	return told;
}
