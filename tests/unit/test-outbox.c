#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "otad/base/file.h"
#include "otad/mqtt/outbox.h"

/* A disk that counts what is asked of its folders, and may refuse it. */
static struct {
	unsigned folder_syncs;
	bool folder_syncs_fail;
	bool reading_fails;
} disk;

int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if (S_ISDIR(st.st_mode)) {
		disk.folder_syncs++;
		if (disk.folder_syncs_fail) {
			errno = EIO;
			return -1;
		}
	}
	return (int)syscall(SYS_fsync, fd);
}

struct dirent *readdir(DIR *dir)
{
	static struct dirent *(*real)(DIR *dir);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir64");
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "readdir");
	if (!disk.reading_fails)
		return real(dir);
	errno = EIO;
	return NULL;
}

/* A broker that takes what it is given, until told not to. */
struct sender {
	bool refuses;
	struct outbox *answers_at_once; /* its broker does, while it is told */
	const char *mute; /* a device that may not speak now */
	char device[32];  /* of the last one */
	int next_id;
	size_t asked;
	size_t count;
	char sent[256][32];
	int ids[256];
	int qos[256];
	bool passes[256];
};

struct fixture {
	char dir[64];
	struct outbox *outbox;
	struct sender sender;
	unsigned emptied;
	bool free_when_empty;
};

static enum outbox_sent
send_it(void *user_data, const struct outbox_message *message, int *ret_id)
{
	struct sender *sender = user_data;
	struct outbox *answered = OTA_TAKE(sender->answers_at_once);
	size_t at = sender->count;

	sender->asked++;
	if (answered)
		outbox_acknowledge(answered, 4711);
	if (sender->refuses)
		return OUTBOX_NOT_NOW;
	if (sender->mute && message->device &&
	    strcmp(sender->mute, message->device) == 0)
		return OUTBOX_DEVICE_NOT_NOW;
	assert_true(at < OTA_ARRAY_SIZE(sender->sent));
	sender->passes[at] = message->passes;
	assert_string_equal(message->topic, "t/up");
	snprintf(sender->sent[at], sizeof(sender->sent[at]), "%s",
		 message->payload);
	snprintf(sender->device, sizeof(sender->device), "%s",
		 message->device ? message->device : "");
	sender->qos[at] = message->qos;
	sender->ids[at] = *ret_id = ++sender->next_id;
	sender->count++;
	return OUTBOX_SENT;
}

static unsigned start(struct fixture *fx)
{
	struct ota_error err = OTA_ERROR_INIT;
	unsigned bad = 1000;

	fx->outbox = outbox_new(fx->dir, send_it, &fx->sender, &bad, &err);
	if (!fx->outbox)
		fail_msg("%s", err.text);
	return bad;
}

/* As after a restart: nothing in flight, nothing known to be sent. */
static unsigned restart(struct fixture *fx)
{
	fx->outbox = outbox_free(fx->outbox);
	memset(&fx->sender, 0, sizeof(fx->sender));
	return start(fx);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->dir, "/tmp/otad-outbox-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	strcat(fx->dir, "/outbox");
	start(fx);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[256];

	outbox_free(fx->outbox);
	*strrchr(fx->dir, '/') = '\0';
	snprintf(command, sizeof(command), "rm -rf %s", fx->dir);
	assert_int_equal(system(command), 0);
	free(fx);
	return 0;
}

static bool try_add_qos(struct fixture *fx, enum outbox_class message_class,
			int qos, const char *payload)
{
	const struct outbox_message message = {
		.topic = "t/up",
		.payload = payload,
		.qos = qos,
		.message_class = message_class,
	};
	struct ota_error err;

	return outbox_add(fx->outbox, &message, &err);
}

static bool try_add(struct fixture *fx, enum outbox_class message_class,
		    const char *payload)
{
	return try_add_qos(fx, message_class,
			   message_class == OUTBOX_FLEETING ? 0 : 1, payload);
}

static void add(struct fixture *fx, enum outbox_class message_class,
		const char *payload)
{
	assert_true(try_add(fx, message_class, payload));
}

static void add_numbered(struct fixture *fx, enum outbox_class message_class,
			 unsigned first, unsigned count)
{
	char payload[16];

	for (unsigned i = first; i < first + count; i++) {
		snprintf(payload, sizeof(payload), "%u", i);
		add(fx, message_class, payload);
	}
}

