/* SPDX-License-Identifier: BSD-3-Clause */
#include "cases.h"

#include <string.h>

#include "hf/abi.h"
#include "fake.h"

/* --- calls --- */

#define CALL(...)                   \
	{                           \
		ACT_CALL,           \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define EVENT(...)                  \
	{                           \
		ACT_EVENT,          \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
#define VCPU_ON(target)                                          \
	{                                                        \
		ACT_VCPU_ON,                                     \
		{                                                \
			target, HF_SECONDARY_RAM_BASE + 64, 0x77 \
		}                                                \
	}
/* CALL() of the CPU that goes on and off. */
#define CPU_ACT(kind, ...)                          \
	{                                           \
		{kind, {CASES_CPU, ##__VA_ARGS__}}, \
		{                                   \
			{                           \
				ACT_END             \
			}                           \
		}                                   \
	}
#define CPU_ON(page, argument) \
	CPU_ACT(ACT_CPU_ON, FAKE_PRIMARY_BASE + (page)*PAGE_SIZE, argument)
#define CPU_OFF_ CPU_ACT(ACT_CPU_OFF)
#define CPU_UP CPU_ACT(ACT_CPU_UP)
#define CPU_REFUSED CPU_ACT(ACT_CPU_REFUSED)

#define READ CALL(HF_RPC_READ_REQUEST, 0)
#define WAIT CALL(HF_RPC_READ_REQUEST, 1)
#define ACK CALL(HF_RPC_ACK)
#define REPLY(size, ack) CALL(HF_RPC_REPLY, size, ack)
#define CONFIGURE_WITH(page)                                            \
	CALL(HF_VM_CONFIGURE, HF_SECONDARY_RAM_BASE + (page)*PAGE_SIZE, \
	     HF_SECONDARY_RAM_BASE + ((page) + 1) * PAGE_SIZE)
#define CONFIGURE CONFIGURE_WITH(0)
#define WFI EVENT(SPEC_WFI, 5)
#define OFF EVENT(SPEC_TURNS_OFF)
#define ABORT(why) EVENT(SPEC_ABORT, why)

/* One call of the primary. */
#define PRIMARY(...)                    \
	{                               \
		CALL(__VA_ARGS__),      \
		{                       \
			{               \
				ACT_END \
			}               \
		}                       \
	}
#define RUN(vm, vcpu, ...)                   \
	{                                    \
		CALL(HF_VCPU_RUN, vm, vcpu), \
		{                            \
			__VA_ARGS__          \
		}                            \
	}
#define IDLE            \
	{               \
		ACT_END \
	}
#define REQUEST(vm, size) PRIMARY(HF_RPC_REQUEST, vm, size)

#define ACTOR(text, ...)                           \
	{                                          \
		text, (const struct primary_act[]) \
		{                                  \
			__VA_ARGS__,               \
			{                          \
				IDLE               \
			}                          \
		}                                  \
	}

/* --- states --- */

#define CONFIGURE_PRIMARY_WITH(page)                                   \
	PRIMARY(HF_VM_CONFIGURE, FAKE_PRIMARY_BASE + (page)*PAGE_SIZE, \
		FAKE_PRIMARY_BASE + ((page) + 1) * PAGE_SIZE)
#define CONFIGURE_PRIMARY CONFIGURE_PRIMARY_WITH(0)
#define ALL_ON RUN(0, 0, VCPU_ON(1)), RUN(1, 0, VCPU_ON(1))
#define CONFIGURED \
	CONFIGURE_PRIMARY, ALL_ON, RUN(0, 0, CONFIGURE), RUN(1, 0, CONFIGURE)

const struct actor states[] = {
	ACTOR("idle", CONFIGURED),
	ACTOR("pending", CONFIGURED, REQUEST(0, 8)),
	ACTOR("inflight", CONFIGURED, REQUEST(0, 8), RUN(0, 0, READ)),
	ACTOR("waiting", CONFIGURED, RUN(0, 0, WAIT)),
	ACTOR("other waits", CONFIGURED, RUN(0, 1, WAIT)),
	ACTOR("two wait", CONFIGURED, RUN(0, 1, WAIT), RUN(0, 0, WAIT)),
	ACTOR("inflight, waiting", CONFIGURED, RUN(0, 1, WAIT), REQUEST(0, 4),
	      RUN(0, 0, WAIT)),
	ACTOR("off, three vCPUs", CONFIGURED, RUN(0, 0, VCPU_ON(2)),
	      RUN(0, 1, OFF)),
	ACTOR("aborted", CONFIGURED, RUN(0, 1, WAIT), RUN(0, 0, ABORT(2))),
	ACTOR("primary inflight", CONFIGURED, RUN(1, 0, REPLY(8, 0))),
	ACTOR("primary and vm0 inflight", CONFIGURED, REQUEST(0, 8),
	      RUN(0, 0, READ, REPLY(8, 0))),
	ACTOR("primary inflight, pending", CONFIGURED, RUN(1, 0, REPLY(8, 0)),
	      REQUEST(0, 16)),
	ACTOR("vm0 not configured", CONFIGURE_PRIMARY, ALL_ON,
	      RUN(1, 0, CONFIGURE)),
	ACTOR("primary not configured", ALL_ON, RUN(0, 0, CONFIGURE)),
	ACTOR("message wanted", CONFIGURED, PRIMARY(HF_SET_OPTIONS, 1)),
	ACTOR("waiting, primary inflight", CONFIGURED, RUN(1, 0, REPLY(8, 0)),
	      RUN(0, 0, WAIT)),
	ACTOR("inflight, off", CONFIGURED, REQUEST(0, 8), RUN(0, 0, READ),
	      RUN(0, 1, OFF)),
	ACTOR("CPU pending", CPU_ON(0, 1)),
	ACTOR("CPU on", CPU_ON(0, 1), CPU_UP),
};
const unsigned int state_count = ARRAY_SIZE(states);

/* --- actors --- */

const struct actor actors_all[] = {
	ACTOR("run v0", RUN(0, 0)),
	ACTOR("run v0: WFI", RUN(0, 0, WFI)),
	ACTOR("run v0: read", RUN(0, 0, READ)),
	ACTOR("run v0: wait", RUN(0, 0, WAIT)),
	ACTOR("run v0: ack", RUN(0, 0, ACK)),
	ACTOR("run v0: reply", RUN(0, 0, REPLY(8, 0))),
	ACTOR("run v0: reply+ack", RUN(0, 0, REPLY(12, 1))),
	ACTOR("run v0: reply too long", RUN(0, 0, REPLY(4097, 1))),
	ACTOR("run v0: configure", RUN(0, 0, CONFIGURE)),
	ACTOR("run v0: turn v1 on", RUN(0, 0, VCPU_ON(1))),
	ACTOR("run v0: off", RUN(0, 0, OFF)),
	ACTOR("run v0: abort", RUN(0, 0, ABORT(1))),
	ACTOR("run v0: read, ack", RUN(0, 0, READ, ACK)),
	ACTOR("run v0: ack, wait", RUN(0, 0, ACK, WAIT)),
	ACTOR("run v0: wait, reply+ack", RUN(0, 0, WAIT, REPLY(8, 1))),
	ACTOR("run v0: reply+ack, run v0: wait", RUN(0, 0, REPLY(8, 1)),
	      RUN(0, 0, WAIT)),
	ACTOR("run v1", RUN(0, 1)),
	ACTOR("run v1: read", RUN(0, 1, READ)),
	ACTOR("run v1: wait", RUN(0, 1, WAIT)),
	ACTOR("run v1: ack", RUN(0, 1, ACK)),
	ACTOR("run v1: reply+ack", RUN(0, 1, REPLY(4, 1))),
	ACTOR("run v1: configure", RUN(0, 1, CONFIGURE)),
	ACTOR("run v1: turn v0 on", RUN(0, 1, VCPU_ON(0))),
	ACTOR("run v1: off", RUN(0, 1, OFF)),
	ACTOR("run v1: abort", RUN(0, 1, ABORT(3))),
	ACTOR("run v1: ack, wait", RUN(0, 1, ACK, WAIT)),
	ACTOR("run v2: turn v1 on", RUN(0, 2, VCPU_ON(1))),
	ACTOR("run vm1", RUN(1, 0)),
	ACTOR("run vm1: wait", RUN(1, 0, WAIT)),
	ACTOR("run vm1: reply+ack", RUN(1, 0, REPLY(16, 1))),
	ACTOR("run vm1: abort", RUN(1, 0, ABORT(4))),
	ACTOR("run no VM", RUN(CASES_VMS, 0)),
	ACTOR("request 8", REQUEST(0, 8)),
	ACTOR("request 0", REQUEST(0, 0)),
	ACTOR("request vm1", REQUEST(1, 12)),
	ACTOR("ack", PRIMARY(HF_RPC_ACK)),
	ACTOR("configure", CONFIGURE_PRIMARY),
	ACTOR("options", PRIMARY(HF_SET_OPTIONS, 1)),
	ACTOR("options off", PRIMARY(HF_SET_OPTIONS, 0)),
	ACTOR("counts", PRIMARY(HF_VM_GET_COUNT),
	      PRIMARY(HF_VCPU_GET_COUNT, 1)),
	ACTOR("configure other pages", CONFIGURE_PRIMARY_WITH(2)),
	ACTOR("run v1: configure other pages", RUN(0, 1, CONFIGURE_WITH(2))),
	ACTOR("CPU on", CPU_ON(1, 2)),
	ACTOR("CPU on elsewhere", CPU_ON(2, 3)),
	ACTOR("CPU up", CPU_UP),
	ACTOR("CPU off", CPU_OFF_),
	ACTOR("CPU off, up", CPU_OFF_, CPU_UP),
	ACTOR("CPU off, refused", CPU_REFUSED),
	ACTOR("request, run v0", REQUEST(0, 8), RUN(0, 0)),
	ACTOR("request, run v1: reply+ack", REQUEST(0, 4),
	      RUN(0, 1, REPLY(4, 1))),
	ACTOR("request, options", REQUEST(0, 8), PRIMARY(HF_SET_OPTIONS, 1)),
	ACTOR("ack, run v0: reply", PRIMARY(HF_RPC_ACK),
	      RUN(0, 0, REPLY(8, 0))),
	ACTOR("two requests", REQUEST(0, 8), REQUEST(0, 4)),
	ACTOR("run v0: wait, run v0: ack", RUN(0, 0, WAIT), RUN(0, 0, ACK)),
	ACTOR("run v0: reply+ack, ack", RUN(0, 0, REPLY(8, 1)),
	      PRIMARY(HF_RPC_ACK)),
	ACTOR("run v0, run v1", RUN(0, 0), RUN(0, 1)),
	ACTOR("run v1: wait, run v1: reply+ack", RUN(0, 1, WAIT),
	      RUN(0, 1, REPLY(4, 1))),
	ACTOR("run v1: turn v0 on, run v0: wait", RUN(0, 1, VCPU_ON(0)),
	      RUN(0, 0, WAIT)),
	ACTOR("run vm1: reply+ack, ack", RUN(1, 0, REPLY(16, 1)),
	      PRIMARY(HF_RPC_ACK)),
	ACTOR("request, request vm1", REQUEST(0, 8), REQUEST(1, 12)),
	ACTOR("configure, run v0: configure", CONFIGURE_PRIMARY,
	      RUN(0, 0, CONFIGURE)),
};
const unsigned int actor_count_all = ARRAY_SIZE(actors_all);

bool is_one_of_few(const struct actor *actor)
{
	static const char *const names[] = {
		"run v0: wait",
		"run v0: reply+ack",
		"run v0: ack, wait",
		"run v0: abort",
		"run v1: wait",
		"run v1: reply+ack",
		"run v1: turn v0 on",
		"run v1: off",
		"run v1: abort",
		"run vm1: reply+ack",
		"request 8",
		"ack",
		"request, run v0",
		"run v0",
		"run v0: read, ack",
		"run vm1: wait",
		"two requests",
		"request vm1",
		"CPU on",
		"CPU off, refused",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(actor->name, names[i]) == 0)
			return true;
	return false;
}
