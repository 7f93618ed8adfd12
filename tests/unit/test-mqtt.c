#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "otad/base/loop.h"
#include "otad/mqtt/mqtt.h"

#include "support/broker.h"
#include "support/mqtt-client.h"

#include "../../src/mqtt/mqtt-timing.h"

struct fixture {
	struct loop *loop;
	struct broker *broker;
	struct mqtt_client client;
	struct mqtt_client peer; /* stands for the platform */
};

static void start_broker(struct fixture *fx,
			 const struct broker_options *options)
{
	fx->broker = broker_start(options);
}

static void init_client(struct fixture *fx, struct mqtt_client *client)
{
	const struct mqtt_options options = {
		.port = broker_port(fx->broker),
		.clean_session = true,
	};

	mqtt_client_init(client, fx->loop, &options);
}

static void connect_peer(struct fixture *fx, const char *topic)
{
	init_client(fx, &fx->peer);
	fx->peer.topic = topic;
	mqtt_client_start(&fx->peer);
	wait_until(&fx->peer, &fx->peer.granted, 1);
}

static int set_up(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	fx->loop = loop_new(NULL);
	assert_non_null(fx->loop);
	*state = fx;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fx = *state;

	mqtt_free(fx->client.mqtt);
	mqtt_free(fx->peer.mqtt);
	broker_stop(fx->broker);
	loop_free(fx->loop);
	free(fx);
	return 0;
}

static void a_message_goes_out_and_comes_back(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->topic = "ota/1";
	client->greeting = "hello";
	mqtt_client_start(client);
	assert_int_equal(client->connected, 0);

	wait_until(client, &client->messages, 1);
	wait_until(client, &client->published, 1);

	assert_int_equal(client->connected, 1);
	assert_int_equal(client->granted, 1);
	assert_int_equal(client->last_subscribed_id, client->subscribe_id);
	assert_int_equal(client->last_published_id, client->publish_id);
	assert_string_equal(client->got_topic, "ota/1");
	assert_string_equal(client->got_payload, "hello");
	assert_int_equal(client->got_size, 5);
	assert_int_equal(client->names.asked, 1);
	assert_int_equal(client->disconnected, 0);
}

static void a_qos_0_message_counts_as_published_later(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	connect_peer(fx, "ota/1");
	init_client(fx, client);
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);
	/* Nothing else to do, so that nothing else wakes it. */
	turn_for(client, 60);

	mqtt_client_publish(client, "ota/1", "quick", 0);
	assert_int_equal(client->published, 0);

	wait_until(client, &client->published, 1);
	assert_int_equal(client->last_published_id, client->publish_id);
	wait_until(&fx->peer, &fx->peer.messages, 1);
	assert_string_equal(fx->peer.got_payload, "quick");
}

static void nothing_is_sent_without_a_connection(void **state)
{
	struct fixture *fx = *state;
	struct ota_error err = OTA_ERROR_INIT;
	int id = -1;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, &fx->client);

	assert_false(mqtt_publish(fx->client.mqtt, "t", "x", 1, 1, &id, &err));
	assert_int_equal(err.kind, OTA_ERROR_NETWORK);
	assert_false(mqtt_subscribe(fx->client.mqtt, "t", 1, &id, &err));
	assert_int_equal(err.kind, OTA_ERROR_NETWORK);
	assert_false(mqtt_unsubscribe(fx->client.mqtt, "t", &err));
	assert_int_equal(err.kind, OTA_ERROR_NETWORK);
	assert_int_equal(id, -1);
}

/* The library would refuse it, and not for a moment. */
static void the_shortest_keep_alive_is_the_librarys(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_options options = {.keep_alive_ms = 1000,
				       .clean_session = true};

	start_broker(fx, &(struct broker_options){0});
	options.port = broker_port(fx->broker);
	mqtt_client_init(&fx->client, fx->loop, &options);
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);
	assert_int_equal(fx->client.disconnected, 0);
}