/* The broker acknowledges all that was sent, in order. */
static void acknowledge_all(struct fixture *fx)
{
	for (size_t i = 0; i < fx->sender.count; i++)
		outbox_acknowledge(fx->outbox, fx->sender.ids[i]);
}

static const char *path_of(const struct fixture *fx, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
	return path;
}

static void put_file(const struct fixture *fx, const char *name,
		     const char *text)
{
	assert_true(
		file_write(path_of(fx, name), text, strlen(text), 0600, NULL));
}

static bool has_file(const struct fixture *fx, const char *name)
{
	return file_exists(path_of(fx, name));
}

static void a_message_leaves_at_once_when_open(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "done");
	assert_int_equal(fx->sender.count, 1);
	assert_string_equal(fx->sender.sent[0], "done");
	assert_int_equal(fx->sender.qos[0], 1);
	assert_int_equal(outbox_pending(fx->outbox), 1);

	assert_true(outbox_acknowledge(fx->outbox, fx->sender.ids[0]));
	assert_int_equal(outbox_pending(fx->outbox), 0);
}

static void messages_wait_in_order_until_opened(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_PROGRESS, "a");
	add(fx, OUTBOX_RESULT, "b");
	add(fx, OUTBOX_PROGRESS, "c");
	assert_int_equal(fx->sender.count, 0);

	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 3);
	assert_string_equal(fx->sender.sent[0], "a");
	assert_string_equal(fx->sender.sent[1], "b");
	assert_string_equal(fx->sender.sent[2], "c");
}

static void a_result_is_on_disk_until_acknowledged(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_RESULT, "done");
	assert_true(has_file(fx, "1.json"));
	outbox_open(fx->outbox);
	assert_true(has_file(fx, "1.json"));
	outbox_acknowledge(fx->outbox, fx->sender.ids[0]);
	assert_false(has_file(fx, "1.json"));
}

/* What it says of the gateway, and to whom, is nobody else's business. */
static void only_the_owner_may_read_a_report(void **state)
{
	struct fixture *fx = *state;
	struct stat st;

	add(fx, OUTBOX_RESULT, "done");
	assert_int_equal(stat(path_of(fx, "1.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_result_survives_a_crash(void **state)
{
	struct fixture *fx = *state;
	struct outbox *crashed = fx->outbox;

	add(fx, OUTBOX_PROGRESS, "lost");
	add(fx, OUTBOX_RESULT, "line\n\"quoted\" \xe2\x82\xac");
	assert_int_equal(start(fx), 0);
	assert_int_equal(outbox_pending(fx->outbox), 1);
	outbox_open(fx->outbox);
	assert_string_equal(fx->sender.sent[0],
			    "line\n\"quoted\" \xe2\x82\xac");
	outbox_free(crashed);
}

static void a_result_that_is_not_utf8_survives_too(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_RESULT, "caf\xe9");
	assert_int_equal(restart(fx), 0);
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 1);
	assert_memory_equal(fx->sender.sent[0], "caf", 3);
}

static void progress_survives_an_orderly_restart(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_PROGRESS, "a");
	add(fx, OUTBOX_RESULT, "b");
	add(fx, OUTBOX_PROGRESS, "c");
	assert_int_equal(restart(fx), 0);
	add(fx, OUTBOX_RESULT, "d");

	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(fx->sender.sent[i][0], 'a' + (int)i);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(fx->sender.qos[i], 1);
	acknowledge_all(fx);
	assert_int_equal(restart(fx), 0);
	assert_int_equal(outbox_pending(fx->outbox), 0);
}

static void ten_comes_after_nine_after_a_restart(void **state)
{
	struct fixture *fx = *state;

	add_numbered(fx, OUTBOX_RESULT, 1, 12);
	restart(fx);
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 12);
	assert_string_equal(fx->sender.sent[1], "2");
	assert_string_equal(fx->sender.sent[8], "9");
	assert_string_equal(fx->sender.sent[11], "12");
}

static void what_was_in_flight_is_sent_again_in_order(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "a");
	add(fx, OUTBOX_RESULT, "b");
	add(fx, OUTBOX_RESULT, "c");
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	outbox_close(fx->outbox);
	add(fx, OUTBOX_RESULT, "d");
	outbox_open(fx->outbox);

	assert_int_equal(fx->sender.count, 6);
	assert_string_equal(fx->sender.sent[3], "a");
	assert_string_equal(fx->sender.sent[4], "c");
	assert_string_equal(fx->sender.sent[5], "d");
}

