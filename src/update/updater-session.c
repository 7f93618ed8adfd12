#include "otad/update/updater.h"

#include <stdio.h>
#include <string.h>

#include "otad/base/log.h"
#include "otad/base/loop.h"
#include "otad/base/messages.h"

#include "artifact.h"
#include "machine.h"
#include "reporter.h"
#include "session.h"
#include "updater-private.h"

/* What otad waits for its reports before it makes room for the new version. */
#define FLUSH_MS 5000
/* What a job tells at once before it: 90 %, verifying, installing, restarting. */
#define LAST_REPORTS 4
/* A cloud that sends nothing else must not fill the journal. */
#define REJECT_LINES 10
#define REJECT_PERIOD_MS (60 * 1000)
/* A secret that is being replaced will be there again soon. */
#define RECONNECT_MS (10 * 1000)

/* ---- what comes from the cloud ---- */

static void on_online(void *user_data)
{
	struct updater *updater = user_data;

	for (struct job *job = updater->jobs; job; job = job->next) {
		job->ask_again = job->state == JOB_STATE_DOWNLOADING &&
				 job->offer->source == OFFER_SOURCE_CLOUD;
		if (job->state == JOB_STATE_CONFIRMING && job->installation &&
		    !job->undoing)
			installation_online(job->installation);
	}
	updater->trouble[0] = '\0';
	updater_changed(updater);
}

static void on_offline(const struct ota_error *why, void *user_data)
{
	struct updater *updater = user_data;

	snprintf(updater->trouble, sizeof(updater->trouble), "%s", why->text);
	updater_changed(updater);
}

static void reply(struct updater *updater, const struct cloud_message *message,
		  enum reply_result result, const char *text)
{
	const struct offer *offer = message->offer;
	struct report report = {
		.event = REPORT_REPLY,
		.device = offer->device,
		.module = offer->module,
		.target = offer->version,
		.ids = &offer->ids,
		.reply = result,
		.message = text,
	};

	if (offer->ids.msg.text)
		reporter_reply(updater->reporter, &report);
}

static void take_update(struct updater *updater,
			const struct cloud_message *message)
{
	enum offer_outcome outcome;
	struct ota_error err = OTA_ERROR_INIT;

	updater->counts.offers++;
	/* Answered before anything of the job is told. */
	if (updater->n_jobs >= UPDATER_MAX_JOBS)
		reply(updater, message, REPLY_BUSY, "too many updates wait");
	else
		reply(updater, message, REPLY_ACCEPTED, "");
	/* A refusal has been told and logged where it was decided. */
	if (!updater_take_offer(updater, message->offer, &outcome, NULL, &err))
		log_debug(NULL, "%s", err.text);
}

static bool may_log_reject(struct updater *updater)
{
	struct reject_log *log = &updater->reject_log;
	uint64_t now_ms = loop_now_ms(updater->loop);

	if (log->lines == 0 || now_ms - log->since_ms >= REJECT_PERIOD_MS) {
		if (log->lines > REJECT_LINES)
			log_warning(NULL,
				    "%u more messages of the cloud were unusable",
				    log->lines - REJECT_LINES);
		*log = (struct reject_log){ .since_ms = now_ms };
	}
	return log->lines++ < REJECT_LINES;
}

static void take_reject(struct updater *updater,
			const struct cloud_message *message)
{
	const char *reason = cloud_reason_name(message->reason);
	struct log_context context = {
		.device = message->device ? message->device : DEVICE_SELF,
		.module = message->module,
		.version = message->version,
		.error = ota_error_kind_name(OTA_ERROR_PROTOCOL),
	};

	updater->counts.rejects++;
	log_write(may_log_reject(updater) ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG,
		  &message_message_rejected, &context,
		  "A message of the cloud is unusable: %s%s%s%s", reason,
		  message->field ? " (" : "",
		  message->field ? message->field : "",
		  message->field ? ")" : "");
	reporter_reject(updater->reporter, message);
}

static void on_message(const struct cloud_message *message, void *user_data)
{
	struct updater *updater = user_data;

	switch (message->verdict) {
	case CLOUD_UPDATE:
		take_update(updater, message);
		break;
	case CLOUD_REJECT:
		take_reject(updater, message);
		break;
	case CLOUD_NO_UPDATE:
	case CLOUD_IGNORE:
		break;
	}
}

static bool wants_check(const char *device, const char *module, void *user_data)
{
	return !updater_find_job(user_data, device, module);
}

