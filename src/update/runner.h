#pragma once

/*
 * What a job does in each state: the actions of the table in machine.c. Each is
 * safe to run again after a power cut. An action may free its job.
 */

#include "otad/base/error.h"

#include <stdbool.h>

struct job;
struct offer;

/* The way back is tried so often, with 1, 2, 4 ... 60 s in between: a disk may
 * need time. What refuses is a program (a handler, Restart=, Reload=) sooner. */
#define UNDO_ATTEMPTS 10
#define UNDO_COMMAND_ATTEMPTS 5
/* What an end leaves on the disk beside its report: so often, then without. */
#define HISTORY_ATTEMPTS 5
#define FORGET_ATTEMPTS 10

void wait_for_start(struct job *job); /* available: until policy allows it */
void start_download(struct job *job);
void start_verify(struct job *job);
void start_backup(struct job *job);
void start_install(struct job *job); /* stage, check, swap */
void wait_for_return(struct job *job); /* of a device that is away */
void resume_install(struct job *job);
void start_restart(struct job *job);
void resume_trial(struct job *job);
void start_confirm(struct job *job);
void start_undo(struct job *job);
void retry_undo(struct job *job);
void end_job(struct job *job); /* result told, remembered, job forgotten */

/* The job's file, durably. */
bool runner_record(struct job *job, struct ota_error *err) OTA_MUST_CHECK;
/* Only what the cloud is told of a download: a power cut may forget it. */
void runner_record_progress(struct job *job);
/* A job that was not recorded after all, for its file may be there. */
void runner_forget(const struct job *job);
/* Is there a version to go back to? not-found when there is none. */
bool runner_has_backup(struct job *job, struct ota_error *err) OTA_MUST_CHECK;
/* Has the target been touched? */
bool runner_has_swapped(const struct job *job);
/* What a trial saw that is not healthy yet; NULL: nothing. Borrowed. */
const char *runner_trouble(const struct job *job);
/* How often the way back is tried in all, as it looks after the last attempt. */
unsigned runner_undo_attempts(const struct job *job);
/* The disk is full: what the job keeps in download/ goes. */
void runner_free_room(struct job *job);

/* A re-delivery: the url and the ids of `offer` from now on. */
bool runner_redeliver(struct job *job, const struct offer *offer,
		      struct ota_error *err) OTA_MUST_CHECK;
/* The artifact's file is there (or cannot be had): is it what was offered? */
void runner_verify(struct job *job, const struct ota_error *fetch_err);
/* What may stop a job before its download and again before its installation:
 * power-low, cancelled (WaveStop=). */
bool runner_may_go_on(const struct job *job, struct ota_error *err)
	OTA_MUST_CHECK;