static void unusable_messages_are_refused(void **state)
{
	static const char *const topics[] = {"", "a/+", "#", "bad\x80utf8",
					     "line\nbreak"};
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;
	struct ota_error err;
	int id;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);

	for (size_t i = 0; i < OTA_ARRAY_SIZE(topics); i++)
		assert_false(mqtt_publish(client->mqtt, topics[i], "x", 1, 1,
					  &id, &err));
	assert_false(mqtt_publish(client->mqtt, "t", "", 0, 1, &id, &err));

	/* None of it hurt the connection. */
	mqtt_client_publish(client, "t", "x", 1);
	wait_until(client, &client->published, 1);
	assert_int_equal(client->disconnected, 0);
}

static void a_wrong_password_waits_long(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){.username = "gw",
						  .password = "right"});
	init_client(fx, client);
	client->username = "gw";
	client->password = "wrong";
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);

	assert_int_equal(client->connected, 0);
	assert_int_equal(client->why.kind, OTA_ERROR_PERMISSION);
	assert_non_null(strstr(client->why.text, "broker.test"));
	assert_non_null(strstr(client->why.text, "refused: not authorised"));
	assert_in_range(mqtt_retry_delay_ms(client->mqtt),
			mqtt_client_quick.backoff_max_ms * 8 / 10,
			mqtt_client_quick.backoff_max_ms * 12 / 10);
}

static void the_right_password_is_let_in(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){.username = "gw",
						  .password = "right"});
	init_client(fx, client);
	client->username = "gw";
	client->password = "right";
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);
	assert_int_equal(client->disconnected, 0);
}

static void missing_credentials_are_told_and_asked_for_again(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->no_credentials = true;
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "no password file"));

	client->no_credentials = false;
	wait_until(client, &client->connected, 1);
}

static void a_broker_that_returns_is_found_again(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->topic = "ota/1";
	mqtt_client_start(client);
	wait_until(client, &client->granted, 1);

	broker_kill(fx->broker);
	wait_until(client, &client->disconnected, 1);
	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
	/* At least one attempt in vain. */
	wait_until(client, &client->disconnected, 2);

	broker_restart(fx->broker);
	wait_until(client, &client->granted, 2);
	mqtt_client_publish(client, "ota/1", "again", 1);
	wait_until(client, &client->messages, 1);
	assert_string_equal(client->got_payload, "again");
}

/* Of which the shortest wait of a million is still beyond any other wait. */
#define DAY_MS UINT64_C(86400000)

static void after_a_loss_it_comes_back_at_a_random_moment(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	mqtt_client_init(client, fx->loop,
			 &(struct mqtt_options){
				 .port = broker_port(fx->broker),
				 .clean_session = true,
				 .reconnect_spread_ms = DAY_MS,
			 });
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);

	broker_kill(fx->broker);
	wait_until(client, &client->disconnected, 1);
	assert_in_range(mqtt_retry_delay_ms(client->mqtt),
			mqtt_client_quick.backoff_max_ms, 2 * DAY_MS);
	/* What fails from there on has its place among the others. */
	assert_true(mqtt_start(client->mqtt, 0, NULL));
	wait_until(client, &client->disconnected, 2);
	assert_in_range(mqtt_retry_delay_ms(client->mqtt), 1,
			mqtt_client_quick.backoff_max_ms);
}

static void a_spread_makes_the_longest_wait_longer(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){.username = "gw",
						  .password = "right"});
	mqtt_client_init(client, fx->loop,
			 &(struct mqtt_options){
				 .port = broker_port(fx->broker),
				 .clean_session = true,
				 .reconnect_spread_ms = DAY_MS,
			 });
	client->username = "gw";
	client->password = "wrong";
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);
	assert_in_range(mqtt_retry_delay_ms(client->mqtt), DAY_MS * 8 / 10,
			DAY_MS * 12 / 10);
}

