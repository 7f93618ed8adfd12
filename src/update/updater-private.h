#pragma once

/* The inside of the updater, shared by the files of this folder alone. */

#include "otad/install/installer.h"
#include "otad/update/updater.h"

#include "gate.h"
#include "history.h"
#include "job.h"
#include "module-record.h"
#include "store.h"
#include "wave.h"

struct artifact_store;
struct asked;
struct reporter;
struct session;

/* protocols.md, section 1.8. */
#define UPDATER_MAX_JOBS 20000
/* What is done for many jobs goes on in the next turn of the loop after that. */
#define UPDATER_SLICE_MS 4

struct updater_listener {
	struct updater *updater;
	struct updater_listener *next;
	job_listener_fn fn;
	void *user_data;
	bool gone; /* unlistened while being told */
};

struct updater {
	struct loop *loop;
	struct config *config;
	struct fetcher *fetcher;
	const struct mqtt_resolver *resolver;
	void (*exec_self)(void *user_data, const char *path,
			  struct ota_error *err);
	void (*changed)(void *user_data);
	void *user_data;
	bool launched;
	char trouble[OTA_ERROR_TEXT_SIZE]; /* why not connected; "": unknown */

	struct store store;
	struct inventory *inventory;
	/* Version queries, waiting or under way, the latter first. */
	struct asked *asked, *last_asked;
	unsigned queries; /* those under way */
	struct install_env env;
	const char *power_dir; /* POWER_SUPPLY_DIR */
	struct artifact_store *artifacts;
	struct reporter *reporter;
	struct session *session; /* NULL: for now it cannot be made */

	struct job *jobs, *last_job;
	void *jobs_by_device; /* tsearch(3) tree: each device's first one */
	size_t n_jobs, jobs_in[JOB_STATE_COUNT];
	/* Waiting to start, and verified ones waiting for their turn to install,
	 * the gateway's own first. */
	struct job_queue available, gate_queue;
	struct job_queue stepping; /* with a step to take */
	struct loop_source *steps;
	struct gate gate;
	struct {
		enum { LOOK_NONE, LOOK_AVAILABLE, LOOK_GATE } under_way;
		struct job *next; /* in its queue */
		bool again;
		uint64_t wake_ms;
		bool starting; /* one whose download has not begun yet */
	} look;
	struct job *next_resume;
	struct loop_source *resume; /* jobs of an earlier run */
	struct waves waves;
	struct updater_listener *listeners;
	unsigned telling; /* of them, one within another */

	bool held;
	int64_t hold_until_ms;
	char *hold_reason;
	struct loop_source *wake;  /* a window opens, a hold ends */
	struct loop_source *sweep; /* jobs to look at once this turn is over */
	bool trial;
	bool trial_over; /* started too often without the launcher */

	struct {
		bool pending;
		char *path;
		void (*failed)(void *installation, const struct ota_error *err);
		void *installation;
		struct loop_source *later;
	} reexec;
	struct loop_source *reconnect; /* when there is no session */
	void (*stopped)(void *user_data);
	void *stopped_data;

	struct history_totals totals;
	uint64_t started_ms;
	struct updater_stats counts;
	struct reject_log {
		unsigned lines; /* since then */
		uint64_t since_ms;
	} reject_log;
};

/* updater-jobs.c: the list of jobs */
/* The first of them; the others follow as `same_device`. */
struct job *updater_find_jobs(const struct updater *updater,
			      const char *device);
struct job *updater_find_job(const struct updater *updater, const char *device,
			     const char *module);
/* Takes it on success. */
bool updater_add_job(struct updater *updater, struct job *job,
		     struct ota_error *err) OTA_MUST_CHECK;
void updater_drop_job(struct job *job); /* frees */
bool updater_load_jobs(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;
/* After a change of state: journal, cloud, listeners. */
void updater_job_changed(struct job *job);
/* Listeners hear of an end when there is nothing left to be done for it, or when
 * that takes longer. */
void updater_job_ended(struct job *job);
/* Not yet, for `reason` (borrowed for good): who watches learns of a new one. */
void updater_job_waits(struct job *job, const char *reason);
void updater_job_progress(struct job *job);
void updater_job_view(const struct job *job, struct job_view *ret);

/* updater-turns.c: which job goes on now; many of them, a few at a time */
/* Made at the start: want of memory must not keep jobs from starting. */
bool updater_make_turns(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;
void updater_free_turns(struct updater *updater);
void updater_resume_jobs(struct updater *updater);
/* Looks at every waiting job again, soon, from the loop. */
void updater_wake_jobs(struct updater *updater);
/* For the policy's word, or for its turn at the gate. */
void updater_queue_job(struct job *job);
void updater_queue_at_gate(struct job *job);
/*
 * `step` is called in another turn of the loop, after those of others: what was
 * done in this one may have kept the disk busy for long enough.
 */
void updater_queue_step(struct job *job, void (*step)(struct job *job));
/* Accepts one that does not wait. */
void updater_unqueue_job(struct job *job);

/* updater-offers.c: what becomes of an offer */
bool updater_take_offer(struct updater *updater, const struct offer *offer,
			enum offer_outcome *ret_outcome, struct job **ret_job,
			struct ota_error *err) OTA_MUST_CHECK;

/* updater-devices.c: the inventory */
bool updater_build_inventory(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;
/* NULL `device`: the gateway; NULL `module`: the default one. not-found. */
struct module *updater_find_module(const struct updater *updater,
				   const char *device, const char *module,
				   const char **ret_device, struct ota_error *err)
	OTA_MUST_CHECK;
/* Takes it out of inventory and session; unknown names are no error. */
void updater_drop_device(struct updater *updater, const char *name);
void updater_free_inventory(struct updater *updater);
void updater_forget_questions(struct updater *updater);
/* A job has found it out: an answer on its way is out of date. */
void updater_version_is_known(struct updater *updater, const char *device,
			      const char *module);
/* Asks installers for versions that files or programs tell. */
void updater_refresh_version(struct updater *updater, const char *device,
			     struct module *module);

/* What only installers tell, until they are asked again. */
void updater_carry_versions(const struct inventory *before,
			    struct inventory *after);

/* updater-hold.c: whether updates wait for a person */
/* Unreadable: held. */
bool updater_load_hold(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;

/* updater-trial.c: the trial of otad itself */
/* Without otad-launch nobody else counts how often a new version starts. */
void updater_judge_trial(struct updater *updater);
/* Fails the job of a trial that was started too often. */
void updater_end_trial(struct updater *updater);
/* Its job has ended, we are the version that came back and in our place: a disk
 * that failed or a power cut has kept the marker. Each start would be counted.
 * To be called when the jobs are loaded. */
void updater_drop_stale_marker(struct updater *updater);

/* updater.c: what updater_status() tells has changed */
void updater_changed(struct updater *updater);

/* updater-session.c: the cloud, and what restarts the session with it */
bool updater_make_session(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;
bool updater_open_session(struct updater *updater, struct ota_error *err)
	OTA_MUST_CHECK;
void updater_drop_session(struct updater *updater);
void updater_reexec(void *user_data, const char *path,
		    void (*failed)(void *installation,
				   const struct ota_error *err),
		    void *installation);