static void what_was_in_flight_goes_before_what_waited(void **state)
{
	struct fixture *fx = *state;
	char payload[16];

	outbox_open(fx->outbox);
	add_numbered(fx, OUTBOX_RESULT, 0, 22);
	assert_int_equal(fx->sender.count, 20);
	outbox_close(fx->outbox);
	fx->sender.count = 0;
	outbox_open(fx->outbox);

	acknowledge_all(fx);
	assert_int_equal(fx->sender.count, 22);
	for (size_t i = 0; i < 22; i++) {
		snprintf(payload, sizeof(payload), "%zu", i);
		assert_string_equal(fx->sender.sent[i], payload);
	}
}

static void a_version_in_flight_takes_no_place_of_the_next_connection(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_VERSION, "1.0");
	outbox_close(fx->outbox);
	fx->sender.count = 0;
	outbox_open(fx->outbox);
	add_numbered(fx, OUTBOX_RESULT, 0, 25);

	assert_int_equal(fx->sender.count, 20);
}

/* The next connection begins with those that are true then. */
static void a_version_goes_with_its_connection(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_VERSION, "1.0");
	fx->sender.refuses = true;
	add(fx, OUTBOX_VERSION, "1.1");
	outbox_close(fx->outbox);
	fx->sender.refuses = false;
	outbox_open(fx->outbox);

	assert_int_equal(fx->sender.count, 1);
	assert_int_equal(outbox_pending(fx->outbox), 0);
}

static void an_answer_while_it_is_sent_sends_nothing_twice(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_RESULT, "a");
	add(fx, OUTBOX_RESULT, "b");
	fx->sender.answers_at_once = fx->outbox;
	outbox_open(fx->outbox);

	assert_int_equal(fx->sender.count, 2);
	assert_string_equal(fx->sender.sent[0], "a");
	assert_string_equal(fx->sender.sent[1], "b");
}

static void a_result_waits_for_its_acknowledgement_whatever_its_qos(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	assert_true(try_add_qos(fx, OUTBOX_RESULT, 0, "done"));
	assert_int_equal(fx->sender.qos[0], 1);
	assert_int_equal(outbox_pending(fx->outbox), 1);
	assert_true(has_file(fx, "1.json"));
}

static void a_result_has_a_lasting_name_when_it_is_taken(void **state)
{
	struct fixture *fx = *state;

	disk.folder_syncs = 0;
	add(fx, OUTBOX_PROGRESS, "half");
	assert_int_equal(disk.folder_syncs, 0);
	add(fx, OUTBOX_RESULT, "done");
	assert_int_equal(disk.folder_syncs, 1);
}

static void a_result_that_may_not_last_is_not_taken(void **state)
{
	struct fixture *fx = *state;
	bool taken;

	disk.folder_syncs_fail = true;
	taken = try_add(fx, OUTBOX_RESULT, "done");
	disk.folder_syncs_fail = false;
	assert_false(taken);
	assert_int_equal(outbox_pending(fx->outbox), 0);
	/* Else it would be told after a restart, and the one added again, too. */
	assert_false(has_file(fx, "1.json"));
}

static void a_folder_that_cannot_be_read_is_not_an_empty_one(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	struct outbox *outbox;

	disk.reading_fails = true;
	outbox = outbox_new(fx->dir, send_it, &fx->sender, NULL, &err);
	disk.reading_fails = false;
	assert_null(outbox);
	assert_int_equal(err.sys_errno, EIO);
}

static void an_acknowledgement_of_an_older_connection_is_ignored(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "a");
	outbox_close(fx->outbox);
	assert_false(outbox_acknowledge(fx->outbox, fx->sender.ids[0]));
	assert_int_equal(outbox_pending(fx->outbox), 1);
	assert_false(outbox_acknowledge(fx->outbox, 4711));
}

static void at_most_twenty_are_in_flight(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add_numbered(fx, OUTBOX_RESULT, 0, 25);
	assert_int_equal(fx->sender.count, 20);
	outbox_acknowledge(fx->outbox, fx->sender.ids[0]);
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	assert_int_equal(fx->sender.count, 22);
	assert_string_equal(fx->sender.sent[21], "21");
}