static bool was_interrupted(const char *device, const char *module,
			    void *user_data)
{
	struct job *job = updater_find_job(user_data, device, module);
	bool ask_again = job && job->ask_again &&
			 job->state == JOB_STATE_DOWNLOADING;

	if (job)
		job->ask_again = false;
	return ask_again;
}

static int64_t last_update_ms(const char *device, const char *module,
			      void *user_data)
{
	struct updater *updater = user_data;
	struct ota_error err;
	OTA_CLEANUP(module_record_freep) struct module_record *record =
		module_record_load(&updater->store, device, module, &err);

	return record ? record->updated_ms : 0;
}

static const struct session_handler session_handler = {
	.online = on_online,
	.offline = on_offline,
	.message = on_message,
	.wants_check = wants_check,
	.was_interrupted = was_interrupted,
	.last_update_ms = last_update_ms,
};

/* ---- the session ---- */

bool updater_make_session(struct updater *updater, struct ota_error *err)
{
	struct session_options options = {
		.loop = updater->loop,
		.config = updater->config,
		.resolver = updater->resolver,
		.inventory = updater->inventory,
	};

	updater->session =
		session_new(&options, &session_handler, updater, err);
	if (updater->session)
		session_spread(updater->session, !updater->trial);
	return updater->session;
}

bool updater_open_session(struct updater *updater, struct ota_error *err)
{
	OTA_CLEANUP(freep) char *dir = NULL;

	if (asprintf(&dir, "%s/" STORE_OUTBOX, updater->store.dir) < 0) {
		dir = NULL;
		return ota_fail_memory(err, "opening the session");
	}
	if (!session_open(updater->session, dir, err))
		return false;
	reporter_use(updater->reporter, updater->session);
	return true;
}

static void count_session(struct updater *updater,
			  const struct session *session)
{
	struct session_counts counts;

	session_counts(session, &counts);
	updater->counts.connects += counts.connects;
	updater->counts.disconnects += counts.disconnects;
	updater->counts.reports_sent += counts.reports_sent;
}

void updater_drop_session(struct updater *updater)
{
	if (!updater->session)
		return;
	count_session(updater, updater->session);
	reporter_use(updater->reporter, NULL);
	updater->session = session_free(updater->session);
}

static void on_reconnect(struct loop_source *source, void *user_data);

/* Tried again until it works: without it nobody could mend anything. */
static void connect_again(struct updater *updater)
{
	struct ota_error err, ignored;

	if ((updater->session || updater_make_session(updater, &err)) &&
	    updater_open_session(updater, &err) &&
	    session_start(updater->session, 0, &err))
		return;
	log_error(NULL, "Not connected; tried again in %d s: %s",
		  RECONNECT_MS / 1000, err.text);
	updater_drop_session(updater);
	if (!updater->reconnect)
		updater->reconnect = loop_add_timer(updater->loop, LOOP_NEVER,
						    on_reconnect, updater,
						    &ignored);
	if (updater->reconnect)
		loop_timer_set(updater->reconnect, RECONNECT_MS);
}

static void on_reconnect(struct loop_source *source, void *user_data)
{
	struct updater *updater = user_data;

	if (!updater->session)
		connect_again(updater);
}

/* ---- the new version of otad itself ---- */

static void on_flushed_for_exec(void *user_data)
{
	struct updater *updater = user_data;
	OTA_CLEANUP(freep) char *path = OTA_TAKE(updater->reexec.path);
	struct ota_error err = OTA_ERROR_INIT;

	updater->reexec.pending = false;
	if (updater->stopped) {
		/* Told to end meanwhile: the next start goes on from here. */
		updater->stopped(updater->stopped_data);
		return;
	}
	updater_drop_session(updater);
	if (path)
		updater->exec_self(updater->user_data, path, &err);
	else
		ota_fail_memory(&err, "restarting");
	log_error(NULL, "%s", err.text);
	connect_again(updater);
	updater->reexec.failed(updater->reexec.installation, &err);
}

static void on_later(struct loop_source *source, void *user_data)
{
	on_flushed_for_exec(user_data);
}

static uint64_t flush_ms(const struct updater *updater)
{
	const struct cloud_traits *traits = session_traits(updater->session);

	return FLUSH_MS + (traits->gap_holds_states ?
				   LAST_REPORTS * traits->progress_gap_ms :
				   0);
}

