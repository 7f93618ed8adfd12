#pragma once

/*
 * A job: one offer being carried out for one module (design.md, section 4).
 * What of it survives a power cut is its file, jobs/ID.json.
 */

#include "otad/base/error.h"
#include "otad/install/installer.h"
#include "otad/model/device.h"
#include "otad/model/job-state.h"
#include "otad/model/offer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct artifact;
struct artifact_user;
struct config;
struct fetch_text;
struct job_rule;
struct json_object;
struct loop_source;
struct updater;

#define JOB_ID_SIZE 17 /* 16 hex digits */
/* A verified artifact that vanishes so often will vanish again. */
#define JOB_MAX_REFETCHES 3

TAILQ_HEAD(job_queue, job);

/* What is left to be done at the end of a job. */
enum job_ending {
	JOB_ENDING_MODULE,  /* the module's record, ... */
	JOB_ENDING_HISTORY, /* ... a line of the history, ... */
	JOB_ENDING_REPORT,  /* ... the report, ... */
	JOB_ENDING_FILE,    /* ... and then its own file goes */
};

struct job {
	struct updater *updater; /* borrowed */
	struct job *next, *previous; /* the updater's list */
	struct job *same_device;     /* and its index */
	struct job_queue *queue;     /* where it waits; NULL: it does not */
	TAILQ_ENTRY(job) in_queue;
	void (*step)(struct job *job); /* where that is for its next step */

	/* Recorded. */
	char id[JOB_ID_SIZE];
	enum job_state state;
	struct offer *offer;
	char *old_version;     /* NULL: unknown */
	struct offer *waiting; /* the newest of later offers for the module */
	bool approved;	       /* an operator let it start */
	bool undoing;	       /* the way back has begun */
	enum ota_error_kind cause; /* why it failed, or is being undone */
	char *cause_text;	   /* NULL: none */
	int64_t created_ms, changed_ms; /* wall time */
	unsigned overall_percent;	/* last shown */
	uint64_t bytes;			/* downloaded */
	int told_percent; /* of the download, to the cloud; -1: none yet */
	unsigned refetches; /* times the artifact was lost after its download */
	unsigned away_attempts; /* times the device was not there */
	uint64_t away_ms;	/* waited for it since, in all */

	/* Of this run only. */
	struct module_settings *settings; /* a reference */
	struct artifact *claim; /* until it is staged; NULL: has none */
	struct artifact_user *artifact;
	struct installation *installation;
	struct fetch_text *signature;
	struct config *signature_config; /* a reference: its settings */
	struct loop_source *deadline;
	struct loop_source *retry; /* calls `retry_fn` */
	void (*retry_fn)(struct job *job);
	unsigned undo_attempts;
	bool undo_is_away; /* the device, at the last one */
	bool undo_is_back; /* the old version, at the last one; it does not start */
	char *undo_text;   /* what was wrong with the last one; NULL: nothing */
	unsigned record_attempts;
	const struct job_rule *unrecorded; /* a step the disk has not taken yet */
	unsigned download_percent, shown_percent;
	uint64_t shown_ms;
	uint64_t total_bytes, bytes_per_second;
	uint64_t told_ms;
	uint64_t away_delay_ms; /* until it is tried again */
	char *away_text; /* what its handler said, and when it is tried again */
	const char *hold_reason; /* why it waits; static text or `away_text`, NULL:
				  * it does not */
	unsigned install_percent; /* of its handler */
	bool gate_waiting; /* verified, waits for its turn to install */
	bool has_place;	   /* went through the gate */
	bool to_resume;	   /* of an earlier run, not looked at yet */
	bool remove_device;  /* its device goes when this ends */
	bool artifact_fresh; /* verified by this process */
	bool ask_again; /* broke off with the link: the cloud may be asked */
	bool recorded;	/* has a file */
	enum job_ending ending;	/* once that has begun */
	bool end_shown;		/* to who watches */
	int64_t updated_ms;	/* when its module was, wall time */
};

/* Takes nothing: copies the offer, references `settings`. */
struct job *job_new(struct updater *updater, const struct offer *offer,
		    struct module_settings *settings, const char *old_version,
		    struct ota_error *err) OTA_MUST_CHECK;
struct job *job_free(struct job *job);
OTA_DEFINE_CLEANUP(struct job *, job_free)

/* Why it failed or goes back; the first cause stays. */
void job_set_cause(struct job *job, const struct ota_error *cause);

/* What became of the way back, behind the cause. */
void job_add_to_cause(struct job *job, const char *what);

/* The overall percentage of its state; it never goes back. */
void job_raise_percent(struct job *job);

struct json_object *job_to_json(const struct job *job) OTA_MUST_CHECK;
/* Without settings: the caller knows them. protocol-error for nonsense. */
struct job *job_from_json(struct updater *updater, struct json_object *json,
			  struct ota_error *err) OTA_MUST_CHECK;

/* Not of the gateway itself. */
bool job_is_of_sub_device(const struct job *job);

/* Between the first touch of the target and the end of the trial. */
bool job_is_installing(const struct job *job);
