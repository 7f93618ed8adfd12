/* The session with the broker, as a whole updater has it: what is told when. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/cleanup.h"
#include "otad/base/file.h"
#include "support/updater-fixture.h"

#include "../../src/update/session.h"

/* Of what the fake web server serves. */
#define MD5 "b1fbd0520cedeeac7874c3a72de3c07f"

#define HANQI                                                                  \
	"[Cloud]\nPlatform=hanqi\nGatewayId=HQ1\n[Mqtt]\nHost=broker\n"        \
	"[Module default]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"
#define TENCENT_WITH_LAMP                                                      \
	"[Cloud]\nPlatform=tencent\nProductId=P\nDeviceName=gw\n"              \
	"[Mqtt]\nHost=broker\n"                                                \
	"[Module default]\nType=binary\nPath=/opt/app\nVersion=0.1\n"          \
	"[Device lamp]\n[Module lamp/default]\n"                               \
	"Type=exec\nHandler=/bin/true\nVersion=3\n"
#define EZTCLOUD_WITH_TWO                                                      \
	"[Cloud]\nPlatform=eztcloud\nUsername=DU_1\n[Mqtt]\nHost=broker\n"     \
	"[Module main]\nType=binary\nPath=/opt/app\nVersion=1.0.1\n"           \
	"[Device a]\n[Module a/main]\nType=exec\n"                             \
	"Handler=/bin/true\nVersion=1\n"                                       \
	"[Device b]\n[Module b/main]\nType=exec\n"                             \
	"Handler=/bin/true\nVersion=1\n"

/* session_stop() waits so long for the reports. */
#define FLUSH_MS 5000

static void offer(struct updater_fixture *fx)
{
	fixture_deliver(fx, "hanqi/gateway/HQ1/command",
			"{'msgType':'ota_upgrade','msgId':'m1','uuid':'HQ1',"
			"'data':{'version':'1.0.2','firmwareUrl':'http://web/fw',"
			"'fileSize':15,'md5':'" MD5 "'}}");
}

static bool is_online(const struct updater_fixture *fx)
{
	return session_is_online(fx->updater->session);
}

/* Of an earlier run. */
static void leave_a_report(struct updater_fixture *fx)
{
	OTA_CLEANUP(freep) char *path = fixture_path(fx, "outbox");

	assert_true(file_make_dirs(path, 0700, &fx->err));
	fixture_write(fx, "outbox/1.json",
		      "{\"topic\":\"left\",\"payload\":\"over\",\"qos\":1,"
		      "\"class\":\"result\"}");
}

static size_t count_topic(const char *topic)
{
	size_t count = 0;

	for (size_t i = 0; i < fake_mqtt_count(); i++)
		count += fake_mqtt_at(i)->kind == FAKE_MQTT_PUBLISH &&
			 strcmp(fake_mqtt_at(i)->topic, topic) == 0;
	return count;
}

static void a_report_on_its_way_is_sent_again_after_a_loss(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, HANQI);
	fixture_skip(fx);
	fake_mqtt_hold(true);
	offer(fx);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "'completed'"), 1);
	fixture_skip(fx);
	fake_mqtt_drop();
	assert_int_equal(fixture_entries(fx, "outbox"), 1);

	fake_mqtt_hold(false);
	fake_loop_advance(fx->loop, 2000);
	assert_int_equal(fixture_count(fx, "'completed'"), 1);
	assert_int_equal(fixture_entries(fx, "outbox"), 0);
	assert_int_equal(fixture_entries(fx, "jobs"), 0);
}

static void a_report_that_the_broker_takes_only_later_is_not_lost(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, HANQI);
	fixture_skip(fx);
	fake_mqtt_hold(true);
	fake_mqtt_take_only(2);
	offer(fx);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "'completed'"), 0);
	assert_int_equal(fixture_entries(fx, "outbox"), 1);

	fake_mqtt_take_only(SIZE_MAX);
	fake_mqtt_hold(false);
	fake_loop_settle(fx->loop);
	assert_int_equal(fixture_count(fx, "'completed'"), 1);
	assert_int_equal(fixture_entries(fx, "outbox"), 0);
}

static void what_an_old_connection_waited_for_holds_up_no_new_one(void **state)
{
	struct updater_fixture *fx = *state;

	fake_mqtt_hold(true);
	fixture_start(fx, HANQI);
	assert_true(fake_mqtt_accept());
	assert_false(is_online(fx)); /* subscribing */
	fake_mqtt_drop();

	fake_mqtt_hold(false);
	fake_loop_advance(fx->loop, 2000);
	assert_true(is_online(fx));
}

static void without_its_topics_nobody_is_online(void **state)
{
	struct updater_fixture *fx = *state;

	fake_mqtt_refuse("command");
	fixture_start(fx, HANQI);
	expect_subscribed(fx, "hanqi/gateway/HQ1/command");
	expect_nothing(fx);
	assert_false(is_online(fx));

	fake_loop_advance(fx->loop, 59000);
	expect_nothing(fx);
	fake_mqtt_refuse(NULL);
	fake_loop_advance(fx->loop, 1000);
	expect_subscribed(fx, "hanqi/gateway/HQ1/command");
	assert_int_equal(fixture_count(fx, "'heartbeat'"), 1);
	assert_true(is_online(fx));
}