void updater_reexec(void *user_data, const char *path,
		    void (*failed)(void *installation,
				   const struct ota_error *err),
		    void *installation)
{
	struct updater *updater = user_data;
	struct ota_error err;

	if (updater->stopped)
		return;
	free(updater->reexec.path);
	updater->reexec.path = strdup(path);
	updater->reexec.failed = failed;
	updater->reexec.installation = installation;
	updater->reexec.pending = true;
	if (updater->session) {
		session_stop(updater->session, flush_ms(updater),
			     on_flushed_for_exec, updater);
		return;
	}
	loop_source_free(updater->reexec.later);
	updater->reexec.later =
		loop_add_timer(updater->loop, 0, on_later, updater, &err);
	if (!updater->reexec.later)
		log_error(NULL, "%s", err.text);
}

/* ---- another configuration ---- */

/* Once the target is touched, the old rules end it. */
static bool may_follow(const struct job *job)
{
	return !job_is_installing(job) && !job_state_is_terminal(job->state);
}

static void settings_follow(struct updater *updater)
{
	struct job *next;
	struct ota_error err, why;

	ota_fail(&why, OTA_ERROR_CANCELLED, "it is not configured any more");
	for (struct job *job = updater->jobs; job; job = next) {
		struct module *module = updater_find_module(
			updater, job->offer->device, job->offer->module, NULL,
			&err);

		next = job->next;
		if (!may_follow(job))
			continue;
		if (!module) {
			job_fail(job, &why);
			continue;
		}
		module_settings_unref(job->settings);
		job->settings = module_settings_ref(module->settings);
	}
}

/* What hangs on the configuration, so that it can be changed all at once. */
struct world {
	struct config *config;
	struct session *session;
	struct inventory *inventory;
	struct asked *asked, *last_asked;
	unsigned queries;
};

static struct world world_of(const struct updater *updater)
{
	return (struct world){
		.config = updater->config,
		.session = updater->session,
		.inventory = updater->inventory,
		.asked = updater->asked,
		.last_asked = updater->last_asked,
		.queries = updater->queries,
	};
}

static void enter_world(struct updater *updater, const struct world *world)
{
	updater->config = world->config;
	updater->session = world->session;
	updater->inventory = world->inventory;
	updater->asked = world->asked;
	updater->last_asked = world->last_asked;
	updater->queries = world->queries;
}

/* What the updater is in now; nobody uses it any more. */
static void end_world(struct updater *updater)
{
	if (updater->session)
		count_session(updater, updater->session);
	updater->session = session_free(updater->session);
	updater_free_inventory(updater);
	updater->config = config_unref(updater->config);
}

static bool make_world(struct updater *updater, struct config *config,
		       struct ota_error *err)
{
	enter_world(updater, &(struct world){ .config = config_ref(config) });
	updater->inventory = inventory_new();
	if (!updater->inventory)
		return ota_fail_memory(err, "reading the devices");
	return updater_make_session(updater, err) &&
	       updater_build_inventory(updater, err);
}

bool updater_reload(struct updater *updater, struct config *config,
		    struct ota_error *err)
{
	struct world before = world_of(updater), after;

	if (updater->reexec.pending || updater->stopped)
		return ota_fail(err, OTA_ERROR_BUSY,
				"otad is about to end or restart");
	if (!make_world(updater, config, err)) {
		end_world(updater);
		enter_world(updater, &before);
		return false;
	}
	updater_carry_versions(before.inventory, updater->inventory);
	after = world_of(updater);
	reporter_use(updater->reporter, NULL);
	enter_world(updater, &before);
	end_world(updater);
	enter_world(updater, &after);
	updater->env.confirm_timeout_ms = config->update.confirm_timeout_ms;
	updater->env.max_trial_starts = config->update.max_trial_starts;
	artifact_store_configure(updater->artifacts, config);
	connect_again(updater);
	settings_follow(updater);
	updater_wake_jobs(updater);
	return true;
}

/* ---- the end ---- */

static void on_stopped(void *user_data)
{
	struct updater *updater = user_data;

	updater->stopped(updater->stopped_data);
}

void updater_stop(struct updater *updater, void (*stopped)(void *user_data),
		  void *user_data)
{
	updater->stopped = stopped;
	updater->stopped_data = user_data;
	if (updater->session)
		session_stop(updater->session, FLUSH_MS, on_stopped, updater);
	else
		on_stopped(updater);
}
