#include "follow.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <json-c/json.h>

#include "otad/base/json.h"

#include "client.h"
#include "ended.h"
#include "job.h"
#include "otactl.h"
#include "text.h"
#include "view.h"

/* A restart takes seconds; a new version that is rolled back, a minute. */
#define AWAY_MS (60 * 1000)
#define RETRY_MS 250
/* Ten times a second is as much as an eye follows. */
#define DRAW_MS 100

struct ctl_follow {
	struct ctl *ctl;
	const char *device, *module; /* NULL: all */
	struct ctl_client *client;   /* NULL: otad is away */
	int64_t away_ms;	     /* since when */
	int signals;
	sigset_t old_mask;
	struct ctl_view view;
	/* By id, as told last: what runs, and what ran when otad went away. */
	struct json_object *jobs;
	struct json_object *unseen;
	/* What ends it. */
	const char *only;    /* the id of a job; NULL: any */
	const char *version; /* the job's that is waited for; NULL: any */
	bool until_idle;
	int64_t patient_until_ms;
	bool any_seen;
	bool any_failed;
	bool finished;
	int result;
	bool dirty; /* the bars are older than what is known */
	int64_t drawn_ms;
};

static void finish(struct ctl_follow *f, int result)
{
	f->finished = true;
	f->result = result;
}

static bool waits_for_one(const struct ctl_follow *f)
{
	return f->only || f->version;
}

static bool is_waiting(const struct ctl_follow *f)
{
	return waits_for_one(f) || f->until_idle;
}

static bool is_wanted(const struct ctl_follow *f, struct json_object *job)
{
	if (f->only && strcmp(ctl_field(job, "id"), f->only) != 0)
		return false;
	return !f->version || strcmp(ctl_field(job, "version"), f->version) == 0;
}

static struct json_object *find(struct ctl_follow *f, const char *id)
{
	struct json_object *job = json_get(f->jobs, id);

	return job ? job : json_get(f->unseen, id);
}

/* Scripts look for the reason on standard error; people see it already. */
static void complain_of(const struct ctl_follow *f, struct json_object *job)
{
	OTA_CLEANUP(freep) char *subject = ctl_subject(job);
	OTA_CLEANUP(freep) char *note = ctl_job_note(job);

	if (f->view.mode == CTL_VIEW_BARS && isatty(STDERR_FILENO))
		return;
	ctl_complain("%s %s %s%s%s", subject ? subject : "",
		     ctl_field(job, "version"), ctl_field(job, "state"),
		     note && *note ? ": " : "", note ? note : "");
}

static void note_end(struct ctl_follow *f, struct json_object *job)
{
	if (!ctl_job_is_good(job)) {
		f->any_failed = true;
		if (is_waiting(f))
			complain_of(f, job);
	}
	if (waits_for_one(f))
		finish(f, ctl_job_is_good(job) ? CTL_DONE : CTL_FAILED);
}

/* A job is there, has changed or has ended. */
static bool take(struct ctl_follow *f, struct json_object *job,
		 struct ota_error *err)
{
	const char *id = ctl_field(job, "id");

	if (!is_wanted(f, job))
		return true;
	f->any_seen = true;
	f->dirty = true;
	if (!ctl_view_tell(&f->view, find(f, id), job))
		return ota_fail(err, OTA_ERROR_INTERNAL,
				"cannot write to standard output");
	json_object_object_del(f->unseen, id);
	if (ctl_job_is_ended(job)) {
		json_object_object_del(f->jobs, id);
		note_end(f, job);
		return true;
	}
	return json_add(f->jobs, id, json_object_get(job)) ||
	       ota_fail_memory(err, "follow a job");
}

/* Before anything is shown: what runs is only remembered. */
static bool remember(struct ctl_follow *f, struct json_object *job,
		     struct ota_error *err)
{
	return json_add(f->jobs, ctl_field(job, "id"), json_object_get(job)) ||
	       ota_fail_memory(err, "follow a job");
}

typedef bool (*job_fn)(struct ctl_follow *f, struct json_object *job,
		       struct ota_error *err);