static void the_oldest_progress_makes_room(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_RESULT, "r");
	add_numbered(fx, OUTBOX_PROGRESS, 0, 70);
	assert_int_equal(outbox_pending(fx->outbox), 65);

	outbox_open(fx->outbox);
	while (outbox_pending(fx->outbox) > 0)
		acknowledge_all(fx);
	assert_int_equal(fx->sender.count, 65);
	assert_string_equal(fx->sender.sent[0], "r");
	assert_string_equal(fx->sender.sent[1], "6");
	assert_string_equal(fx->sender.sent[64], "69");
}

static void what_waits_for_its_turn_while_open_is_kept_longer(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	fx->sender.refuses = true;
	add_numbered(fx, OUTBOX_PROGRESS, 0, 1030);
	assert_int_equal(outbox_pending(fx->outbox), 1024);
	outbox_close(fx->outbox);
	assert_int_equal(outbox_pending(fx->outbox), 64);
	fx->sender.refuses = false;
	outbox_open(fx->outbox);
	assert_string_equal(fx->sender.sent[0], "966");
}

static void what_is_in_flight_makes_no_room(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add_numbered(fx, OUTBOX_PROGRESS, 0, 1025);
	assert_int_equal(fx->sender.count, 20);
	assert_true(outbox_acknowledge(fx->outbox, fx->sender.ids[0]));
	/* That one is gone. */
	assert_string_equal(fx->sender.sent[20], "21");
}

static void whom_it_is_about_survives_a_restart(void **state)
{
	struct fixture *fx = *state;
	const struct outbox_message message = {
		.device = "meter-\"7\"",
		.topic = "t/up",
		.payload = "done",
		.qos = 1,
		.message_class = OUTBOX_RESULT,
	};
	struct ota_error err;

	assert_true(outbox_add(fx->outbox, &message, &err));
	add(fx, OUTBOX_RESULT, "nobody's");
	assert_int_equal(restart(fx), 0);
	outbox_open(fx->outbox);
	assert_string_equal(fx->sender.sent[1], "nobody's");
	assert_string_equal(fx->sender.device, "");
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	restart(fx);
	outbox_open(fx->outbox);
	assert_string_equal(fx->sender.sent[0], "done");
	assert_string_equal(fx->sender.device, "meter-\"7\"");
}

static void add_about(struct fixture *fx, const char *device,
		      const char *payload)
{
	const struct outbox_message message = {
		.device = device,
		.topic = "t/up",
		.payload = payload,
		.qos = 1,
		.message_class = OUTBOX_PROGRESS,
	};
	struct ota_error err;

	assert_true(outbox_add(fx->outbox, &message, &err));
}

static void a_device_that_has_to_wait_holds_up_no_other(void **state)
{
	struct fixture *fx = *state;

	fx->sender.mute = "a";
	outbox_open(fx->outbox);
	add_about(fx, "a", "a1");
	add_about(fx, "a", "a2");
	add_about(fx, "b", "b1");
	add_about(fx, "a", "a3");
	assert_int_equal(fx->sender.count, 1);
	assert_string_equal(fx->sender.sent[0], "b1");
	assert_true(fx->sender.passes[0]);
	fx->sender.mute = NULL;
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 4);
	assert_string_equal(fx->sender.sent[1], "a1");
	assert_false(fx->sender.passes[1]);
	assert_string_equal(fx->sender.sent[2], "a2");
	assert_string_equal(fx->sender.sent[3], "a3");
}

/* Each acknowledgement looks for the next one to be sent. */
static void not_all_that_wait_are_looked_at_each_time(void **state)
{
	struct fixture *fx = *state;

	fx->sender.mute = "a";
	outbox_open(fx->outbox);
	for (unsigned i = 0; i < 600; i++)
		add_about(fx, "a", "x");
	fx->sender.asked = 0;
	outbox_acknowledge(fx->outbox, 4711);
	assert_int_equal(fx->sender.asked, 512);
}

static void results_are_never_dropped(void **state)
{
	struct fixture *fx = *state;

	add_numbered(fx, OUTBOX_RESULT, 0, 100);
	add_numbered(fx, OUTBOX_PROGRESS, 100, 70);
	assert_int_equal(outbox_pending(fx->outbox), 164);
	restart(fx);
	assert_int_equal(outbox_pending(fx->outbox), 164);
}