static void a_device_asks_to_come_online_until_it_is_answered(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, TENCENT_WITH_LAMP);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(count_topic("$gateway/operation/P/gw"), i);
		fake_loop_advance(fx->loop, 5000);
	}
}

static void every_version_goes_before_any_report(void **state)
{
	struct updater_fixture *fx = *state;

	leave_a_report(fx);
	fake_mqtt_hold(true);
	fixture_start(fx, EZTCLOUD_WITH_TWO);
	assert_true(fake_mqtt_accept());
	while (count_topic("left") == 0) {
		assert_true(fake_mqtt_acknowledge());
		fake_loop_settle(fx->loop);
	}
	for (size_t i = 0; i < fake_mqtt_count(); i++) {
		const struct fake_mqtt_packet *packet = fake_mqtt_at(i);

		if (packet->topic && strcmp(packet->topic, "left") == 0)
			break;
		assert_true(packet->acknowledged);
	}
	assert_int_equal(fixture_count(fx, "'version':'1'"), 2);
}

static void people_see_whether_it_is_connected(void **state)
{
	struct updater_fixture *fx = *state;
	struct updater_status status;

	fake_mqtt_set_reachable(false);
	fixture_start(fx, HANQI);
	updater_status(fx->updater, &status);
	assert_false(status.connected);
	assert_non_null(status.trouble);
	fake_mqtt_set_reachable(true);
	fake_loop_advance(fx->loop, 2000);
	updater_status(fx->updater, &status);
	assert_true(status.connected);
	assert_null(status.trouble);
	fake_mqtt_set_reachable(false);
	fake_mqtt_drop();
	updater_status(fx->updater, &status);
	assert_false(status.connected);
	assert_non_null(status.trouble);
}

/* Its pause lets it tell only one version at a time. */
static void versions_cut_off_hold_up_no_report(void **state)
{
	struct updater_fixture *fx = *state;

	leave_a_report(fx);
	fixture_start(fx, EZTCLOUD_WITH_TWO
		      "[Module app]\nType=exec\nHandler=/bin/true\nVersion=1\n");
	assert_int_equal(count_topic("left"), 0);
	fake_mqtt_drop();
	fake_loop_advance(fx->loop, 10000);
	assert_int_equal(count_topic("left"), 1);
}

static void count_stop(void *user_data)
{
	struct updater_fixture *fx = user_data;

	fx->stops++;
}

static void stop_with_a_report_on_its_way(struct updater_fixture *fx)
{
	fixture_start(fx, HANQI);
	fake_mqtt_hold(true);
	offer(fx);
	fake_loop_settle(fx->loop);
	updater_stop(fx->updater, count_stop, fx);
	fake_loop_advance(fx->loop, FLUSH_MS - 1);
	assert_int_equal(fx->stops, 0);
}

static void stopping_waits_for_the_reports(void **state)
{
	struct updater_fixture *fx = *state;

	stop_with_a_report_on_its_way(fx);
	fake_mqtt_acknowledge_all();
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->stops, 1);
	assert_int_equal(fixture_entries(fx, "outbox"), 0);
}

static void stopping_waits_for_no_report_for_ever(void **state)
{
	struct updater_fixture *fx = *state;

	stop_with_a_report_on_its_way(fx);
	fake_loop_advance(fx->loop, 2);
	assert_int_equal(fx->stops, 1);
	assert_int_equal(fixture_entries(fx, "outbox"), 1);
}

static void on_exec_failed(void *installation, const struct ota_error *err)
{
	unsigned *told = installation;

	assert_int_equal(err->kind, OTA_ERROR_RESTART_FAILED);
	(*told)++;
}

static void an_exec_that_fails_is_told_and_connects_again(void **state)
{
	struct updater_fixture *fx = *state;
	unsigned told = 0;

	fixture_start(fx, HANQI);
	updater_reexec(fx->updater, "/fake/otad", on_exec_failed, &told);
	fake_loop_settle(fx->loop);
	assert_int_equal(fx->execs, 1);
	assert_int_equal(told, 1);
	fake_loop_advance(fx->loop, 1000);
	assert_true(is_online(fx));
}

/* The broker has its acknowledgement, and will not send it again. */
static void an_offer_that_comes_while_stopping_is_kept(void **state)
{
	struct updater_fixture *fx = *state;

	fixture_start(fx, HANQI);
	fake_fetch_hold(true);
	updater_stop(fx->updater, count_stop, fx);
	offer(fx);
	assert_int_equal(fixture_entries(fx, "jobs"), 1);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, updater_fixture_set_up,             \
					updater_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_report_on_its_way_is_sent_again_after_a_loss),
		TEST(a_report_that_the_broker_takes_only_later_is_not_lost),
		TEST(what_an_old_connection_waited_for_holds_up_no_new_one),
		TEST(without_its_topics_nobody_is_online),
		TEST(a_device_asks_to_come_online_until_it_is_answered),
		TEST(every_version_goes_before_any_report),
		TEST(people_see_whether_it_is_connected),
		TEST(versions_cut_off_hold_up_no_report),
		TEST(stopping_waits_for_the_reports),
		TEST(stopping_waits_for_no_report_for_ever),
		TEST(an_exec_that_fails_is_told_and_connects_again),
		TEST(an_offer_that_comes_while_stopping_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
