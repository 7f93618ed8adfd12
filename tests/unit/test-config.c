#include "otad/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/model/offer.h"

#include "support/config-fixture.h"

#define MINUTE_MS UINT64_C(60000)
#define MIB (UINT64_C(1) << 20)

static void what_is_left_out_has_its_default(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(fx, TEST_MINIMUM);
	const struct config_download *download = &config->download;
	const struct config_update *update = &config->update;

	assert_string_equal(config->platform->platform, "plain");
	assert_string_equal(config->mqtt.host, "broker.example");
	assert_null(config->mqtt.client_id);
	assert_null(config->mqtt.password_file);
	assert_int_equal(config->mqtt.keep_alive_ms, MINUTE_MS);
	assert_int_equal(config->mqtt.connect_spread_ms, 0);
	assert_int_equal(config->mqtt.reconnect_spread_ms, 5000);
	assert_int_equal(download->timeout_ms, 5 * MINUTE_MS);
	assert_int_equal(download->stall_ms, 30000);
	assert_int_equal(download->attempts, 10);
	assert_int_equal(download->max_speed, 0);
	assert_int_equal(download->max_size, 4096 * MIB);
	assert_int_equal(download->strategy, DOWNLOAD_AUTO);
	assert_int_equal(download->chunk_bytes, MIB);
	assert_null(download->allowed_hosts);
	assert_null(download->proxy);
	assert_int_equal(download->max_downloads, 4);
	assert_int_equal(download->cache_bytes, 256 * MIB);
	assert_true(update->automatic);
	assert_false(update->allow_downgrade);
	assert_true(update->window.always);
	assert_int_equal(update->min_battery_percent, 20);
	assert_false(update->require_sha256);
	assert_false(update->require_signature);
	assert_null(update->trusted_keys);
	assert_int_equal(update->confirm_timeout_ms, 5 * MINUTE_MS);
	assert_int_equal(update->max_trial_starts, 3);
	assert_int_equal(update->progress_step_percent, 10);
	assert_int_equal(update->away_timeout_ms, 7 * 24 * 60 * MINUTE_MS);
	assert_int_equal(update->wave_size, 0);
	assert_int_equal(update->wave_stop, 0);
	config_unref(config);
}

static void every_key_of_the_gateway_is_read(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx,
		TEST_MINIMUM
		"Port=1884\nClientId=c|x=1,y|\nUsername=u&pk\nTls=yes\n"
		"KeepAlive=5s\nCleanSession=no\n"
		"ConnectSpread=1min\nReconnectSpread=1d\n"
		"[Download]\nTimeout=1s\nStallTimeout=1h\nAttempts=1000\n"
		"MaxSpeed=512K\nMaxSize=1\nStrategy=chunked\nChunkSize=1K\n"
		"AllowHttp=no\nAllowedHosts=*.a.example,b ,  [::1]\n"
		"Proxy=socks5h://p:1\nMaxDownloads=64\nCacheSize=0\n"
		"[Update]\nAuto=no\nCheckInterval=1min 30s\n"
		"AllowDowngrade=yes\nWindow=22:00-04:00\nMinBattery=0%\n"
		"RequireDigest=sha256\nConfirmTimeout=1d\nMaxTrialStarts=1\n"
		"ProgressStep=100\nAwayTimeout=2h\nWaveSize=10\nWaveStop=2\n");
	const struct config_download *download = &config->download;
	const struct config_update *update = &config->update;

	assert_int_equal(config->mqtt.port, 1884);
	assert_string_equal(config->mqtt.client_id, "c|x=1,y|");
	assert_string_equal(config->mqtt.username, "u&pk");
	assert_true(config->mqtt.tls);
	assert_int_equal(config->mqtt.keep_alive_ms, 5000);
	assert_int_equal(config->mqtt.connect_spread_ms, MINUTE_MS);
	assert_int_equal(config->mqtt.reconnect_spread_ms, 1440 * MINUTE_MS);
	assert_false(config->mqtt.clean_session);
	assert_int_equal(download->timeout_ms, 1000);
	assert_int_equal(download->stall_ms, 60 * MINUTE_MS);
	assert_int_equal(download->attempts, 1000);
	assert_int_equal(download->max_speed, 512 * 1024);
	assert_int_equal(download->max_size, 1);
	assert_int_equal(download->strategy, DOWNLOAD_CHUNKED);
	assert_int_equal(download->chunk_bytes, 1024);
	assert_false(download->allow_http);
	assert_string_equal(download->allowed_hosts[0], "*.a.example");
	assert_string_equal(download->allowed_hosts[1], "b");
	assert_string_equal(download->allowed_hosts[2], "[::1]");
	assert_null(download->allowed_hosts[3]);
	assert_string_equal(download->proxy, "socks5h://p:1");
	assert_int_equal(download->max_downloads, 64);
	assert_int_equal(download->cache_bytes, 0);
	assert_false(update->automatic);
	assert_int_equal(update->check_interval_ms, 90000);
	assert_true(update->allow_downgrade);
	assert_false(update->window.always);
	assert_int_equal(update->window.start_min, 22 * 60);
	assert_int_equal(update->window.end_min, 4 * 60);
	assert_int_equal(update->min_battery_percent, 0);
	assert_true(update->require_sha256);
	assert_int_equal(update->confirm_timeout_ms, 24 * 60 * MINUTE_MS);
	assert_int_equal(update->max_trial_starts, 1);
	assert_int_equal(update->progress_step_percent, 100);
	assert_int_equal(update->away_timeout_ms, 2 * 60 * MINUTE_MS);
	assert_int_equal(update->wave_size, 10);
	assert_int_equal(update->wave_stop, 2);
	config_unref(config);
}