static void fleeting_messages_are_forgotten_when_closed(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_FLEETING, "50 %");
	assert_int_equal(outbox_pending(fx->outbox), 0);
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 0);

	add(fx, OUTBOX_FLEETING, "60 %");
	assert_int_equal(fx->sender.count, 1);
	assert_int_equal(fx->sender.qos[0], 0);
	assert_int_equal(outbox_pending(fx->outbox), 0);
}

static void fleeting_messages_do_not_overtake(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add_numbered(fx, OUTBOX_RESULT, 0, 21);
	add(fx, OUTBOX_FLEETING, "later");
	assert_int_equal(fx->sender.count, 20);
	outbox_acknowledge(fx->outbox, fx->sender.ids[0]);
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	assert_int_equal(fx->sender.count, 22);
	assert_string_equal(fx->sender.sent[20], "20");
	assert_string_equal(fx->sender.sent[21], "later");

	/* And those that still wait go with the connection. */
	add_numbered(fx, OUTBOX_RESULT, 22, 10);
	add(fx, OUTBOX_FLEETING, "never");
	outbox_close(fx->outbox);
	outbox_open(fx->outbox);
	while (outbox_pending(fx->outbox) > 0)
		acknowledge_all(fx);
	for (size_t i = 0; i < fx->sender.count; i++)
		assert_string_not_equal(fx->sender.sent[i], "never");
}

static void progress_that_nobody_acknowledges_waits_its_turn(void **state)
{
	struct fixture *fx = *state;

	assert_true(try_add_qos(fx, OUTBOX_PROGRESS, 0, "verifying"));
	add(fx, OUTBOX_RESULT, "done");
	assert_int_equal(outbox_pending(fx->outbox), 2);
	outbox_close(fx->outbox);
	restart(fx);

	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 2);
	assert_string_equal(fx->sender.sent[0], "verifying");
	assert_int_equal(fx->sender.qos[0], 0);
	assert_string_equal(fx->sender.sent[1], "done");
	/* Gone with the sending; the other waits for the broker's word. */
	assert_int_equal(outbox_pending(fx->outbox), 1);
}

static void what_is_refused_now_is_sent_later(void **state)
{
	struct fixture *fx = *state;

	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "a");
	fx->sender.refuses = true;
	add(fx, OUTBOX_RESULT, "b");
	add(fx, OUTBOX_RESULT, "c");
	assert_int_equal(fx->sender.count, 1);

	fx->sender.refuses = false;
	/* Somebody else's acknowledgement is as good a chance as any. */
	assert_false(outbox_acknowledge(fx->outbox, 4711));
	assert_int_equal(fx->sender.count, 3);
	assert_string_equal(fx->sender.sent[1], "b");
	assert_string_equal(fx->sender.sent[2], "c");
}

static void a_result_that_cannot_be_written_is_not_taken(void **state)
{
	struct fixture *fx = *state;
	char command[256];

	/* A file in place of the folder: root may write anywhere else. */
	snprintf(command, sizeof(command), "rm -rf %s && touch %s", fx->dir,
		 fx->dir);
	assert_int_equal(system(command), 0);
	outbox_open(fx->outbox);
	assert_false(try_add(fx, OUTBOX_RESULT, "done"));
	assert_int_equal(outbox_pending(fx->outbox), 0);
	assert_int_equal(fx->sender.count, 0);

	snprintf(command, sizeof(command), "rm -f %s && mkdir %s", fx->dir,
		 fx->dir);
	assert_int_equal(system(command), 0);
	add(fx, OUTBOX_RESULT, "done");
	assert_int_equal(fx->sender.count, 1);
}

static void what_could_never_be_sent_is_not_taken(void **state)
{
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *huge = calloc(1, 70000);
	struct outbox_message message = {
		.topic = "t/+",
		.payload = "x",
		.qos = 1,
		.message_class = OUTBOX_RESULT,
	};
	struct ota_error err;

	assert_non_null(huge);
	memset(huge, 'x', 69999);
	assert_false(try_add(fx, OUTBOX_RESULT, ""));
	assert_false(try_add(fx, OUTBOX_RESULT, huge));
	assert_false(outbox_add(fx->outbox, &message, &err));
	message.topic = "";
	assert_false(outbox_add(fx->outbox, &message, &err));
	message.topic = huge;
	assert_false(outbox_add(fx->outbox, &message, &err));
	assert_int_equal(outbox_pending(fx->outbox), 0);
}

