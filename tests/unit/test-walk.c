/*
 * Never stuck, never endless: a job of a real updater, between fake neighbours,
 * is led through every sequence of events, from its begin to its end. Sequences
 * that lead to the same configuration go on as one, for what follows would be
 * the same; the walk is over when no event leads to a new one. So it covers
 * every sequence, of six events or any number, and not a sample of them.
 *
 * A configuration is all that decides what comes. Of a time it holds only which
 * of two comes first, and of a count of attempts only whether it is the first,
 * the last or one between: the others differ in nothing but how many are left,
 * which the bounds below are about.
 *
 * In each configuration: a job that lives has a time at which something happens
 * to it. From each, when nothing more comes but time, the job ends within its
 * bounds; once disk and broker are there, its end is told.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "otad/base/cleanup.h"
#include "otad/base/file.h"
#include "otad/base/json.h"
#include "support/updater-fixture.h"

#include "../../src/update/artifact.h"
#include "../../src/update/machine.h"
#include "../../src/update/runner.h"
#include "../../src/update/session.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"
#define CONTENT "the new version"
#define SPOILT "another version"

#define INI                                                                    \
	"[Cloud]\nPlatform=tencent\nProductId=P\nDeviceName=gw\n"              \
	"[Mqtt]\nHost=broker\n[Module default]\n"
#define OTA_UPDATE "$ota/update/P/gw"

#define MINUTE_MS (60 * UINT64_C(1000))

#define MIN_DEPTH 6
#define MAX_DEPTH 64
#define MAX_NODES 50000
#define KEY_SIZE 1024

/* Nothing in this test can be lost with the power of the machine. */
int fsync(int fd)
{
	return 0;
}

int fdatasync(int fd)
{
	return 0;
}

/* ---- what can happen ---- */

enum event {
	STEP_ENDS_WELL,
	STEP_FAILS,
	DEVICE_IS_AWAY,
	PART_ARRIVES,
	DOWNLOAD_ENDS,
	DOWNLOAD_FAILS,
	DOWNLOAD_IS_SPOILT,
	ARTIFACT_VANISHES,
	TIME_PASSES, /* until the job's next deadline or attempt */
	BROKER_GOES,
	BROKER_COMES,
	DISK_BREAKS,
	DISK_MENDS,
	SAME_OFFER,
	NEWER_OFFER,
	OPERATOR_CANCELS,
	OPERATOR_HOLDS,
	OPERATOR_RELEASES,
	OPERATOR_ROLLS_BACK,
	BATTERY_IS_LOW, /* for a moment */
	POWER_CUT,
	/* self only */
	JUDGE_ENDS_TRIAL, /* otad-launch, before otad starts again */
	OTHER_BEGINS,	  /* the installation of another module, */
	OTHER_ENDS,	  /* for which otad's own has to wait */
	EVENT_COUNT,
};

static const char *const event_names[] = {
	[STEP_ENDS_WELL] = "the step ends well",
	[STEP_FAILS] = "the step fails",
	[DEVICE_IS_AWAY] = "the device is away",
	[PART_ARRIVES] = "a part arrives",
	[DOWNLOAD_ENDS] = "the download ends",
	[DOWNLOAD_FAILS] = "the download fails",
	[DOWNLOAD_IS_SPOILT] = "the download is spoilt",
	[ARTIFACT_VANISHES] = "the artifact vanishes",
	[TIME_PASSES] = "time passes",
	[BROKER_GOES] = "the broker goes",
	[BROKER_COMES] = "the broker comes",
	[DISK_BREAKS] = "the disk breaks",
	[DISK_MENDS] = "the disk mends",
	[SAME_OFFER] = "the same offer",
	[NEWER_OFFER] = "a newer offer",
	[OPERATOR_CANCELS] = "the operator cancels",
	[OPERATOR_HOLDS] = "the operator holds",
	[OPERATOR_RELEASES] = "the operator releases",
	[OPERATOR_ROLLS_BACK] = "the operator rolls back",
	[BATTERY_IS_LOW] = "the battery is low",
	[POWER_CUT] = "power cut",
	[JUDGE_ENDS_TRIAL] = "the judge ends the trial",
	[OTHER_BEGINS] = "another installation begins",
	[OTHER_ENDS] = "another installation ends",
};