static void platforms_bring_their_own_defaults(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, "[Cloud]\nPlatform=strict\nKey=k\n[Mqtt]\nHost=h\n");

	assert_int_equal(config->update.check_interval_ms, 60000);
	assert_false(config->download.allow_http);
	assert_false(config->mqtt.clean_session);
	assert_string_equal(config->devices[0]->modules[0].settings->name,
			    "main");
	config_unref(config);
	config = fixture_must_load(
		fx, "[Cloud]\nPlatform=strict\nKey=k\n[Mqtt]\nHost=h\n"
		    "CleanSession=yes\n[Download]\nAllowHttp=yes\n"
		    "[Update]\nCheckInterval=0\n");
	assert_int_equal(config->update.check_interval_ms, 0);
	assert_true(config->download.allow_http);
	assert_true(config->mqtt.clean_session);
	config_unref(config);
}

struct tls_case {
	const char *keys;
	bool tls;
	unsigned port;
};

static void tls_and_port_follow_from_each_other(void **state)
{
	static const struct tls_case cases[] = {
		{ "", true, 8883 },
		{ "Port=8883\n", true, 8883 },
		{ "Port=1883\n", false, 1883 },
		{ "Port=4711\n", false, 4711 },
		{ "Port=4711\nCaFile=%d/pem\n", true, 4711 },
		{ "CaFile=%d/pem\n", true, 8883 },
		{ "Port=1883\nCertFile=%d/pem\nKeyFile=%d/pem\n", true, 1883 },
		{ "Tls=no\n", false, 1883 },
		{ "Tls=no\nPort=8883\n", false, 8883 },
		{ "Tls=yes\nPort=1883\n", true, 1883 },
		{ "Tls=no\nCaFile=%d/pem\n", false, 1883 },
	};
	struct config_fixture *fx = *state;
	char text[256];

	fixture_write_text(fx, "pem", "x");
	setenv("CREDENTIALS_DIRECTORY", fx->dir, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text), TEST_MINIMUM "%s", cases[i].keys);
		config = fixture_must_load(fx, text);
		if (config->mqtt.tls != cases[i].tls ||
		    config->mqtt.port != cases[i].port)
			fail_msg("%s: tls %d port %u", cases[i].keys,
				 config->mqtt.tls, config->mqtt.port);
		config_unref(config);
	}
}