/* Nothing is wrong with the file; with too few descriptors it cannot be opened. */
static void what_cannot_be_read_now_is_kept(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	struct rlimit before, few;
	unsigned bad = 0;
	int free_fd;

	add(fx, OUTBOX_RESULT, "end");
	fx->outbox = outbox_free(fx->outbox);
	free_fd = dup(STDIN_FILENO);
	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)free_fd + 1; /* the folder's */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_null(outbox_new(fx->dir, send_it, &fx->sender, &bad, &err));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(err.sys_errno, EMFILE);
	assert_int_equal(start(fx), 0);
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 1);
	assert_string_equal(fx->sender.sent[0], "end");
}

static void hostile_files_are_set_aside(void **state)
{
	static const struct {
		const char *name, *text;
	} files[] = {
		{"2.json", ""},
		{"3.json", "{\"topic\":"},
		{"4.json", "[]"},
		{"5.json", "{\"topic\":1,\"payload\":\"x\",\"qos\":1,"
			   "\"class\":\"result\"}"},
		{"6.json", "{\"topic\":\"t\",\"payload\":{},\"qos\":1,"
			   "\"class\":\"result\"}"},
		{"7.json", "{\"topic\":\"t\",\"payload\":\"x\",\"qos\":2,"
			   "\"class\":\"result\"}"},
		{"8.json", "{\"topic\":\"t\",\"payload\":\"x\",\"qos\":1,"
			   "\"class\":\"boss\"}"},
		{"9.json", "{\"topic\":\"t\\u0000x\",\"payload\":\"x\","
			   "\"qos\":1,\"class\":\"result\"}"},
		{"10.json", "{\"topic\":\"#\",\"payload\":\"x\",\"qos\":1,"
			    "\"class\":\"result\"}"},
		{"11.json", "{\"topic\":\"t\",\"payload\":\"\",\"qos\":1,"
			    "\"class\":\"result\"}"},
		{"12.json", "{\"topic\":\"t\",\"payload\":\"x\",\"qos\":0,"
			    "\"class\":\"fleeting\"}"},
		{"13.json", "null"},
	};
	struct fixture *fx = *state;
	OTA_CLEANUP(freep) char *huge = calloc(1, 2000001);
	char aside[32];

	add(fx, OUTBOX_RESULT, "good");
	for (size_t i = 0; i < OTA_ARRAY_SIZE(files); i++)
		put_file(fx, files[i].name, files[i].text);
	assert_non_null(huge);
	memset(huge, ' ', 2000000);
	put_file(fx, "14.json", huge);
	assert_int_equal(mkdir(path_of(fx, "15.json"), 0700), 0);
	assert_int_equal(mkfifo(path_of(fx, "16.json"), 0600), 0);

	assert_int_equal(restart(fx), 15);
	assert_int_equal(outbox_pending(fx->outbox), 1);
	for (unsigned i = 2; i <= 16; i++) {
		snprintf(aside, sizeof(aside), "%u.bad", i);
		assert_true(has_file(fx, aside));
	}
	/* Counted once, and their numbers are not used again. */
	assert_int_equal(restart(fx), 0);
	add(fx, OUTBOX_RESULT, "next");
	assert_true(has_file(fx, "17.json"));
	outbox_open(fx->outbox);
	assert_int_equal(fx->sender.count, 2);
}

static void what_a_power_cut_left_half_written_is_cleared(void **state)
{
	struct fixture *fx = *state;

	add(fx, OUTBOX_RESULT, "good");
	put_file(fx, "2.json.tmp", "{\"topic\":\"t\"");
	assert_int_equal(restart(fx), 0);
	assert_false(has_file(fx, "2.json.tmp"));
	assert_int_equal(outbox_pending(fx->outbox), 1);
}