/* ---- a world in which it happens ---- */

struct world {
	struct updater_fixture *fx;
	const char *ini;
	bool is_self;
	bool disk_broken, broker_away;
	const char *running; /* self: the version in place */
	char job[JOB_ID_SIZE]; /* whose life it is */
};

static const char *const folders[] = { "jobs", "modules", "outbox" };

/* NULL: it has ended. What was offered meanwhile begins as it did itself. */
static struct job *the_job(const struct world *world)
{
	struct job *job = fixture_job(world->fx, DEVICE_SELF, "default");

	return job && strcmp(job->id, world->job) == 0 ? job : NULL;
}

static void settle(struct world *world)
{
	fake_loop_settle(world->fx->loop);
}

static void offer(struct world *world, const char *version)
{
	char json[512];

	snprintf(json, sizeof(json),
		 "{'file_size':15,'md5sum':'" MD5 "','type':'update_firmware',"
		 "'url':'https://web/fw','version':'%s'}",
		 version);
	fixture_deliver(world->fx, OTA_UPDATE, json);
}

static void break_disk(struct world *world)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(folders); i++)
		fixture_break(world->fx, folders[i]);
	world->disk_broken = true;
}

static void mend_disk(struct world *world)
{
	for (size_t i = 0; i < OTA_ARRAY_SIZE(folders); i++)
		fixture_mend(world->fx, folders[i]);
	world->disk_broken = false;
}

static void set_battery(const struct world *world, const char *percent)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/BAT0/capacity", world->fx->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%s\n", percent);
	fclose(file);
}

static void add_battery(const struct world *world)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof(path), "%s/BAT0", world->fx->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	strcat(path, "/type");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("Battery\n", file);
	fclose(file);
	set_battery(world, "90");
}

/* What is in place of otad itself is what starts; others are only found. */
static void restart(struct world *world, bool judged)
{
	struct updater_fixture *fx = world->fx;
	enum install_found found = fake_installer_found(DEVICE_SELF, "default");
	const struct job *job = the_job(world);

	if (world->is_self && found == INSTALL_FOUND_SWAPPED && job)
		world->running = strcmp(job->offer->version, "0.2") == 0 ?
					 "0.2" :
					 "0.3";
	if (world->is_self && found == INSTALL_FOUND_SWAPPED)
		found = INSTALL_FOUND_RUNNING;
	if (judged) {
		found = INSTALL_FOUND_ROLLED_BACK;
		world->running = "0.1";
	}
	fixture_end(fx);
	/* Nothing starts on a disk that is not there. */
	if (world->disk_broken)
		mend_disk(world);
	fake_installer_set_found(DEVICE_SELF, "default", found);
	fx->version = world->running;
	fixture_start(fx, world->ini);
	settle(world);
}

static void end_step_well(struct world *world)
{
	if (world->is_self && fake_installer_step(DEVICE_SELF, "default") ==
				      INSTALL_ACTIVATE)
		restart(world, false); /* execv(2) */
	else
		fake_installer_go_on(DEVICE_SELF, "default");
}

static void vanish(struct world *world)
{
	OTA_CLEANUP(freep) char *path = artifact_store_path(
		world->fx->updater->artifacts, the_job(world)->offer);

	unlink(path);
}

static struct job *the_other(const struct world *world)
{
	return fixture_job(world->fx, DEVICE_SELF, "app");
}

/* It comes as far as its backup, which takes its time. */
static void begin_other(struct world *world)
{
	struct offer offer = {
		.device = (char *)DEVICE_SELF,
		.module = (char *)"app",
		.version = (char *)"9.9",
		.url = (char *)"https://web/app",
		.size_bytes = strlen(CONTENT),
		.force = true,
		.source = OFFER_SOURCE_CONTROL,
	};
	enum offer_outcome outcome;
	struct ota_error err;

	digest_set(&offer.md5, DIGEST_MD5, MD5);
	if (!updater_offer(world->fx->updater, &offer, &outcome, NULL, &err))
		return;
	settle(world);
	fake_fetch_finish();
}