static void hosts_may_be_addresses(void **state)
{
	static const char *const hosts[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "a_b.example-1.com", "a_b.example-1.com" },
	};
	struct config_fixture *fx = *state;
	char text[128];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		struct config *config;

		snprintf(text, sizeof(text), TEST_CLOUD "[Mqtt]\nHost=%s\n",
			 hosts[i][0]);
		config = fixture_must_load(fx, text);
		assert_string_equal(config->mqtt.host, hosts[i][1]);
		config_unref(config);
	}
}

static const char *cloud_key(const struct config *config, const char *key)
{
	return key_value_get(config->cloud_keys, config->n_cloud_keys, key);
}

static void the_platform_gets_its_keys(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;
	char secret[128];

	fixture_write_text(fx, "secret", "s3cret\n");
	setenv("CREDENTIALS_DIRECTORY", fx->dir, 1);
	config = fixture_must_load(
		fx, TEST_MINIMUM
		"[Cloud]\nNote=a / b + c\nSecretFile=%d/secret\n"
		"Interval=30s\nVerbose=Yes\nColour=green\n");
	snprintf(secret, sizeof(secret), "%s/secret", fx->dir);
	assert_int_equal(config->n_cloud_keys, 6);
	assert_string_equal(cloud_key(config, "Id"), "gw-1");
	assert_string_equal(cloud_key(config, "Note"), "a / b + c");
	assert_string_equal(cloud_key(config, "SecretFile"), secret);
	assert_string_equal(cloud_key(config, "Interval"), "30s");
	assert_string_equal(cloud_key(config, "Verbose"), "Yes");
	assert_string_equal(cloud_key(config, "Colour"), "green");
	assert_null(cloud_key(config, "Platform"));
	config_unref(config);
	/* As a unit would never set it: of which folder, nobody can say. */
	setenv("CREDENTIALS_DIRECTORY", "credentials", 1);
	fixture_must_fail(fx, TEST_MINIMUM "[Cloud]\nSecretFile=%d/secret\n", 7,
			  "SecretFile=%d/secret: %d is $CREDENTIALS_DIRECTORY, "
			  "which is not set");
}

static void a_key_has_one_name_inside(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, "[Cloud]\nPlatform=strict\nKey=one\nOldKey=two\n"
		    "[Mqtt]\nHost=h\n");

	assert_int_equal(config->n_cloud_keys, 1);
	assert_string_equal(cloud_key(config, "Key"), "two");
	config_unref(config);
}

static void a_user_name_may_stand_in_either_section(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, "[Cloud]\nPlatform=lent\nUser=u\n[Mqtt]\nHost=h\n");

	assert_string_equal(cloud_key(config, "User"), "u");
	config_unref(config);
	config = fixture_must_load(
		fx, "[Cloud]\nPlatform=lent\n[Mqtt]\nHost=h\nUsername=u\n");
	assert_null(cloud_key(config, "User"));
	config_unref(config);
	fixture_must_fail(fx, "[Cloud]\nPlatform=lent\n[Mqtt]\nHost=h\n", 1,
			  "User= is missing in [Cloud], and Username= in "
			  "[Mqtt]");
}

static void keys_of_another_platform_are_passed_over(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, TEST_MINIMUM "[Cloud]\nOldKey=a/b\n[Device d]\nSerial=1\n");

	assert_null(cloud_key(config, "Key"));
	assert_null(cloud_key(config, "OldKey"));
	assert_int_equal(config->devices[1]->n_keys, 0);
	config_unref(config);
}

static void files_may_be_written_freely(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, "\xEF\xBB\xBF; a comment\r\n"
		    "  # another\r\n"
		    "\r\n"
		    "\t[ Cloud ]\t; who we are\r\n"
		    "  Platform =  plain\t# the platform\r\n"
		    "Id=gw;1\r\n"
		    "Note=\r\n"
		    "[Mqtt]# the broker\r\n"
		    "Host=old.example\r\n"
		    "Username= # none\r\n"
		    "ClientId=#a;b#\r\n"
		    "[Module  the app ]\n"
		    "Type=binary\n"
		    "Path=/opt/the app/bin ; here\n"
		    "HealthCheck=true ; test -e '#' # all the shell's\n"
		    "[Mqtt]\n"
		    "Host=new.example\n"
		    "[Update]\n"
		    "Window=\n"
		    "[Cloud]\n"
		    "Note=last line");
	const struct module_settings *app =
		config->devices[0]->modules[0].settings;

	assert_string_equal(cloud_key(config, "Id"), "gw;1");
	assert_string_equal(cloud_key(config, "Note"), "last line");
	assert_string_equal(config->mqtt.host, "new.example");
	assert_null(config->mqtt.username);
	assert_string_equal(config->mqtt.client_id, "#a;b#");
	assert_true(config->update.window.always);
	assert_string_equal(app->name, "the app");
	assert_string_equal(app->path, "/opt/the app/bin");
	assert_string_equal(app->health_check,
			    "true ; test -e '#'");
	config_unref(config);
}

