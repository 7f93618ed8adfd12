#include "answer.h"

#include "headers.h"

#include <string.h>

static struct answer mean(enum answer_meaning meaning)
{
	return (struct answer){
		.meaning = meaning,
		.total_bytes = ANSWER_UNKNOWN,
		.end_byte = ANSWER_UNKNOWN,
	};
}

static void wrong_size(const struct question *question, uint64_t total,
		       struct ota_error *err)
{
	ota_fail(err, OTA_ERROR_SIZE_MISMATCH,
		 "the server has %llu bytes, announced were %llu",
		 (unsigned long long)total,
		 (unsigned long long)question->announced_bytes);
}

/* Whether content of `total` bytes is what the offer announced. */
static bool size_fits(const struct question *question, uint64_t total,
		      struct answer *answer)
{
	if (total > question->max_bytes) {
		answer->meaning = ANSWER_REFUSE;
		return ota_fail(&answer->err, OTA_ERROR_SIZE_MISMATCH,
				"the server has %llu bytes, MaxSize= is %llu",
				(unsigned long long)total,
				(unsigned long long)question->max_bytes);
	}
	if (question->announced_bytes == ANSWER_UNKNOWN ||
	    question->announced_bytes == total)
		return true;
	/* A server may still be getting its copy; it cannot have too much. */
	answer->meaning = total > question->announced_bytes ? ANSWER_REFUSE
							    : ANSWER_RETRY;
	wrong_size(question, total, &answer->err);
	return false;
}

static struct answer judge_whole(const struct question *question,
				 const struct response *response)
{
	struct answer answer = mean(ANSWER_WHOLE);

	answer.total_bytes = question->announced_bytes;
	if (response->content_bytes != RESPONSE_UNKNOWN) {
		if (!size_fits(question, response->content_bytes, &answer))
			return answer;
		answer.total_bytes = response->content_bytes;
	}
	answer.end_byte = answer.total_bytes;
	return answer;
}

static bool same_content(const struct question *question,
			 const struct response *response)
{
	uint64_t total = response->range.total_bytes;
	const char *validator = response_validator(response);

	if (question->known_bytes != ANSWER_UNKNOWN &&
	    total != RESPONSE_UNKNOWN && total != question->known_bytes)
		return false;
	return !question->validator[0] || !validator[0] ||
	       strcmp(question->validator, validator) == 0;
}

static bool range_fits(const struct question *question,
		       const struct response *response)
{
	const struct content_range *range = &response->range;
	uint64_t size;

	if (!response->range_valid || !range->has_range ||
	    range->first_byte != question->first_byte)
		return false;
	size = range->last_byte - range->first_byte + 1;
	return response->content_bytes == RESPONSE_UNKNOWN ||
	       response->content_bytes == size;
}

static struct answer judge_part(const struct question *question,
				const struct response *response)
{
	struct answer answer = mean(ANSWER_DISCARD);
	uint64_t total;

	ota_fail(&answer.err, OTA_ERROR_HTTP,
		 "the server sent another part than asked for, or of another "
		 "file");
	if (!range_fits(question, response))
		return answer;
	/* Nothing at hand: then it is the offer's size that must fit. */
	if (question->first_byte > 0 && !same_content(question, response))
		return answer;
	total = response->range.total_bytes;
	if (total == RESPONSE_UNKNOWN)
		total = question->known_bytes;
	if (total == ANSWER_UNKNOWN)
		return answer;
	if (!size_fits(question, total, &answer))
		return answer;
	if (response->range.last_byte >= total)
		return answer;
	answer.meaning = ANSWER_APPEND;
	answer.total_bytes = total;
	answer.end_byte = response->range.last_byte + 1;
	return answer;
}

static struct answer judge_unsatisfiable(const struct question *question,
					 const struct response *response)
{
	bool told = response->range_valid && !response->range.has_range;
	uint64_t told_bytes = response->range.total_bytes;
	uint64_t total = question->known_bytes;
	struct answer answer = mean(ANSWER_DISCARD);

	ota_fail(&answer.err, OTA_ERROR_HTTP,
		 "the server answered 416: it has nothing at byte %llu",
		 (unsigned long long)question->first_byte);
	if (!question->ranged) {
		answer.meaning = ANSWER_REFUSE;
		return answer;
	}
	if (told && question->announced_bytes != ANSWER_UNKNOWN &&
	    question->announced_bytes != told_bytes)
		wrong_size(question, told_bytes, &answer.err);
	if (told && total == ANSWER_UNKNOWN)
		total = told_bytes;
	if (question->first_byte > 0 && total == question->first_byte) {
		answer = mean(ANSWER_COMPLETE);
		answer.total_bytes = total;
	}
	return answer;
}

struct answer answer_judge(const struct question *question,
			   const struct response *response)
{
	if (response->status == 206)
		return judge_part(question, response);
	if (response->status == 416)
		return judge_unsatisfiable(question, response);
	return judge_whole(question, response);
}