static bool has_judge(const struct world *world)
{
	enum install_found found = fake_installer_found(DEVICE_SELF, "default");

	return world->is_self && (found == INSTALL_FOUND_SWAPPED ||
				  found == INSTALL_FOUND_RUNNING);
}

static uint64_t next_of_job(const struct job *job)
{
	uint64_t deadline = fake_loop_left_ms(job->deadline);
	uint64_t retry = fake_loop_left_ms(job->retry);

	return deadline < retry ? deadline : retry;
}

static bool can_happen(const struct world *world, enum event event)
{
	const struct job *job = the_job(world);

	switch (event) {
	case STEP_ENDS_WELL:
	case STEP_FAILS:
		return fake_installer_step(DEVICE_SELF, "default") !=
		       INSTALL_STEP_COUNT;
	case DEVICE_IS_AWAY:
		return !world->is_self &&
		       fake_installer_step(DEVICE_SELF, "default") !=
			       INSTALL_STEP_COUNT;
	case PART_ARRIVES:
	case DOWNLOAD_ENDS:
	case DOWNLOAD_FAILS:
	case DOWNLOAD_IS_SPOILT:
		return fake_fetch_running() > 0;
	case ARTIFACT_VANISHES:
		return job && job->state >= JOB_STATE_VERIFYING &&
		       job->state <= JOB_STATE_INSTALLING;
	case TIME_PASSES:
		return job && next_of_job(job) != LOOP_NEVER;
	case BROKER_GOES:
		return !world->broker_away && !world->fx->updater->reexec.pending;
	case BROKER_COMES:
		return world->broker_away;
	case DISK_BREAKS:
		return !world->disk_broken;
	case DISK_MENDS:
		return world->disk_broken;
	case SAME_OFFER:
	case NEWER_OFFER:
		return !world->broker_away;
	case OPERATOR_HOLDS:
		return !world->fx->updater->held;
	case OPERATOR_RELEASES:
		return world->fx->updater->held;
	case JUDGE_ENDS_TRIAL:
		return has_judge(world);
	case OTHER_BEGINS:
		return world->is_self && !the_other(world) &&
		       !world->disk_broken && fake_fetch_running() == 0;
	case OTHER_ENDS:
		return the_other(world);
	case BATTERY_IS_LOW:
	case OPERATOR_CANCELS:
	case OPERATOR_ROLLS_BACK:
	case POWER_CUT:
		return true;
	case EVENT_COUNT:
		break;
	}
	return false;
}