static void a_command_is_read_as_a_shell_would(void **state)
{
	static const char *const commands[][2] = {
		{ "a ; b # c", "a ; b" },
		{ "# nothing", "" },
		{ "a 'b # c' # d", "a 'b # c'" },
		{ "a \"b # c\" # d", "a \"b # c\"" },
		{ "a \"b \\\" # c\" # d", "a \"b \\\" # c\"" },
		{ "a \\' # b", "a \\'" },
		{ "a '\\' # b", "a '\\'" },
		{ "a $# b#c \\# d", "a $# b#c \\# d" },
		{ "a\tb\t#c", "a\tb" },
		{ "a 'b # c", "a 'b # c" },
		{ "a \\", "a \\" },
	};
	struct config_fixture *fx = *state;
	char text[256];

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct config *config;
		const char *reload;

		snprintf(text, sizeof(text),
			 TEST_MINIMUM "[Module m]\nType=config\nPath=/p\n"
				      "Reload= %s\n",
			 commands[i][0]);
		config = fixture_must_load(fx, text);
		reload = config->devices[0]->modules[0].settings->reload;
		assert_string_equal(reload ? reload : "", commands[i][1]);
		config_unref(config);
	}
}

static void nothing_behind_a_key_takes_it_back(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, TEST_MINIMUM "Username=u\nUsername=\n"
				 "[Cloud]\nNote=n\nNote=\n"
				 "[Download]\nAllowedHosts=a\nAllowedHosts=\n");

	assert_null(config->mqtt.username);
	assert_null(cloud_key(config, "Note"));
	assert_null(config->download.allowed_hosts);
	config_unref(config);
}

static void long_values_and_names_are_whole(void **state)
{
	struct config_fixture *fx = *state;
	char text[6000], command[3001], name[MODULE_NAME_MAX_BYTES + 1];
	const struct module_settings *settings;
	struct config *config;

	memset(command, 'c', sizeof(command) - 1);
	command[sizeof(command) - 1] = '\0';
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		 TEST_MINIMUM "[Device %s]\n[Module %s/%s]\nType=config\n"
			      "Path=/etc/a\nReload=%s\n",
		 name, name, name, command);
	config = fixture_must_load(fx, text);
	assert_string_equal(config->devices[1]->name, name);
	settings = config->devices[1]->modules[0].settings;
	assert_string_equal(settings->name, name);
	assert_string_equal(settings->reload, command);
	config_unref(config);
}

static void a_gateway_without_modules_updates_itself(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(fx, TEST_MINIMUM);
	const struct device *gateway = config->devices[0];

	assert_int_equal(config->n_devices, 1);
	assert_string_equal(gateway->name, DEVICE_SELF);
	assert_int_equal(gateway->n_modules, 1);
	assert_string_equal(gateway->modules[0].settings->name, "default");
	assert_int_equal(gateway->modules[0].settings->type, INSTALLER_SELF);
	config_unref(config);

	config = fixture_must_load(
		fx, TEST_MINIMUM "[Module app]\nType=exec\nHandler=/h\n");
	assert_int_equal(config->devices[0]->n_modules, 1);
	assert_null(device_find_module(config->devices[0], "default"));
	config_unref(config);
}

static const struct module_settings *module_of(const struct config *config,
					       size_t device, const char *name)
{
	struct module *module =
		device_find_module(config->devices[device], name);

	assert_non_null(module);
	return module->settings;
}