/* Reads what runs, up to the reply that ends the list. */
static bool read_list(struct ctl_follow *f, struct ctl_client *client,
		      job_fn on_job, struct ota_error *err)
{
	for (bool listed = false; !listed;) {
		struct ctl_reply reply;
		struct json_object *job;
		bool ok;

		if (!ctl_client_receive_part(client, f->ctl->patience_ms, &reply,
					     err))
			return false;
		job = json_get(reply.parameters, "job");
		ok = ctl_reply_check(&reply, err) && (!job || on_job(f, job, err));
		listed = !job;
		ctl_reply_done(&reply);
		if (!ok)
			return false;
	}
	return true;
}

static bool watch(struct ctl_follow *f, job_fn on_job, struct ota_error *err)
{
	OTA_CLEANUP(ctl_client_freep) struct ctl_client *client =
		ctl_connect(f->ctl, err);
	struct json_object *target;

	if (!client)
		return false;
	target = ctl_target(f->device, f->module);
	if (!target)
		return ota_fail_memory(err, "watch");
	if (!ctl_client_send(client, "io.otad.Watch", target, true, err) ||
	    !read_list(f, client, on_job, err))
		return false;
	f->client = OTA_TAKE(client);
	return true;
}

static bool open_signals(struct ctl_follow *f, struct ota_error *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, &f->old_mask);
	f->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return f->signals >= 0 || ota_fail_errno(err, errno, "signalfd");
}

struct ctl_follow *ctl_follow_new(struct ctl *ctl, const char *device,
				  const char *module, struct ota_error *err)
{
	OTA_CLEANUP(ctl_follow_freep) struct ctl_follow *f = calloc(1, sizeof(*f));

	if (!f) {
		ota_fail_memory(err, "watch");
		return NULL;
	}
	f->ctl = ctl;
	f->device = device;
	f->module = module;
	f->signals = -1;
	sigprocmask(SIG_BLOCK, NULL, &f->old_mask);
	f->jobs = json_new_object();
	f->unseen = json_new_object();
	ctl_view_init(&f->view, &ctl->screen, ctl->options.json);
	if (!f->jobs || !f->unseen) {
		ota_fail_memory(err, "watch");
		return NULL;
	}
	if (!open_signals(f, err) || !watch(f, remember, err))
		return NULL;
	return OTA_TAKE(f);
}

struct ctl_follow *ctl_follow_free(struct ctl_follow *f)
{
	if (!f)
		return NULL;
	json_free(f->jobs);
	json_free(f->unseen);
	ctl_client_free(f->client);
	if (f->signals >= 0)
		close(f->signals);
	sigprocmask(SIG_SETMASK, &f->old_mask, NULL);
	free(f);
	return NULL;
}

/* What ran is unseen until otad is back and says so again. */
static bool unsee(struct ctl_follow *f)
{
	bool ok = true;

	json_object_object_foreach(f->jobs, id, job)
		ok = ok && json_add(f->unseen, id, json_object_get(job));
	json_free(f->jobs);
	f->jobs = json_new_object();
	return ok && f->jobs;
}

static void lose(struct ctl_follow *f)
{
	f->client = ctl_client_free(f->client);
	f->away_ms = ctl_monotonic_ms();
	f->dirty = true;
	if (unsee(f))
		return;
	ctl_complain("out of memory");
	finish(f, CTL_FAILED);
}

static bool settle_one(struct ctl_follow *f, const struct ctl_ended *ended,
		       const char *id, struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *job = ctl_ended_find(ended, id);
	bool ok = !job || take(f, job, err);

	/* It may not be wanted any more: another version under the same id. */
	json_object_object_del(f->unseen, id);
	if (job)
		return ok;
	ctl_view_clear(&f->view);
	ctl_complain("otad is back, and knows nothing of job %s any more", id);
	f->any_failed = true;
	if (waits_for_one(f))
		finish(f, CTL_FAILED);
	return true;
}