static void happen(struct world *world, enum event event)
{
	struct updater_fixture *fx = world->fx;
	struct ota_error err;

	switch (event) {
	case STEP_ENDS_WELL:
		end_step_well(world);
		break;
	case STEP_FAILS:
		fake_installer_give_up(DEVICE_SELF, "default",
				       OTA_ERROR_INSTALL_FAILED, "on purpose");
		break;
	case DEVICE_IS_AWAY:
		fake_installer_give_up(DEVICE_SELF, "default", OTA_ERROR_BUSY,
				       "not now");
		break;
	case PART_ARRIVES:
		fake_fetch_receive(5);
		break;
	case DOWNLOAD_ENDS:
		fake_fetch_finish();
		break;
	case DOWNLOAD_FAILS:
		fake_fetch_fail(OTA_ERROR_NETWORK, "on purpose");
		break;
	case DOWNLOAD_IS_SPOILT:
		fake_fetch_put(SPOILT, strlen(SPOILT));
		fake_fetch_finish();
		fake_fetch_put(CONTENT, strlen(CONTENT));
		break;
	case ARTIFACT_VANISHES:
		vanish(world);
		break;
	case TIME_PASSES:
		fake_loop_advance(fx->loop, next_of_job(the_job(world)));
		break;
	case BROKER_GOES:
		fake_mqtt_set_reachable(false);
		world->broker_away = true;
		if (fx->updater->session && fake_mqtt_has_client())
			fake_mqtt_drop();
		break;
	case BROKER_COMES:
		fake_mqtt_set_reachable(true);
		world->broker_away = false;
		fake_loop_advance(fx->loop, 1000);
		break;
	case DISK_BREAKS:
		break_disk(world);
		break;
	case DISK_MENDS:
		mend_disk(world);
		break;
	case SAME_OFFER:
		offer(world, "0.2");
		break;
	case NEWER_OFFER:
		offer(world, "0.3");
		break;
	case OPERATOR_CANCELS:
		(void)!updater_cancel(fx->updater, NULL, NULL, &err);
		break;
	case OPERATOR_HOLDS:
		(void)!updater_hold(fx->updater, 0, "harvest", &err);
		break;
	case OPERATOR_RELEASES:
		(void)!updater_release(fx->updater, &err);
		break;
	case OPERATOR_ROLLS_BACK:
		(void)!updater_rollback(fx->updater, NULL, NULL, &err);
		break;
	case BATTERY_IS_LOW:
		set_battery(world, "5");
		updater_wake_jobs(fx->updater);
		settle(world);
		set_battery(world, "90");
		break;
	case POWER_CUT:
		restart(world, false);
		break;
	case JUDGE_ENDS_TRIAL:
		restart(world, true);
		break;
	case OTHER_BEGINS:
		begin_other(world);
		break;
	case OTHER_ENDS:
		(void)!updater_cancel(fx->updater, NULL, "app", &err);
		break;
	case EVENT_COUNT:
		break;
	}
	settle(world);
}

/* ---- beginning and end of a world ---- */

static void make_world(struct world *world, bool is_self)
{
	void *state;

	updater_fixture_set_up(&state);
	*world = (struct world){
		.fx = state,
		.is_self = is_self,
		.ini = is_self ? INI "Type=self\n[Module app]\nType=binary\n"
				     "Path=/opt/app\nVersion=0.1\n" :
				 INI "Type=binary\nPath=/opt/app\nVersion=0.1\n",
		.running = "0.1",
	};
	fake_mqtt_set_reachable(true);
	fake_fetch_hold(true);
	/* CLEAN is ours alone: it ends by itself. */
	for (enum install_step step = 0; step < INSTALL_CLEAN; step++)
		fake_installer_hold(step, true);
	world->fx->version = "0.1";
	world->fx->launched = true;
	add_battery(world);
	fixture_start(world->fx, world->ini);
	fixture_deliver(world->fx, OTA_UPDATE,
			"{'type':'report_version_rsp','result_code':0,"
			"'result_msg':'success','version':'0.1'}");
}

static void end_world(struct world *world)
{
	void *state = world->fx;

	updater_fixture_tear_down(&state);
}

/* ---- what a world is ---- */

/* First, last, or between. */
static int part_of(unsigned attempts, unsigned limit)
{
	return attempts == 0 ? 0 : attempts + 1 < limit ? 1 : 2;
}

/* Whether its file is kept for another time. */
static bool is_bad(enum ota_error_kind cause)
{
	return cause == OTA_ERROR_DIGEST_MISMATCH ||
	       cause == OTA_ERROR_SIZE_MISMATCH || cause == OTA_ERROR_NO_SPACE;
}

static size_t add_job(char *key, size_t size, const struct job *job)
{
	uint64_t deadline = fake_loop_left_ms(job->deadline);
	uint64_t retry = fake_loop_left_ms(job->retry);

	return (size_t)snprintf(
		key, size, "%s %s %s %d %d%d%d %u %d%d%d%d %d%d%d%d%d %td %d%d%d",
		job_state_name(job->state), job->offer->version,
		job->old_version, job->waiting != NULL, job->undoing, job->cause != OTA_ERROR_NONE, is_bad(job->cause),
		/* Behind it there is nothing to download any more. */
		job->state <= JOB_STATE_VERIFYING ? job->refetches : 0,
		job->gate_waiting, job->artifact != NULL,
		job->installation != NULL, job->ending, job->away_attempts > 0,
		job->undo_is_away, job->undo_is_back,
		part_of(job->undo_attempts, runner_undo_attempts(job)),
		part_of(job->record_attempts, JOB_RECORD_ATTEMPTS),
		job->unrecorded ? job->unrecorded - job_rules(&(size_t){ 0 }) :
				  -1,
		deadline == LOOP_NEVER, retry == LOOP_NEVER, deadline < retry);
}

