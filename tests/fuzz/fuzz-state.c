/*
 * A whole state directory that otad finds at its start: "NAME\n", its content
 * up to a byte 0x1E, then the next file. otad starts, a day goes by, and it
 * stops; nothing that is fake has come from outside.
 */

#include "fuzz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/file.h"

#include "support/updater-fixture.h"

#include "../../src/update/store.h"

#define DAY_MS (24 * 3600 * 1000)
#define INI                                                                    \
	"[Cloud]\nPlatform=iotgo\nProductKey=p\nDeviceName=gw\n"               \
	"[Mqtt]\nHost=broker.example\nTls=no\n"                                \
	"[Module default]\nType=self\n"                                        \
	"[Module app]\nType=binary\nPath=/opt/app\nVersion=1.0.0\n"            \
	"[Class meter]\nModule=mcu exec /usr/lib/flash\n"                      \
	"[Device meter-1]\nClass=meter\nProductKey=q\n"

/* The names under which otad looks for something. */
static const char *const names[] = {
	"hold.json",
	"history.jsonl",
	"trial",
	"trial-ended",
	"jobs/0123456789abcdef.json",
	"jobs/1123456789abcdef.json",
	"jobs/0123456789abcdef.json.tmp",
	"jobs/notes",
	"devices/meter-2.json",
	"modules/self%2Fdefault.json",
	"modules/self%2Fapp.json",
	"modules/meter-1%2Fmcu.json",
	"outbox/1.json",
	"outbox/2.json",
	"outbox/2.json.tmp",
	"outbox/1.bad",
	"download/1.0.1-0000000000000000000000000000000000000000000000000000000000000000",
	"download/1.0.1-0000000000000000000000000000000000000000000000000000000000000000.json",
};

static void write_files(const struct updater_fixture *fx, const uint8_t *data,
			size_t size)
{
	while (size > 0) {
		OTA_CLEANUP(freep) char *name =
			fuzz_take_text(&data, &size, '\n');
		OTA_CLEANUP(freep) char *content =
			fuzz_take_text(&data, &size, '\x1e');

		for (size_t i = 0; i < OTA_ARRAY_SIZE(names); i++)
			if (strcmp(names[i], name) == 0)
				fixture_write(fx, name, content);
	}
}

static bool look(const struct module_view *view, void *user_data)
{
	size_t *modules = user_data;

	fuzz_check(view->device && view->module);
	fuzz_check(!view->job || view->job->overall_percent <= 100);
	++*modules;
	return true;
}

static void nothing(void *user_data)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *state = NULL;
	struct updater_fixture *fx;
	struct updater_status status;
	size_t modules = 0;

	updater_fixture_set_up(&state);
	fx = state;
	fixture_make(fx, INI);
	fixture_end(fx);
	write_files(fx, data, size);
	fixture_start(fx, INI);
	fake_loop_advance(fx->loop, DAY_MS);
	updater_each_module(fx->updater, NULL, look, &modules);
	updater_status(fx->updater, &status);
	fuzz_check(modules >= 3 && status.modules == modules);
	/* The broker took everything. */
	fuzz_check(status.reports_waiting == 0);
	updater_stop(fx->updater, nothing, NULL);
	fake_loop_advance(fx->loop, 60 * 1000);
	updater_fixture_tear_down(&state);
	return 0;
}