static void every_installer_has_its_keys(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, TEST_MINIMUM
		"[Module default]\nType=self\nVersionAttribute=va\n"
		"CheckEvent=ce\n"
		"[Module b]\nPath=/b\nType=binary\nService=b@1.service\n"
		"Restart=r; s\nHealthCheck=hc\nHealthPeriod=0\nCheck=c\n"
		"VersionFile=/vf\nTimeout=1s\nVersion=1.0~rc1\n"
		"[Module c]\nType=config\nPath=/c\nCheck=ck\nReload=rl\n"
		"[Module a]\nType=archive\nPath=/a\nKeep=5\nService=a\n"
		"[Module s]\nType=slot\nSlotA=/dev/a\nSlotB=/dev/b\n"
		"Active=act\nActivate=switch it\nConfirm=ok\n"
		"[Module self/e]\nType=exec\nHandler=/h\n");
	const struct module_settings *m = module_of(config, 0, "default");

	assert_int_equal(config->devices[0]->n_modules, 6);
	assert_string_equal(m->version_attribute, "va");
	assert_string_equal(m->check_event, "ce");
	m = module_of(config, 0, "b");
	assert_int_equal(m->type, INSTALLER_BINARY);
	assert_string_equal(m->path, "/b");
	assert_string_equal(m->service, "b@1.service");
	assert_string_equal(m->restart, "r; s");
	assert_string_equal(m->health_check, "hc");
	assert_int_equal(m->health_period_ms, 0);
	assert_string_equal(m->check, "c");
	assert_string_equal(m->version_file, "/vf");
	assert_int_equal(m->timeout_ms, 1000);
	assert_string_equal(m->version, "1.0~rc1");
	m = module_of(config, 0, "c");
	assert_int_equal(m->type, INSTALLER_CONFIG);
	assert_string_equal(m->check, "ck");
	assert_string_equal(m->reload, "rl");
	assert_int_equal(m->timeout_ms, 10 * MINUTE_MS);
	m = module_of(config, 0, "a");
	assert_int_equal(m->type, INSTALLER_ARCHIVE);
	assert_int_equal(m->keep, 5);
	assert_int_equal(m->health_period_ms, 10000);
	m = module_of(config, 0, "s");
	assert_int_equal(m->type, INSTALLER_SLOT);
	assert_string_equal(m->slot_a, "/dev/a");
	assert_string_equal(m->slot_b, "/dev/b");
	assert_string_equal(m->active, "act");
	assert_string_equal(m->activate, "switch it");
	assert_string_equal(m->confirm, "ok");
	m = module_of(config, 0, "e");
	assert_int_equal(m->type, INSTALLER_EXEC);
	assert_string_equal(m->handler, "/h");
	assert_int_equal(m->keep, 2);
	config_unref(config);
}

static void devices_have_their_class_and_their_own(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, TEST_MINIMUM
		"[Module m-1/radio]\nType=exec\nHandler=/radio\n"
		"[Device m-1]\nClass=meter\nId=one\n"
		"[Device m-2]\nClass=meter\n"
		"[Device bare]\n"
		"[Module m-2/mcu]\nType=exec\nHandler=/other mcu\n"
		"[Class meter]\nModule=mcu exec  /usr/lib/flash meter\n"
		"Module=table config /etc/table\n"
		"Module=table config /etc/new-table\n");
	const struct device *one = config->devices[1];

	assert_int_equal(config->n_devices, 4);
	assert_string_equal(one->name, "m-1");
	assert_string_equal(one->class_name, "meter");
	assert_string_equal(key_value_get(one->keys, one->n_keys, "Id"),
			    "one");
	assert_int_equal(one->n_modules, 3);
	assert_string_equal(module_of(config, 1, "mcu")->handler,
			    "/usr/lib/flash meter");
	assert_string_equal(module_of(config, 1, "table")->path,
			    "/etc/new-table");
	assert_string_equal(module_of(config, 1, "radio")->handler, "/radio");
	assert_int_equal(config->devices[2]->n_modules, 2);
	assert_string_equal(module_of(config, 2, "mcu")->handler, "/other mcu");
	assert_ptr_equal(module_of(config, 1, "table"),
			 module_of(config, 2, "table"));
	assert_int_equal(config->devices[3]->n_modules, 0);
	assert_null(config->devices[3]->class_name);
	config_unref(config);
}

