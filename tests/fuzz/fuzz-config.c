/* A configuration file. Either it is good, or each problem is told. */

#include "fuzz.h"

#include <string.h>

#include "otad/cloud/cloud.h"
#include "otad/config/config.h"

static void check_config(const struct config *config)
{
	fuzz_check(config->n_devices >= 1);
	fuzz_check(strcmp(config->devices[0]->name, DEVICE_SELF) == 0);
	fuzz_check(!config->mqtt.host || config->mqtt.port > 0);
	fuzz_check(config->download.attempts > 0);
	fuzz_check(config->download.timeout_ms > 0);
	fuzz_check(config->download.stall_ms > 0);
	fuzz_check(config->update.confirm_timeout_ms > 0);
	fuzz_check(config->update.max_trial_starts > 0);
	fuzz_check(config->state_dir[0] == '/');
	fuzz_check(config->runtime_dir[0] == '/');
	for (size_t i = 0; i < config->n_devices; i++) {
		fuzz_check(module_name_is_valid(config->devices[i]->name));
		for (size_t k = 0; k < config->devices[i]->n_modules; k++)
			fuzz_check(config->devices[i]
					   ->modules[k]
					   .settings->timeout_ms > 0);
	}
}

/* Values may hold tabs, and are quoted as they are. */
static void check_text(char *text)
{
	fuzz_check(text[0]);
	for (char *c = text; *c; c++)
		if (*c == '\t')
			*c = ' ';
	fuzz_check(fuzz_is_clean(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_source source = {
		.file = fuzz_write("otad.conf", data, size),
		.platforms = cloud_platforms(),
	};
	struct config_report report = { 0 };
	OTA_CLEANUP(config_unrefp)
	struct config *config = config_load(&source, &report);

	fuzz_check((config != NULL) == (report.n_problems == 0));
	for (size_t i = 0; i < report.n_problems; i++) {
		check_text(report.problems[i].text);
	}
	if (config)
		check_config(config);
	config_report_done(&report);
	return 0;
}