/*
 * Two worlds of one key go the same ways. What has no effect on a job in its
 * state is no part of it; it is tried in each state nevertheless.
 */
static void describe(const struct world *world, char key[KEY_SIZE])
{
	const struct updater *updater = world->fx->updater;
	const struct job *job = the_job(world);
	size_t used = job ? add_job(key, KEY_SIZE, job) : 0;
	bool available = job && job->state == JOB_STATE_AVAILABLE;
	bool before_gate = job && job->state <= JOB_STATE_VERIFYING;
	bool on_trial = world->is_self && job &&
			job->state >= JOB_STATE_RESTARTING;

	used += (size_t)snprintf(
		key + used, KEY_SIZE - used, "|%d%d%d%d%d|%d|%d %u %d",
		world->disk_broken, available && updater->held,
		before_gate && the_other(world), on_trial && world->broker_away,
		on_trial && updater->session &&
			session_is_online(updater->session),
		updater->reexec.pending,
		fake_installer_step(DEVICE_SELF, "default"),
		fake_fetch_running(),
		fake_installer_found(DEVICE_SELF, "default"));
	assert_true(used < KEY_SIZE);
}

/* ---- what must hold ---- */

struct path {
	uint8_t events[MAX_DEPTH];
	uint8_t length;
	uint8_t begin; /* so many, and the job is there */
};

static const struct path *walked; /* for messages */

static void print_path(void)
{
	for (uint8_t i = 0; i < walked->length; i++)
		print_error("  %s\n", event_names[walked->events[i]]);
}

#define HOLDS(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			print_path();                                          \
			fail_msg("%s", #condition);                            \
		}                                                              \
	} while (0)

static enum job_state state_on_disk(const struct world *world,
				    const struct job *job)
{
	char name[64];
	OTA_CLEANUP(freep) char *text = NULL;
	OTA_CLEANUP(json_freep) struct json_object *json = NULL;
	struct ota_error err;
	enum job_state state = JOB_STATE_IDLE;

	snprintf(name, sizeof(name), "jobs/%s.json", job->id);
	text = fixture_read(world->fx, name);
	if (text)
		json = json_parse_err(text, strlen(text), 65536, &err);
	if (json)
		job_state_parse(json_get_string(json, "state"), &state);
	return state;
}

/* In every configuration. */
static void check_world(const struct world *world, bool was_broken)
{
	const struct job *job = the_job(world);

	if (!job) {
		if (!was_broken)
			HOLDS(fixture_entries(world->fx, "jobs") ==
			      world->fx->updater->n_jobs);
		return;
	}
	/* Something will happen to it, whatever its neighbours do. */
	HOLDS(next_of_job(job) != LOOP_NEVER);
	if (!job_state_is_terminal(job->state))
		HOLDS(fake_loop_left_ms(job->deadline) != LOOP_NEVER ||
		      job->unrecorded);
	/* Nothing is acted on that a power cut would forget. */
	if (!was_broken)
		HOLDS(state_on_disk(world, job) == job->state);
	/* Nothing is touched by a job that has not come so far. */
	if (job->state < JOB_STATE_INSTALLING)
		HOLDS(fake_installer_found(DEVICE_SELF, "default") ==
		      INSTALL_FOUND_UNTOUCHED);
}

/* The sum of the longest it may stay in each state that is ahead of it, and of
 * every attempt to go back, each of them recorded as late as can be. */