static void a_device_can_be_made_while_running(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config = fixture_must_load(
		fx, TEST_MINIMUM "[Class meter]\nModule=mcu exec /flash\n");
	struct ota_error err = OTA_ERROR_INIT;
	struct device *device =
		config_make_device(config, "m-9", "meter", &err);

	assert_non_null(device);
	assert_string_equal(device->class_name, "meter");
	assert_non_null(device_find_module(device, "mcu"));
	assert_null(config_make_device(config, "m-9", "lamp", &err));
	assert_int_equal(err.kind, OTA_ERROR_NOT_FOUND);
	assert_null(config_make_device(config, "../m", "meter", &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	assert_null(config_make_device(config, DEVICE_SELF, "meter", &err));
	assert_int_equal(err.kind, OTA_ERROR_PROTOCOL);
	config_unref(config);
	/* It keeps what it was made of. */
	assert_string_equal(device->modules[0].settings->handler, "/flash");
	device_free(device);
}

static void what_runs_keeps_its_configuration_over_a_reload(void **state)
{
	struct config_fixture *fx = *state;
	struct config *old = fixture_must_load(
		fx, TEST_MINIMUM "[Module app]\nType=exec\nHandler=/old\n");
	struct config *held = config_ref(old);
	struct module_settings *settings = module_settings_ref(
		device_find_module(old->devices[0], "app")->settings);
	struct config *new = fixture_must_load(
		fx, TEST_MINIMUM "[Module app]\nType=exec\nHandler=/new\n");

	assert_null(config_unref(old));
	assert_string_equal(held->mqtt.host, "broker.example");
	assert_null(config_unref(held));
	assert_string_equal(settings->handler, "/old");
	module_settings_unref(settings);
	assert_string_equal(module_of(new, 0, "app")->handler, "/new");
	config_unref(new);
}

static void a_bad_reload_leaves_the_old_one_alone(void **state)
{
	struct config_fixture *fx = *state;
	struct config *old = fixture_must_load(fx, TEST_MINIMUM);

	fixture_must_fail(fx, TEST_MINIMUM "Port=0\n", 6, "Port=0: expected");
	assert_string_equal(old->mqtt.host, "broker.example");
	assert_int_equal(old->mqtt.port, 8883);
	config_unref(old);
	assert_null(config_unref(NULL));
}

static void signatures_need_keys_that_are_there(void **state)
{
	struct config_fixture *fx = *state;
	struct config *config;
	char text[256];

	snprintf(text, sizeof(text),
		 TEST_MINIMUM
		 "[Update]\nRequireSignature=yes\nTrustedKeys=%s/*.pem\n",
		 fx->dir);
	fixture_must_fail(fx, text, 8, "TrustedKeys=");
	assert_non_null(strstr(fx->report.problems[0].text, "no file"));
	fixture_write_text(fx, "a.pem", "");
	config = fixture_must_load(fx, text);
	assert_true(config->update.require_signature);
	config_unref(config);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, config_fixture_setup,            \
					config_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_left_out_has_its_default),
		TEST(every_key_of_the_gateway_is_read),
		TEST(platforms_bring_their_own_defaults),
		TEST(tls_and_port_follow_from_each_other),
		TEST(hosts_may_be_addresses),
		TEST(the_platform_gets_its_keys),
		TEST(a_key_has_one_name_inside),
		TEST(a_user_name_may_stand_in_either_section),
		TEST(keys_of_another_platform_are_passed_over),
		TEST(files_may_be_written_freely),
		TEST(a_command_is_read_as_a_shell_would),
		TEST(nothing_behind_a_key_takes_it_back),
		TEST(long_values_and_names_are_whole),
		TEST(a_gateway_without_modules_updates_itself),
		TEST(every_installer_has_its_keys),
		TEST(devices_have_their_class_and_their_own),
		TEST(a_device_can_be_made_while_running),
		TEST(what_runs_keeps_its_configuration_over_a_reload),
		TEST(a_bad_reload_leaves_the_old_one_alone),
		TEST(signatures_need_keys_that_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