static void other_names_are_left_alone(void **state)
{
	static const char *const names[] = {
		"README",
		"07.json",
		"-1.json",
		"1e3.json",
		"0.json",
		"99999999999999999999.json",
		"18446744073709551615.json",
		"3.json.orig",
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
		put_file(fx, names[i], "{}");
	assert_int_equal(restart(fx), 0);
	assert_int_equal(outbox_pending(fx->outbox), 0);
	for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
		assert_true(has_file(fx, names[i]));
	add(fx, OUTBOX_RESULT, "first");
	assert_true(has_file(fx, "1.json"));
}

static void on_empty(void *user_data)
{
	struct fixture *fx = user_data;

	fx->emptied++;
	if (fx->free_when_empty)
		fx->outbox = outbox_free(fx->outbox);
}

static void the_last_acknowledgement_is_told(void **state)
{
	struct fixture *fx = *state;

	outbox_on_empty(fx->outbox, on_empty, fx);
	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "a");
	add(fx, OUTBOX_PROGRESS, "b");
	outbox_acknowledge(fx->outbox, fx->sender.ids[0]);
	assert_int_equal(fx->emptied, 0);
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	assert_int_equal(fx->emptied, 1);
	outbox_acknowledge(fx->outbox, fx->sender.ids[1]);
	assert_int_equal(fx->emptied, 1);
}

static void it_may_be_freed_when_told_so(void **state)
{
	struct fixture *fx = *state;

	fx->free_when_empty = true;
	outbox_on_empty(fx->outbox, on_empty, fx);
	outbox_open(fx->outbox);
	add(fx, OUTBOX_RESULT, "a");
	assert_true(outbox_acknowledge(fx->outbox, fx->sender.ids[0]));
	assert_null(fx->outbox);
}

static void the_last_message_that_nobody_acknowledges_is_told(void **state)
{
	struct fixture *fx = *state;

	outbox_on_empty(fx->outbox, on_empty, fx);
	add(fx, OUTBOX_RESULT, "a");
	assert_true(try_add_qos(fx, OUTBOX_PROGRESS, 0, "b"));
	outbox_open(fx->outbox);
	assert_int_equal(fx->emptied, 0);
	outbox_acknowledge(fx->outbox, fx->sender.ids[0]);
	assert_int_equal(fx->emptied, 1);

	fx->free_when_empty = true;
	assert_true(try_add_qos(fx, OUTBOX_PROGRESS, 0, "c"));
	assert_null(fx->outbox);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	unsigned bad = 77;

	put_file(fx, "file", "x");
	assert_null(outbox_new(path_of(fx, "file/outbox"), send_it, &fx->sender,
			       &bad, &err));
	assert_int_not_equal(err.kind, OTA_ERROR_NONE);
	assert_int_equal(bad, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_message_leaves_at_once_when_open),
		T(messages_wait_in_order_until_opened),
		T(a_result_is_on_disk_until_acknowledged),
		T(only_the_owner_may_read_a_report),
		T(a_result_survives_a_crash),
		T(a_result_that_is_not_utf8_survives_too),
		T(progress_survives_an_orderly_restart),
		T(ten_comes_after_nine_after_a_restart),
		T(what_was_in_flight_is_sent_again_in_order),
		T(what_was_in_flight_goes_before_what_waited),
		T(a_version_in_flight_takes_no_place_of_the_next_connection),
		T(a_version_goes_with_its_connection),
		T(an_answer_while_it_is_sent_sends_nothing_twice),
		T(a_result_waits_for_its_acknowledgement_whatever_its_qos),
		T(a_result_has_a_lasting_name_when_it_is_taken),
		T(a_result_that_may_not_last_is_not_taken),
		T(a_folder_that_cannot_be_read_is_not_an_empty_one),
		T(an_acknowledgement_of_an_older_connection_is_ignored),
		T(at_most_twenty_are_in_flight),
		T(the_oldest_progress_makes_room),
		T(what_waits_for_its_turn_while_open_is_kept_longer),
		T(what_is_in_flight_makes_no_room),
		T(whom_it_is_about_survives_a_restart),
		T(a_device_that_has_to_wait_holds_up_no_other),
		T(not_all_that_wait_are_looked_at_each_time),
		T(results_are_never_dropped),
		T(fleeting_messages_are_forgotten_when_closed),
		T(fleeting_messages_do_not_overtake),
		T(progress_that_nobody_acknowledges_waits_its_turn),
		T(what_is_refused_now_is_sent_later),
		T(a_result_that_cannot_be_written_is_not_taken),
		T(what_could_never_be_sent_is_not_taken),
		T(what_cannot_be_read_now_is_kept),
		T(hostile_files_are_set_aside),
		T(what_a_power_cut_left_half_written_is_cleared),
		T(other_names_are_left_alone),
		T(the_last_acknowledgement_is_told),
		T(it_may_be_freed_when_told_so),
		T(the_last_message_that_nobody_acknowledges_is_told),
		T(a_folder_that_cannot_be_made_is_an_error),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