static void the_first_connect_may_be_at_a_random_moment(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	assert_true(mqtt_start(client->mqtt, DAY_MS, NULL));
	assert_in_range(mqtt_retry_delay_ms(client->mqtt), 1000, DAY_MS);
	assert_true(mqtt_start(client->mqtt, 0, NULL));
	wait_until(client, &client->connected, 1);
}

static void a_subscription_shortens_the_wait_again(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	broker_kill(fx->broker);
	init_client(fx, client);
	client->topic = "ota/1";
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 3);
	assert_in_range(mqtt_retry_delay_ms(client->mqtt), 320, 480);

	broker_restart(fx->broker);
	wait_until(client, &client->granted, 1);
	broker_kill(fx->broker);
	wait_until(client, &client->disconnected, 4);
	assert_in_range(mqtt_retry_delay_ms(client->mqtt), 80, 120);
}

static void a_lost_race_for_the_client_id_reconnects(void **state)
{
	struct fixture *fx = *state;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, &fx->client);
	fx->client.client_id = "twin";
	mqtt_client_start(&fx->client);
	wait_until(&fx->client, &fx->client.connected, 1);

	init_client(fx, &fx->peer);
	fx->peer.client_id = "twin";
	mqtt_client_start(&fx->peer);
	wait_until(&fx->client, &fx->client.disconnected, 1);
	wait_until(&fx->client, &fx->client.connected, 2);
}

static void a_closed_port_is_told_without_a_busy_loop(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	broker_kill(fx->broker);
	init_client(fx, client);
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 3);

	assert_int_equal(client->why.kind, OTA_ERROR_NETWORK);
	assert_non_null(strstr(client->why.text, "refused"));
	/* 300 ms of waiting in rounds of 50 ms, and a few for each attempt. */
	assert_in_range(client->rounds, 3, 60);
}

static void a_name_that_does_not_resolve_is_told(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->names.unknown_name = true;
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "no such name"));

	client->names.unknown_name = false;
	wait_until(client, &client->connected, 1);
	assert_int_equal(client->names.asked, 2);
}

static void a_resolver_that_says_nothing_is_given_up(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;
	struct mqtt_timing timing = mqtt_client_quick;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	timing.deadline_ms = 100;
	mqtt_set_timing(client->mqtt, &timing);
	client->names.silent = true;
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);

	assert_int_equal(client->why.kind, OTA_ERROR_TIMEOUT);
	assert_int_equal(client->names.cancelled, 1);
}

static void a_resolver_that_answers_with_a_name_does_not_block(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->names.address = "localhost";
	mqtt_client_start(client);
	wait_until(client, &client->disconnected, 1);
	assert_non_null(strstr(client->why.text, "no address"));
}

static void an_address_needs_no_resolver(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;
	struct mqtt_options options = {.host = "127.0.0.1",
				       .clean_session = true};

	start_broker(fx, &(struct broker_options){0});
	options.port = broker_port(fx->broker);
	mqtt_client_init(client, fx->loop, &options);
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);
	assert_int_equal(client->names.asked, 0);
}

static void stop_sends_what_is_queued_first(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	connect_peer(fx, "ota/#");
	init_client(fx, client);
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);

	/* More than may be in flight. */
	for (int i = 0; i < 100; i++)
		mqtt_client_publish(client, "ota/1", "report", 1);
	mqtt_client_publish(client, "ota/1", "last", 0);
	mqtt_client_stop(client);
	assert_int_equal(client->stopped, 0);
	wait_until(client, &client->stopped, 1);

	assert_int_equal(client->published, 101);
	assert_int_equal(client->disconnected, 0);
	assert_false(mqtt_is_connected(client->mqtt));
	wait_until(&fx->peer, &fx->peer.messages, 101);
}

static void stop_without_a_connection_is_told_later(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->names.silent = true;
	mqtt_client_start(client);
	wait_until(client, &client->names.asked, 1);

	mqtt_client_stop(client);
	assert_int_equal(client->stopped, 0);
	wait_until(client, &client->stopped, 1);
	assert_int_equal(client->names.cancelled, 1);
	assert_int_equal(client->disconnected, 0);
}