static uint64_t bound_ms(const struct job *job)
{
	uint64_t record_ms = JOB_RECORD_ATTEMPTS * JOB_RETRY_MAX_MS;
	uint64_t bound =
		UNDO_ATTEMPTS * (job_deadline_ms(job, JOB_STATE_INSTALLING) +
				 JOB_RETRY_MAX_MS + record_ms) +
		/* Its last wait begins before it is over. */
		2 * job->updater->config->update.away_timeout_ms;

	for (enum job_state s = job->state; s < JOB_STATE_SUCCEEDED; s++)
		bound += job_deadline_ms(job, s) + record_ms;
	return bound;
}

static unsigned count_told(const struct world *world)
{
	return fixture_count(world->fx, "'state':'done'") +
	       fixture_count(world->fx, "'state':'fail'");
}

static unsigned count_ended(const struct world *world)
{
	OTA_CLEANUP(freep) char *text = fixture_read(world->fx, "history.jsonl");
	unsigned count = 0;

	for (const char *at = text; at && (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

static bool has_ended(const struct world *world)
{
	const struct job *job = the_job(world);

	return !job || job_state_is_terminal(job->state);
}

/* From here on nothing comes but time. */
static void check_end(struct world *world)
{
	struct loop *loop = world->fx->loop;
	uint64_t began_ms = loop_now_ms(loop), bound = 0;

	if (!has_ended(world))
		bound = bound_ms(the_job(world));
	while (!has_ended(world)) {
		uint64_t step = next_of_job(the_job(world));

		HOLDS(step != LOOP_NEVER);
		fake_loop_advance(loop, step);
		HOLDS(loop_now_ms(loop) - began_ms <= bound);
	}
	/* And now its end is told. */
	if (world->disk_broken)
		mend_disk(world);
	if (world->broker_away)
		happen(world, BROKER_COMES);
	fake_loop_advance(loop, 2 * MINUTE_MS);
	HOLDS(!the_job(world));
	HOLDS(fixture_entries(world->fx, "jobs") == world->fx->updater->n_jobs);
	HOLDS(fixture_entries(world->fx, "outbox") == 0);
	HOLDS(count_told(world) >= count_ended(world));
}

/* ---- all of it ---- */

struct node {
	struct path path;
	uint32_t possible;  /* a bit for each event */
	bool was_broken; /* since the last change of state that was recorded */
};

struct walk {
	bool is_self;
	char **keys; /* an open hash table */
	size_t n_keys, room;
	struct node *queue;
	size_t head, tail;
	unsigned long transitions;
	unsigned seen[JOB_STATE_COUNT], ends;
};

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 1099511628211u;
	return hash;
}

/* False when it was there. */
static bool add_key(struct walk *walk, const char *key)
{
	size_t at = hash_of(key) % walk->room;

	while (walk->keys[at]) {
		if (strcmp(walk->keys[at], key) == 0)
			return false;
		at = (at + 1) % walk->room;
	}
	walk->keys[at] = strdup(key);
	assert_non_null(walk->keys[at]);
	walk->n_keys++;
	assert_true(walk->n_keys < MAX_NODES);
	return true;
}

static void lead_to(struct world *world, const struct path *path)
{
	const struct job *job;

	walked = path;
	for (uint8_t i = 0; i < path->length; i++) {
		happen(world, path->events[i]);
		job = fixture_job(world->fx, DEVICE_SELF, "default");
		if (i < path->begin && job)
			memcpy(world->job, job->id, sizeof(world->job));
	}
}

static uint32_t all_possible(const struct world *world)
{
	uint32_t possible = 0;

	for (enum event event = 0; event < EVENT_COUNT; event++)
		possible |= (uint32_t)can_happen(world, event) << event;
	return possible;
}

/* `path` has been walked; is its configuration a new one? */
static void look(struct walk *walk, struct world *world, const struct path *path,
		 bool was_broken)
{
	char key[KEY_SIZE];
	const struct job *job = the_job(world);

	walked = path;
	was_broken = (was_broken && job) || world->disk_broken;
	check_world(world, was_broken);
	describe(world, key);
	if (!add_key(walk, key))
		return;
	if (job) {
		walk->seen[job->state]++;
		assert_true(path->length < MAX_DEPTH);
		walk->queue[walk->tail++] = (struct node){
			*path, all_possible(world), was_broken
		};
	} else {
		walk->ends++;
	}
	check_end(world);
}

static void expand(struct walk *walk, const struct node *node)
{
	for (enum event event = 0; event < EVENT_COUNT; event++) {
		struct path path = node->path;
		struct world world;

		if (!(node->possible & (uint32_t)1 << event))
			continue;
		make_world(&world, walk->is_self);
		lead_to(&world, &path);
		path.events[path.length++] = event;
		walked = &path;
		happen(&world, event);
		walk->transitions++;
		look(walk, &world, &path, node->was_broken);
		end_world(&world);
	}
}

static void begin_walk(struct walk *walk, const struct path *start)
{
	struct world world;

	make_world(&world, walk->is_self);
	lead_to(&world, start);
	look(walk, &world, start, false);
	end_world(&world);
}

static void end_walk(struct walk *walk)
{
	for (size_t i = 0; i < walk->room; i++)
		free(walk->keys[i]);
	free(walk->keys);
	free(walk->queue);
}

/* An offer: now, while updates are held, while another one is installed; and a
 * way back long after the end. */
static const struct path offered = {
	.events = { SAME_OFFER }, .length = 1, .begin = 1
};
static const struct path offered_while_held = {
	.events = { OPERATOR_HOLDS, SAME_OFFER }, .length = 2, .begin = 2
};
static const struct path offered_beside_another = {
	.events = { OTHER_BEGINS, SAME_OFFER }, .length = 2, .begin = 2
};
static const struct path rolled_back = {
	.events = { SAME_OFFER, DOWNLOAD_ENDS, STEP_ENDS_WELL, STEP_ENDS_WELL,
		    STEP_ENDS_WELL, STEP_ENDS_WELL, STEP_ENDS_WELL,
		    STEP_ENDS_WELL, OPERATOR_ROLLS_BACK },
	.length = 9,
	.begin = 9,
};

static void walk_all(bool is_self)
{
	struct walk walk = { .is_self = is_self, .room = 2 * MAX_NODES };
	unsigned depth = 0;

	walk.keys = calloc(walk.room, sizeof(*walk.keys));
	walk.queue = calloc(MAX_NODES, sizeof(*walk.queue));
	assert_true(walk.keys && walk.queue);
	begin_walk(&walk, &offered);
	begin_walk(&walk, &offered_while_held);
	if (is_self)
		begin_walk(&walk, &offered_beside_another);
	begin_walk(&walk, &rolled_back);
	while (walk.head < walk.tail) {
		const struct node *node = &walk.queue[walk.head++];

		if (node->path.length > depth)
			depth = node->path.length;
		expand(&walk, node);
	}
	print_message("%s: %zu configurations, %u of them ends, %lu steps; none leads to a new one after %u events\n",
		      is_self ? "self" : "binary", walk.n_keys, walk.ends,
		      walk.transitions, depth);
	assert_true(depth >= MIN_DEPTH);
	for (enum job_state s = JOB_STATE_AVAILABLE; s < JOB_STATE_SUCCEEDED; s++)
		/* Only otad's own update has to wait for another's end. */
		assert_true(walk.seen[s] > 0 ||
			    (s == JOB_STATE_VERIFYING && !is_self));
	end_walk(&walk);
}

static void a_program_ends_its_update_on_every_way(void **state)
{
	walk_all(false);
}

static void otad_ends_its_own_update_on_every_way(void **state)
{
	walk_all(true);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest binary[] = {
		cmocka_unit_test(a_program_ends_its_update_on_every_way),
	};
	const struct CMUnitTest self[] = {
		cmocka_unit_test(otad_ends_its_own_update_on_every_way),
	};

	/* In memory, where there is such a file system. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	/* Apart, for two processors. */
	if (argc == 2 && strcmp(argv[1], "self") == 0)
		return cmocka_run_group_tests(self, NULL, NULL);
	return cmocka_run_group_tests(binary, NULL, NULL);
}