/* Waited for, but not told of: it may have begun, and ended, meanwhile. */
static bool settle_awaited(struct ctl_follow *f, const struct ctl_ended *ended,
			   struct ota_error *err)
{
	OTA_CLEANUP(json_freep) struct json_object *job = NULL;

	if (!f->version || json_object_object_length(f->jobs) > 0)
		return true;
	job = ctl_ended_find_version(ended, f->module, f->version);
	return !job || take(f, job, err);
}

/* Jobs that do not run any more ended while otad was away. */
static bool settle_unseen(struct ctl_follow *f, struct ota_error *err)
{
	struct ctl_ended ended;
	bool ok = true;

	if (json_object_object_length(f->unseen) == 0 && !f->version)
		return true;
	if (!ctl_ended_read(f->ctl, f->device, &ended, err))
		return false;
	while (ok && json_object_object_length(f->unseen) > 0) {
		struct json_object_iterator first =
			json_object_iter_begin(f->unseen);
		OTA_CLEANUP(freep) char *id =
			strdup(json_object_iter_peek_name(&first));

		ok = id ? settle_one(f, &ended, id, err) :
			  ota_fail_memory(err, "follow a job");
	}
	ok = ok && settle_awaited(f, &ended, err);
	ctl_ended_done(&ended);
	return ok;
}

static void come_back(struct ctl_follow *f)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (watch(f, take, &err) && settle_unseen(f, &err)) {
		f->dirty = true; /* it said that otad is away */
		return;
	}
	f->client = ctl_client_free(f->client);
	if (!unsee(f))
		ota_fail_memory(&err, "follow a job");
	if (err.kind != OTA_ERROR_NETWORK && err.kind != OTA_ERROR_TIMEOUT) {
		ctl_view_clear(&f->view);
		finish(f, ctl_report(&err));
	} else if (ctl_monotonic_ms() - f->away_ms > AWAY_MS) {
		ctl_view_clear(&f->view);
		ctl_complain("otad went away and has not come back for %d s",
			     AWAY_MS / 1000);
		finish(f, CTL_NO_DAEMON);
	}
}

/* One reply of the watch. False: the connection is of no more use. */
static bool take_reply(struct ctl_follow *f, const struct ctl_reply *reply)
{
	struct json_object *job = json_get(reply->parameters, "job");
	struct ota_error err = OTA_ERROR_INIT;

	/* io.otad.TooSlow: what was missed is told anew. */
	if (reply->error || !reply->continues)
		return false;
	if (job && !take(f, job, &err))
		finish(f, ctl_report(&err));
	return true;
}

static void take_replies(struct ctl_follow *f)
{
	struct ota_error err = OTA_ERROR_INIT;
	bool alive = true;
	bool found = true;

	while (alive && !f->finished) {
		struct ctl_reply reply;

		alive = ctl_client_next(f->client, &found, &reply, &err);
		if (!alive || !found)
			break;
		alive = take_reply(f, &reply);
		ctl_reply_done(&reply);
	}
	if (!alive && !f->finished)
		lose(f);
}

static void read_replies(struct ctl_follow *f)
{
	struct ota_error err = OTA_ERROR_INIT;

	if (!ctl_client_read(f->client, &err))
		lose(f);
}

static void read_signals(struct ctl_follow *f)
{
	struct signalfd_siginfo info;

	while (read(f->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			ctl_screen_measure(&f->ctl->screen);
			f->dirty = true;
		} else if (is_waiting(f)) {
			ctl_complain("waits no longer; the update goes on");
			finish(f, CTL_FAILED);
		} else {
			finish(f, CTL_DONE);
		}
	}
}

static void draw(struct ctl_follow *f)
{
	struct json_object *source = f->client ? f->jobs : f->unseen;
	size_t n_jobs = (size_t)json_object_object_length(source);
	OTA_CLEANUP(freep) struct json_object **jobs =
		calloc(n_jobs + 1, sizeof(struct json_object *));
	const char *idle = !f->client	 ? "otad is away: waiting for it" :
			   is_waiting(f) ? "waiting for the cloud's answer" :
					   "no update is running; ^C ends";
	size_t n = 0;

	if (!jobs)
		return; /* the next change draws */
	json_object_object_foreach(source, id, job) {
		(void)id;
		jobs[n++] = job;
	}
	if (!ctl_view_draw(&f->view, jobs, n_jobs, idle)) {
		ctl_complain("cannot write to standard output");
		finish(f, CTL_FAILED);
	}
	f->dirty = false;
	f->drawn_ms = ctl_monotonic_ms();
}

