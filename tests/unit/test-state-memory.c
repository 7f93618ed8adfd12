/* Any allocation fails while the state is read: what is good is not set aside. */

#include "otad/mqtt/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/file.h"
#include "otad/base/json.h"
#include "support/fail-malloc.h"

#include "../../src/update/store.h"

struct fixture {
	char dir[64];
	char path[128];
};

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	strcpy(fx->dir, "/tmp/otad-memory-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", fx->dir);
	assert_int_equal(system(command), 0);
	free(fx);
	return 0;
}

static const char *path_of(struct fixture *fx, const char *name)
{
	snprintf(fx->path, sizeof(fx->path), "%s/%s", fx->dir, name);
	return fx->path;
}

static enum outbox_sent send_it(void *user_data,
				const struct outbox_message *message, int *ret_id)
{
	return OUTBOX_NOT_NOW;
}

static void a_report_is_not_damaged_because_memory_is_out(void **state)
{
	static const char report[] =
		"{\"topic\":\"t\",\"payload\":\"p\",\"qos\":1,"
		"\"class\":\"result\"}";
	struct fixture *fx = *state;
	long count = 0, refused = 0;
	struct ota_error err;
	bool happened;

	assert_true(file_write(path_of(fx, "1.json"), report, strlen(report),
			       0600, NULL));
	do {
		struct outbox *outbox;
		unsigned bad = 0;

		ota_error_clear(&err);
		fail_malloc_after(count++);
		outbox = outbox_new(fx->dir, send_it, NULL, &bad, &err);
		happened = fail_malloc_happened();
		fail_malloc_after(-1);
		refused += !outbox;
		assert_int_equal(bad, 0);
		assert_true(!outbox || outbox_pending(outbox) == 1);
		assert_true(file_exists(path_of(fx, "1.json")));
		outbox_free(outbox);
	} while (happened);
	assert_true(refused > 5);
}

static bool count_one(void *user_data, const char *path,
		      struct json_object *document, struct ota_error *err)
{
	unsigned *count = user_data;

	(*count)++;
	return true;
}

static void a_state_file_is_not_damaged_because_memory_is_out(void **state)
{
	struct fixture *fx = *state;
	struct store store;
	long count = 0, refused = 0;
	struct ota_error err;
	bool happened;

	assert_true(store_open(&store, fx->dir, &err));
	assert_true(file_write(path_of(fx, "jobs/1.json"), "{}", 2, 0600, NULL));
	do {
		unsigned documents = 0;
		bool ok;

		ota_error_clear(&err);
		fail_malloc_after(count++);
		ok = store_each(&store, STORE_JOBS, count_one, &documents, &err);
		happened = fail_malloc_happened();
		fail_malloc_after(-1);
		refused += !ok;
		assert_true(!ok || documents == 1);
		assert_true(file_exists(path_of(fx, "jobs/1.json")));
	} while (happened);
	assert_true(refused > 3);
	store_close(&store);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_report_is_not_damaged_because_memory_is_out),
		TEST(a_state_file_is_not_damaged_because_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