static void a_stopped_connection_can_start_again(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	mqtt_client_start(client);
	wait_until(client, &client->connected, 1);
	mqtt_client_stop(client);
	wait_until(client, &client->stopped, 1);

	client->stopped = 0;
	mqtt_client_start(client);
	wait_until(client, &client->connected, 2);
}

static void what_came_while_away_is_delivered_on_return(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;
	struct mqtt_options options = {.clean_session = false};

	start_broker(fx, &(struct broker_options){0});
	connect_peer(fx, "elsewhere");
	options.port = broker_port(fx->broker);
	mqtt_client_init(client, fx->loop, &options);
	client->client_id = "gateway-1";
	client->topic = "ota/1";
	mqtt_client_start(client);
	wait_until(client, &client->granted, 1);
	mqtt_client_stop(client);
	wait_until(client, &client->stopped, 1);

	for (int i = 0; i < 3; i++)
		mqtt_client_publish(&fx->peer, "ota/1", "while away", 1);
	wait_until(&fx->peer, &fx->peer.published, 3);

	client->stopped = 0;
	mqtt_client_start(client);
	wait_until(client, &client->messages, 3);
	assert_string_equal(client->got_payload, "while away");
}

static void a_random_client_leaves_no_session_behind(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;
	struct mqtt_options options = {.clean_session = false};

	start_broker(fx, &(struct broker_options){0});
	connect_peer(fx, "elsewhere");
	options.port = broker_port(fx->broker);
	mqtt_client_init(client, fx->loop, &options);
	client->topic = "ota/1";
	mqtt_client_start(client);
	wait_until(client, &client->granted, 1);
	mqtt_client_stop(client);
	wait_until(client, &client->stopped, 1);
	mqtt_client_publish(&fx->peer, "ota/1", "while away", 1);
	wait_until(&fx->peer, &fx->peer.published, 1);

	client->stopped = 0;
	mqtt_client_start(client);
	wait_until(client, &client->granted, 2);
	mqtt_client_publish(&fx->peer, "ota/1", "now", 1);
	wait_until(client, &client->messages, 1);
	assert_string_equal(client->got_payload, "now");
}

static void it_may_be_freed_by_its_own_message(void **state)
{
	struct fixture *fx = *state;
	struct mqtt_client *client = &fx->client;

	start_broker(fx, &(struct broker_options){0});
	init_client(fx, client);
	client->topic = "ota/1";
	client->greeting = "the end";
	client->free_at_message = true;
	mqtt_client_start(client);
	wait_until(client, &client->messages, 1);
	assert_null(client->mqtt);
	turn_for(client, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_message_goes_out_and_comes_back),
		T(a_qos_0_message_counts_as_published_later),
		T(nothing_is_sent_without_a_connection),
		T(the_shortest_keep_alive_is_the_librarys),
		T(unusable_messages_are_refused),
		T(a_wrong_password_waits_long),
		T(the_right_password_is_let_in),
		T(missing_credentials_are_told_and_asked_for_again),
		T(a_broker_that_returns_is_found_again),
		T(after_a_loss_it_comes_back_at_a_random_moment),
		T(a_spread_makes_the_longest_wait_longer),
		T(the_first_connect_may_be_at_a_random_moment),
		T(a_subscription_shortens_the_wait_again),
		T(a_lost_race_for_the_client_id_reconnects),
		T(a_closed_port_is_told_without_a_busy_loop),
		T(a_name_that_does_not_resolve_is_told),
		T(a_resolver_that_says_nothing_is_given_up),
		T(a_resolver_that_answers_with_a_name_does_not_block),
		T(an_address_needs_no_resolver),
		T(stop_sends_what_is_queued_first),
		T(stop_without_a_connection_is_told_later),
		T(a_stopped_connection_can_start_again),
		T(what_came_while_away_is_delivered_on_return),
		T(a_random_client_leaves_no_session_behind),
		T(it_may_be_freed_by_its_own_message),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