/* How long to wait for something to happen; -1: as long as it takes. */
static int wait_ms(const struct ctl_follow *f)
{
	int64_t now_ms = ctl_monotonic_ms();
	int64_t wait = INT64_MAX;
	bool may_give_up = f->client && f->until_idle && !f->any_seen;

	if (!f->client)
		wait = RETRY_MS;
	if (f->dirty && f->drawn_ms + DRAW_MS - now_ms < wait)
		wait = f->drawn_ms + DRAW_MS - now_ms;
	if (may_give_up && f->patient_until_ms - now_ms < wait)
		wait = f->patient_until_ms - now_ms;
	return wait == INT64_MAX ? -1 : wait < 0 ? 0 : (int)wait;
}

static void wait_for_something(struct ctl_follow *f)
{
	struct pollfd fds[] = {
		{ f->signals, POLLIN, 0 },
		{ f->client ? ctl_client_fd(f->client) : -1, POLLIN, 0 },
	};

	if (poll(fds, OTA_ARRAY_SIZE(fds), wait_ms(f)) < 0)
		return;
	if (fds[0].revents)
		read_signals(f);
	if (f->finished)
		return;
	if (fds[1].revents)
		read_replies(f);
	else if (!f->client)
		come_back(f);
	if (f->client && !f->finished)
		take_replies(f);
}

static void check_idle(struct ctl_follow *f)
{
	if (f->finished || !f->until_idle || !f->client)
		return;
	if (f->any_seen && json_object_object_length(f->jobs) == 0) {
		finish(f, f->any_failed ? CTL_FAILED : CTL_DONE);
	} else if (!f->any_seen && ctl_monotonic_ms() >= f->patient_until_ms) {
		ctl_view_clear(&f->view);
		if (!f->ctl->options.json)
			printf("no update is on offer\n");
		finish(f, CTL_DONE);
	}
}

static int run(struct ctl_follow *f)
{
	json_object_object_foreach(f->jobs, id, job) {
		(void)id;
		f->any_seen = true;
		if (!ctl_view_tell(&f->view, NULL, job)) {
			ctl_complain("cannot write to standard output");
			return CTL_FAILED;
		}
	}
	f->dirty = true;
	take_replies(f);
	check_idle(f);
	while (!f->finished) {
		if (f->dirty && ctl_monotonic_ms() >= f->drawn_ms + DRAW_MS)
			draw(f);
		if (!f->finished)
			wait_for_something(f);
		check_idle(f);
	}
	return f->result;
}

int ctl_follow_for_ever(struct ctl_follow *f)
{
	return run(f);
}

/* Of what runs, only what is waited for. */
static int run_wanted(struct ctl_follow *f)
{
	struct json_object *wanted = json_new_object();
	bool ok = wanted;

	json_object_object_foreach(f->jobs, id, job) {
		if (is_wanted(f, job))
			ok = ok && json_add(wanted, id, json_object_get(job));
	}
	if (!ok) {
		json_free(wanted);
		ctl_complain("out of memory");
		return CTL_FAILED;
	}
	json_free(f->jobs);
	f->jobs = wanted;
	return run(f);
}

int ctl_follow_job(struct ctl_follow *f, const char *job)
{
	f->only = job;
	return run_wanted(f);
}

int ctl_follow_version(struct ctl_follow *f, const char *version)
{
	f->version = version;
	return run_wanted(f);
}

int ctl_follow_all(struct ctl_follow *f, unsigned patience_ms)
{
	f->until_idle = true;
	f->patient_until_ms = ctl_monotonic_ms() + patience_ms;
	return run(f);
}
