#pragma once

/*
 * For tests of the configuration: a temporary folder, a table of platforms of
 * our own, and the environment as a service manager would not set it.
 */

#include "otad/config/config.h"

#include <stddef.h>

struct config_fixture {
	char dir[64];
	struct config_report report; /* of the last load */
};

/* cmocka's setup and teardown; *state is the fixture. */
int config_fixture_setup(void **state);
int config_fixture_teardown(void **state);

const struct platform_keys *test_platforms(void);

/* Writes DIR/NAME, making the folder it lies in. */
void fixture_write(struct config_fixture *fx, const char *name,
		   const void *text, size_t size);
void fixture_write_text(struct config_fixture *fx, const char *name,
			const char *text);
/* Borrowed until the next call. */
const char *fixture_path(struct config_fixture *fx, const char *name);

/* Load DIR/NAME, any file, or `text` as DIR/otad.conf. */
struct config *fixture_load(struct config_fixture *fx, const char *name);
struct config *fixture_load_path(struct config_fixture *fx, const char *path);
struct config *fixture_load_text(struct config_fixture *fx, const char *text);
/* The same, failing the test with the first problem. */
struct config *fixture_must_load(struct config_fixture *fx, const char *text);
/* Loads and expects one problem, at `line`, whose text begins so. */
void fixture_must_fail(struct config_fixture *fx, const char *text,
		       unsigned line, const char *beginning);

/* What every loadable configuration begins with: three lines, and five. */
#define TEST_CLOUD                                                             \
	"[Cloud]\nPlatform=plain\nId=gw-1\n"
#define TEST_MINIMUM TEST_CLOUD "[Mqtt]\nHost=broker.example\n"
